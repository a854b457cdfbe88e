import threading

import pytest


def test_alive_and_healthy(client):
    assert client.get("/livez").json == {"status": "alive"}
    assert client.get("/health").json == {"status": "healthy"}


def test_ready(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready", "failed": []})


def test_a_database_that_is_gone_is_not_ready_but_alive(client, no_database):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"status": "unready", "failed": ["db"]})
    assert client.get("/livez").status_code == 200


def test_a_database_without_migrations_is_not_ready(app, client):
    with app.extensions["db"].begin() as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
    assert client.get("/readyz").json["failed"] == ["db"]


def test_what_hangs_is_not_ready_and_the_answer_comes_all_the_same(app, client, monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr("app.health.PATIENCE", 0.1)
    monkeypatch.setattr(app.extensions["cache"], "ping", lambda: answered.wait(60))
    assert "cache" in client.get("/readyz").json["failed"]
    answered.set()


def test_draining_is_not_ready_but_alive(app, client):
    app.extensions["draining"][0] = 1
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["failed"]) == (503, ["draining"])
    assert client.get("/livez").status_code == 200


def test_version(make_app):
    app = make_app(APP_VERSION="1.2.3", APP_COMMIT="3f2c1ab", APP_BUILT="2026-11-20T10:00:00Z")
    assert app.test_client().get("/version").json == {
        "version": "1.2.3",
        "commit": "3f2c1ab",
        "built": "2026-11-20T10:00:00Z",
        "revision": "0002",
    }


def test_version_is_known_while_the_database_is_gone(client, no_database):
    answer = client.get("/version")
    assert (answer.status_code, answer.json["revision"]) == (200, None)


def test_metrics_count_by_route_and_never_by_address(client):
    client.post("/items/7/toggle")
    client.get("/somewhere/else")
    text = client.get("/metrics").text
    assert 'route="/items/<int:item_id>/<any(toggle, remove):action>",status="303"' in text
    assert 'route="none",status="404"' in text
    assert "/items/7" not in text
    assert "process_resident_memory_bytes" in text


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/version", "/metrics"])
def test_answers_about_the_app_are_never_stored(client, path):
    assert client.get(path).headers["Cache-Control"] == "no-store"
