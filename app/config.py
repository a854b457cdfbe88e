"""Settings from the environment: read once, validated together, frozen. docs/reference/app.md explains each."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import click
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

FAILURES = {"boot", "leak", "livez", "migrate", "page", "readyz", "slow", "test", "version"}
PLACEHOLDERS = ("change", "default", "example", "insecure", "password", "placeholder")


class ConfigError(click.ClickException):
    """Every setting that is wrong, in one message: nobody should have to start the app five times to see five errors."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("the environment is not usable:\n" + "\n".join(f"  {error}" for error in errors))


@dataclass(frozen=True)
class Settings:
    env: str
    secret_key: str = field(repr=False)
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    cache_seconds: int
    trusted_hosts: tuple[str, ...]
    trusted_proxies: int
    cookie_secure: bool
    log_level: str
    fail: frozenset[str]
    slow_seconds: float
    version: str
    commit: str
    built: str
    # The server's part (gunicorn.conf.py) is validated here too, so that its errors come in the same list.
    host: str
    port: int
    workers: int
    threads: int
    worker_class: str
    timeout: int
    graceful_seconds: int
    drain_seconds: float
    keepalive: int
    max_requests: int
    preload: bool
    forwarded_allow_ips: str

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        read = _Reader(env)
        mode = read.choice("APP_ENV", "development", ("development", "production"))
        values: dict[str, Any] = {
            "env": mode,
            "secret_key": _secret_key(read, mode),
            "database_url": _database_url(read),
            "redis_url": read.text("REDIS_URL"),
            "cache_seconds": read.number("CACHE_SECONDS", 30, 1, 86400),
            "trusted_hosts": read.items("TRUSTED_HOSTS"),
            "trusted_proxies": read.number("TRUSTED_PROXIES", 0, 0, 10),
            "cookie_secure": read.flag("COOKIE_SECURE"),
            "log_level": read.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
            "fail": frozenset(read.items("APP_FAIL")),
            "slow_seconds": read.number("APP_SLOW_SECONDS", 2.0, 0, 60),
            "version": read.text("APP_VERSION", "dev"),
            "commit": read.text("APP_COMMIT", "unknown"),
            "built": read.text("APP_BUILT", "unknown"),
            "host": read.text("HOST", "0.0.0.0"),  # noqa: S104  a container that listens on loopback is unreachable
            "port": read.number("PORT", 8000, 1, 65535),
            "workers": read.number("WEB_CONCURRENCY", 1, 1, 64),
            "threads": read.number("WEB_THREADS", 8, 1, 256),
            "worker_class": read.text("WEB_WORKER_CLASS", "gthread"),
            "timeout": read.number("WEB_TIMEOUT", 30, 1, 3600),
            "graceful_seconds": read.number("WEB_GRACEFUL_SECONDS", 10, 0, 3600),
            "drain_seconds": read.number("WEB_DRAIN_SECONDS", 0.0, 0, 3600),
            "keepalive": read.number("WEB_KEEPALIVE", 5, 0, 3600),
            "max_requests": read.number("WEB_MAX_REQUESTS", 0, 0, 10**9),
            "preload": read.flag("WEB_PRELOAD"),
            "forwarded_allow_ips": read.text("FORWARDED_ALLOW_IPS", "127.0.0.1"),
        }
        if unknown := sorted(values["fail"] - FAILURES):
            read.errors.append(f"APP_FAIL: no such failure: {', '.join(unknown)} (there are: {', '.join(sorted(FAILURES))})")
        if mode == "production" and read.flag("FLASK_DEBUG"):
            read.errors.append("FLASK_DEBUG: the debugger runs code for whoever can reach it; unset it in production")
        if values["redis_url"] and not values["redis_url"].startswith(("redis://", "rediss://", "unix://")):
            read.errors.append("REDIS_URL: must begin with redis://, rediss:// or unix://")
        if read.errors:
            raise ConfigError(read.errors)
        return cls(**{f.name: values[f.name] for f in fields(cls)})


def _secret_key(read: "_Reader", mode: str) -> str:
    key = read.text("SECRET_KEY")
    if mode == "development":
        return key or "for development only: it protects nothing"
    if len(key) < 32 or len(set(key)) < 10 or any(word in key.lower() for word in PLACEHOLDERS):
        problem = "is missing" if not key else "is weak"
        read.errors.append(f"SECRET_KEY: {problem}; `flask --app app secret` prints a strong one")
    return key


def _database_url(read: "_Reader") -> str:
    """Platforms hand out postgres://, SQLAlchemy wants the driver named; the password may come in a file of its own."""
    text = read.text("DATABASE_URL") or f"sqlite:///{Path(__file__).parents[1] / 'instance' / 'sample.sqlite3'}"
    password = read.text("DATABASE_PASSWORD")
    try:
        url = make_url(text)
    except ArgumentError:
        read.errors.append("DATABASE_URL: not a URL such as postgresql://user@host/name")
        return ""
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("postgresql+psycopg", "sqlite"):
        read.errors.append(f"DATABASE_URL: {url.drivername} is not supported; use postgresql:// or sqlite:///")
    return url.set(password=password or url.password).render_as_string(hide_password=False)


class _Reader:
    """Reads variables and collects what is wrong with them. Each may also come from a file: NAME_FILE=/run/secrets/x."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.errors: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        value, path = self.env.get(name, "").strip(), self.env.get(f"{name}_FILE")
        if path and value:
            self.errors.append(f"{name}: set both directly and by {name}_FILE; keep one")
        elif path:
            try:
                value = Path(path).read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                self.errors.append(f"{name}_FILE: cannot read {path}: {getattr(error, 'strerror', None) or error}")
        return value or default

    def number(self, name: str, default: Any, low: float, high: float) -> Any:
        text = self.text(name, str(default))
        try:
            value = type(default)(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            self.errors.append(f"{name}: {text!r} is not a number between {low} and {high}")
        return value

    def choice(self, name: str, default: str, options: tuple[str, ...]) -> str:
        value = self.text(name, default).lower()
        if value not in options:
            self.errors.append(f"{name}: {value!r} is not one of {', '.join(options)}")
        return value

    def flag(self, name: str) -> bool:
        return self.choice(name, "0", ("0", "1", "false", "true", "no", "yes")) in ("1", "true", "yes")

    def items(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text(name).split(",") if part.strip())
