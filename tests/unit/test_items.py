import re

import pytest

from app.items import LONGEST

HTMX = {"HX-Request": "true"}


def add(client, title: str, **kwargs):
    return client.post("/items", data={"title": title}, **kwargs)


def test_an_empty_list_says_so(client):
    assert "Nothing to check yet." in client.get("/").text


def test_added_items_are_listed_newest_first(client):
    assert add(client, "  Grease\n the   ways ").status_code == 303
    add(client, "Test the trigger")
    page = client.get("/").text
    assert page.index("Test the trigger") < page.index("Grease the ways")
    assert "0 of 2 done" in page


def test_without_javascript_the_browser_is_sent_back_to_the_list(client):
    answer = add(client, "Grease", follow_redirects=True)
    assert answer.request.path == "/"
    assert "Added." in answer.text
    assert "Added." not in client.get("/").text


def test_with_htmx_only_the_list_comes_back(client):
    answer = add(client, "Grease", headers=HTMX)
    assert answer.status_code == 200
    assert "Grease" in answer.text
    assert "<html" not in answer.text
    assert "HX-Request" in answer.headers["Vary"]


def test_tick_and_untick(client):
    add(client, "Grease")
    client.post("/items/1/toggle")
    assert 'aria-pressed="true"' in client.get("/").text
    assert "All 1 done: ready to launch." in client.get("/").text
    client.post("/items/1/toggle")
    assert 'aria-pressed="false"' in client.get("/").text


def test_who_ticks_by_keyboard_stays_on_that_line(client):
    def focused(answer):
        return re.findall(r'id="([\w-]+)"[^>]* autofocus', answer.text)

    assert focused(client.get("/")) == ["title"]
    add(client, "Grease")
    assert focused(client.post("/items/1/toggle", headers=HTMX)) == ["item-1"]
    assert focused(client.post("/items/1/remove", headers=HTMX)) == ["title"]


def test_remove(client):
    add(client, "Grease")
    assert client.post("/items/1/remove").status_code == 303
    assert "Grease" not in client.get("/").text


@pytest.mark.parametrize("action", ["toggle", "remove"])
def test_what_is_gone_already_is_no_error(client, action):
    assert client.post(f"/items/99/{action}").status_code == 303


def test_there_are_no_other_actions(client):
    assert client.post("/items/1/explode").status_code == 404
    assert client.get("/items/1/remove").status_code == 405


@pytest.mark.parametrize(
    ("title", "error"),
    [
        ("", "Write something first."),
        (" \t\0 ", "Write something first."),
        ("x" * (LONGEST + 1), "At most 120 characters, please; these are 121."),
    ],
)
def test_what_cannot_be_added_comes_back_with_the_reason(client, title, error):
    answer = add(client, title)
    assert answer.status_code == 422
    assert error in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "Nothing to check yet." in answer.text


def test_the_longest_title_fits(client):
    assert add(client, "x" * LONGEST).status_code == 303


def test_titles_are_text_never_markup_or_sql(client):
    add(client, "<script>alert(1)</script>'); DROP TABLE items;--")
    page = client.get("/").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#39;); DROP TABLE items;--" in page


def test_the_page_names_the_container_that_answered(client, monkeypatch):
    monkeypatch.setattr("app.items.HOST", "container-42")
    assert "<dd>container-42</dd>" in client.get("/").text


def test_the_list_is_cached_until_it_changes(client):
    def status():
        return client.get("/").headers["Cache-Status"]

    assert [status(), status()] == ["items; fwd=miss", "items; hit"]
    add(client, "Grease")
    assert [status(), status()] == ["items; fwd=miss", "items; hit"]
    client.post("/items/1/toggle")
    assert status() == "items; fwd=miss"


def test_a_hit_does_not_touch_the_database(client, request):
    add(client, "Grease")
    client.get("/")
    request.getfixturevalue("no_database")
    assert "Grease" in client.get("/").text


def test_a_form_that_is_far_too_large_is_refused(client):
    assert add(client, "x" * 100_000).status_code == 413
