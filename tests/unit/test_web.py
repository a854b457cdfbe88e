import sys

import pytest

from app.web import HEADERS


@pytest.mark.parametrize("path", ["/", "/livez", "/nothing/here", "/static/style.css"])
def test_every_answer_has_the_security_headers_once(client, path):
    answer = client.get(path, buffered=True)
    for name, value in HEADERS.items():
        assert answer.headers.getlist(name) == [value]


def test_the_policy_allows_nothing_inline_and_the_page_needs_nothing_inline(client):
    answer = client.get("/")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "<style" not in answer.text
    assert "onclick" not in answer.text
    assert answer.text.count("<script") == answer.text.count("<script src=")


def test_nothing_comes_from_elsewhere(client):
    assert "//" not in client.get("/").text.replace("<!doctype", "")


def test_https_is_remembered_by_the_browser(client):
    assert "Strict-Transport-Security" not in client.get("/").headers
    assert "max-age" in client.get("/", base_url="https://localhost").headers["Strict-Transport-Security"]


def test_request_ids_are_kept_or_made(client):
    assert client.get("/livez", headers={"X-Request-ID": "abc-1.2_3"}).headers["X-Request-ID"] == "abc-1.2_3"
    made = {client.get("/livez").headers["X-Request-ID"] for _ in range(2)}
    assert len(made) == 2


@pytest.mark.parametrize("given", ["a b", 'x","status":"500', "x" * 65, "é", ""])
def test_request_ids_that_could_do_harm_are_replaced(client, given):
    answer = client.get("/livez", environ_overrides={"HTTP_X_REQUEST_ID": given})
    assert answer.headers["X-Request-ID"].isalnum()
    assert answer.headers["X-Request-ID"] != given


def test_hosts_that_are_not_ours_are_refused(make_app):
    client = make_app(TRUSTED_HOSTS="shop.example,localhost").test_client()
    assert client.get("/livez", base_url="http://shop.example").status_code == 200
    answer = client.get("/livez", base_url="http://evil.example")
    assert answer.status_code == 400
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_forwarded_headers_are_ignored_by_default(make_app):
    def redirect(**env):
        client = make_app(**env).test_client()
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "9.9.9.9"}
        return "Strict-Transport-Security" in client.get("/livez", headers=headers).headers

    assert redirect() is False
    assert redirect(TRUSTED_PROXIES="1") is True


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),  # no browser at all
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Origin": "http://localhost"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:8080"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
    ],
)
def test_other_sites_may_not_write(client, headers, status):
    assert client.post("/items", data={"title": "Grease"}, headers=headers).status_code == status
    assert ("Grease" in client.get("/", headers=headers).text) == (status == 303)


def test_the_session_cookie(make_app):
    def cookie(**env):
        return make_app(**env).test_client().post("/items", data={"title": "x"}).headers["Set-Cookie"]

    assert "HttpOnly" in cookie()
    assert "SameSite=Lax" in cookie()
    assert "Secure" not in cookie()
    assert "Secure" in cookie(COOKIE_SECURE="1")


def test_a_page_that_is_not_there(client):
    answer = client.get("/nothing/here")
    assert answer.status_code == 404
    assert "<h1>Not Found</h1>" in answer.text
    assert answer.headers["X-Request-ID"] in answer.text


def test_a_database_that_is_gone_is_a_page_for_people(client, no_database):
    answer = client.get("/")
    assert answer.status_code == 503
    assert "The database does not answer." in answer.text
    assert "refused" not in answer.text


def test_htmx_is_told_to_show_an_error_as_a_page(client, no_database):
    answer = client.post("/items", data={"title": "x"}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (503, "body")
    assert "HX-Retarget" not in client.get("/").headers


def test_an_unexpected_error_shows_its_id_and_nothing_else(client, monkeypatch):
    monkeypatch.setattr("app.items.cache.get", lambda key: 1 / 0)
    answer = client.get("/")
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] in answer.text
    assert "division" not in answer.text


def test_the_debug_toolbar_is_there_when_debugging_only(make_app):
    assert "flDebug" in make_app(FLASK_DEBUG="1").test_client().get("/").text
    assert "flDebug" not in make_app().test_client().get("/").text


def test_debugging_works_without_the_toolbar(make_app, monkeypatch):
    monkeypatch.setitem(sys.modules, "flask_debugtoolbar", None)
    assert make_app(FLASK_DEBUG="1").test_client().get("/").status_code == 200
