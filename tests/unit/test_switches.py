"""Each way to fail on purpose does fail, and only as it says (docs/reference/app.md)."""

import os

from conftest import STRONG

from app.config import FAILURES


def test_no_unit_test_was_asked_to_fail():
    """APP_FAIL=test: this is the test that then fails."""
    assert "test" not in os.environ.get("APP_FAIL", "")


def paths(client) -> dict[str, int]:
    return {path: client.get(path).status_code for path in ("/", "/livez", "/readyz", "/version")}


def test_livez(make_app):
    assert paths(make_app(APP_FAIL="livez").test_client()) == {"/": 200, "/livez": 503, "/readyz": 200, "/version": 200}


def test_readyz(make_app):
    client = make_app(APP_FAIL="readyz").test_client()
    assert paths(client) == {"/": 200, "/livez": 200, "/readyz": 503, "/version": 200}
    assert client.get("/readyz").json["failed"] == ["switch"]


def test_version(make_app):
    client = make_app(APP_FAIL="version", APP_COMMIT="3f2c1ab").test_client()
    assert client.get("/version").json["commit"] == "0000000"
    assert paths(client)["/readyz"] == 200


def test_page_loses_what_was_added(make_app):
    client = make_app(APP_FAIL="page").test_client()
    client.post("/items", data={"title": "Grease"})
    assert client.get("/").status_code == 200
    assert "Grease" not in client.get("/").text


def test_slow(make_app, monkeypatch):
    slept = []
    monkeypatch.setattr("app.items.time.sleep", slept.append)
    client = make_app(APP_FAIL="slow", APP_SLOW_SECONDS="1.5").test_client()
    assert paths(client) == {"/": 200, "/livez": 200, "/readyz": 200, "/version": 200}
    assert slept == [1.5]


def test_migrate(make_app):
    done = make_app(APP_FAIL="migrate").test_cli_runner().invoke(args=["migrate"])
    assert done.exit_code == 1
    assert "APP_FAIL=migrate" in done.output


def test_several_at_once_and_never_in_silence(make_app, caplog):
    client = make_app(APP_ENV="production", SECRET_KEY=STRONG, APP_FAIL="livez, readyz").test_client()
    assert paths(client) == {"/": 200, "/livez": 503, "/readyz": 503, "/version": 200}
    assert "failing on purpose: livez, readyz" in caplog.text


def test_there_are_these(make_app):
    assert set(FAILURES) == {"boot", "leak", "livez", "migrate", "page", "readyz", "slow", "test", "version"}
