import re

import pytest
from conftest import docker


@pytest.fixture(autouse=True, scope="module")
def nothing_listed_yet(client):
    for path in re.findall(r'action="(/items/\d+/remove)"', client.get("/").text):
        client.post(path)


def test_ready_for_traffic(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["failed"]) == (200, [])


def test_the_page_lists_what_is_added(client):
    answer = client.post("/items", data={"title": "Oil the capstan"}, follow_redirects=True)
    assert answer.status_code == 200
    assert "Oil the capstan" in answer.text
    assert "Oil the capstan" in client.get("/").text


def test_ticked_off_and_removed(client):
    listed = client.post("/items", data={"title": "Fly the flags"}, headers={"HX-Request": "true"}).text
    toggle = re.search(r'action="(/items/\d+/toggle)"', listed)[1]
    assert 'aria-pressed="true"' in client.post(toggle, follow_redirects=True).text
    gone = client.post(toggle.replace("toggle", "remove"), follow_redirects=True).text
    assert "Fly the flags" not in gone


def test_the_list_comes_from_redis_until_it_changes(client, container):
    client.post("/items", data={"title": "Wet the ways"})
    assert client.get("/").headers["Cache-Status"] == "items; fwd=miss"
    assert client.get("/").headers["Cache-Status"] == "items; hit"
    # Really from there: what is put into Redis behind the app's back is what the page shows.
    assert "Wet the ways" in docker("exec", container("cache"), "redis-cli", "get", "items")
    forged = '[{"id": 1, "title": "From Redis", "done": false}]'
    docker("exec", container("cache"), "redis-cli", "set", "items", forged, "EX", "30")
    assert "From Redis" in client.get("/").text
    client.post("/items", data={"title": "Something new"})
    assert "From Redis" not in client.get("/").text


def test_it_says_which_container_answered(client, container):
    hostname = docker("inspect", "--format", "{{.Config.Hostname}}", container("web"))
    assert f"<dd>{hostname}</dd>" in client.get("/").text


def test_static_files_are_digested_compressed_and_kept(client):
    for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', client.get("/").text):
        assert re.search(r"\.[0-9a-f]{12}\.", path)
        answer = client.get(path, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        if not path.endswith(".svg"):
            assert answer.headers["Content-Encoding"] == "gzip"


def test_the_image_knows_what_it_is(client, container):
    label = '{{index .Config.Labels "org.opencontainers.image.revision"}}'
    version = client.get("/version").json()
    assert version["commit"] == docker("inspect", "--format", label, container("web"))
    assert version["revision"] == "0002"


def test_it_can_be_measured(client):
    client.get("/")
    assert 'http_request_duration_seconds_count{method="GET",route="/",status="200"}' in client.get("/metrics").text
