"""The cache: Redis where REDIS_URL names one, else a dictionary. It may fail at any time; the page must not."""

import json
import time
from typing import Any

import redis
from flask import Flask, current_app
from prometheus_client import Counter
from redis.backoff import NoBackoff
from redis.retry import Retry

REQUESTS = Counter("app_cache_requests_total", "Look-ups in the cache", ["result"])


class Memory:
    """What we use of Redis, for one process."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[float, str]] = {}

    def get(self, key: str) -> str | None:
        until, value = self.values.get(key, (0.0, ""))
        return value if until > time.monotonic() else None

    def set(self, key: str, value: str, ex: int) -> None:
        self.values[key] = (time.monotonic() + ex, value)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)

    def ping(self) -> bool:
        return True


def _ask(command: str, *args: Any, **kwargs: Any) -> Any:
    try:
        return getattr(current_app.extensions["cache"], command)(*args, **kwargs)
    except redis.RedisError as error:
        current_app.logger.warning("cache: %s failed: %s", command, error)
        return None


def get(key: str) -> Any | None:
    value = _ask("get", key)
    REQUESTS.labels("hit" if value else "miss").inc()
    return json.loads(value) if value else None


def put(key: str, value: Any) -> None:
    _ask("set", key, json.dumps(value), ex=current_app.config["SETTINGS"].cache_seconds)


def drop(key: str) -> None:
    _ask("delete", key)


def init_app(app: Flask) -> None:
    # Redis's client would try four times with growing pauses: a page would wait ten seconds for its cache.
    once = Retry(NoBackoff(), 0)
    options = {"decode_responses": True, "socket_timeout": 1, "socket_connect_timeout": 1, "retry": once}
    url = app.config["SETTINGS"].redis_url
    app.extensions["cache"] = redis.Redis.from_url(url, **options) if url else Memory()
