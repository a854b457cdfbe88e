"""The cache: Redis where REDIS_URL names one, else a dictionary. It may fail at any time; the page must not."""

import json
import logging
import time
from typing import Any

from flask import Flask, current_app
from prometheus_client import Counter

REQUESTS = Counter("app_cache_requests_total", "Look-ups in the cache", ["result"])
log = logging.getLogger(__name__)


class MemoryCache:
    def __init__(self) -> None:
        self._values: dict[str, tuple[float, str]] = {}

    def get(self, key: str) -> str | None:
        until, value = self._values.get(key, (0.0, ""))
        return value if until > time.monotonic() else None

    def set(self, key: str, value: str, ex: int) -> None:
        self._values[key] = (time.monotonic() + ex, value)

    def delete(self, key: str) -> None:
        self._values.pop(key, None)

    def ping(self) -> None:
        """Always there."""


def _connect(url: str) -> Any:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # The client's own default is to try four times with growing pauses: a page would wait ten seconds for its cache.
    retry = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(url, decode_responses=True, socket_timeout=1, socket_connect_timeout=1, retry=retry)


def get(key: str) -> Any | None:
    value = _try("get", key)
    REQUESTS.labels("hit" if value else "miss").inc()
    return json.loads(value) if value else None


def put(key: str, value: Any) -> None:
    _try("set", key, json.dumps(value), ex=current_app.config["SETTINGS"].cache_seconds)


def drop(key: str) -> None:
    _try("delete", key)


def _try(operation: str, *args: Any, **kwargs: Any) -> Any:
    cache = current_app.extensions["cache"]
    try:
        return getattr(cache, operation)(*args, **kwargs)
    except current_app.extensions["cache_errors"] as error:
        log.warning("cache %s failed: %s", operation, error)
        return None


def init_app(app: Flask) -> None:
    url = app.config["SETTINGS"].redis_url
    app.extensions["cache"] = _connect(url) if url else MemoryCache()
    app.extensions["cache_errors"] = ()
    if url:
        from redis.exceptions import RedisError

        app.extensions["cache_errors"] = (RedisError,)
