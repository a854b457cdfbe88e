"""Last by its name: the database is gone for a while, and comes back empty (its disk is memory here)."""

import pytest
from conftest import docker, until


@pytest.fixture
def no_database(client, container):
    docker("stop", container("db"))
    yield
    docker("start", container("db"))
    healthy = "{{.State.Health.Status}}"
    until(lambda: docker("inspect", "--format", healthy, container("db")) == "healthy", seconds=30)
    docker("start", "--attach", container("migrate"))
    until(lambda: client.get("/readyz").status_code == 200)
    # Connections that broke are replaced without anybody noticing.
    assert client.post("/items", data={"title": "Back again"}).status_code == 303


def test_not_ready_but_alive_and_honest_about_it(client, container, no_database):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["failed"]) == (503, ["db"])
    assert client.get("/livez").status_code == 200
    assert client.get("/version").json()["revision"] is None
    docker("exec", container("cache"), "redis-cli", "del", "items")
    page = client.get("/")
    assert page.status_code == 503
    assert "The database does not answer." in page.text
    assert docker("inspect", "--format", "{{.State.Health.Status}}", container("web")) == "healthy"
