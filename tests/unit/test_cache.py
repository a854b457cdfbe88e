import pytest

from app import cache


def test_memory_forgets_in_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(cache.time, "monotonic", lambda: now[0])
    memory = cache.Memory()
    memory.set("a", "1", ex=10)
    assert memory.get("a") == "1"
    now[0] += 10
    assert memory.get("a") is None


def test_an_empty_list_is_a_hit_too(app):
    with app.app_context():
        cache.put("items", [])
        assert cache.get("items") == []


@pytest.fixture
def without_redis(make_app):
    # Port 1 on this machine: refused at once.
    return make_app(REDIS_URL="redis://127.0.0.1:1/0").test_client()


def test_the_page_works_while_the_cache_is_gone(without_redis):
    assert without_redis.post("/items", data={"title": "Grease"}).status_code == 303
    assert "Grease" in without_redis.get("/").text
    assert without_redis.get("/").headers["Cache-Status"] == "items; fwd=miss"


def test_readyz_names_the_cache_that_is_gone(without_redis):
    answer = without_redis.get("/readyz")
    assert (answer.status_code, answer.json["failed"]) == (503, ["cache"])


def test_hits_and_misses_are_counted(client):
    def count(result):
        return cache.REQUESTS.labels(result)._value.get()

    hits, misses = count("hit"), count("miss")
    client.get("/")
    client.get("/")
    assert (count("hit") - hits, count("miss") - misses) == (1, 1)
