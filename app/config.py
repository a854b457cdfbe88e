"""Settings from the environment: read once, validated together, frozen. docs/reference/app.md explains each.

Every variable may also come from a file, for secrets: SECRET_KEY_FILE=/run/secrets/key instead of SECRET_KEY.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import click
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

FAILURES = ("boot", "leak", "livez", "migrate", "page", "readyz", "slow", "test", "version")
DEVELOPMENT_KEY = "insecure: for development only"
DEVELOPMENT_DATABASE = "sqlite:///instance/sample.sqlite3"
DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
PLACEHOLDERS = ("change", "default", "example", "insecure", "password", "placeholder")


class ConfigError(click.ClickException):
    """All that is wrong, in one message: nobody should have to start five times to see five errors."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n  ".join(["the environment is not usable:", *errors]))
        self.errors = errors


def number(low: float, high: float, kind: type = int) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        with suppress(ValueError):
            if low <= (value := kind(text)) <= high:
                return value
        raise ValueError(f"{text!r} is not a number between {low} and {high}")

    return read


def choice(*options: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in options:
            raise ValueError(f"{text!r} is not one of: {', '.join(options)}")
        return text

    return read


def flag(text: str) -> bool:
    return choice("0", "1", "false", "true")(text.lower()) in ("1", "true")


def names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def failures(text: str) -> tuple[str, ...]:
    return tuple(choice(*FAILURES)(name) for name in names(text))


def redis_url(text: str) -> str:
    if text and not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    return text


def database_url(text: str) -> str:
    """Platforms hand out postgres://; SQLAlchemy wants its driver named."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("is not a URL such as postgresql://user@host/name") from None
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    if url.drivername not in ("postgresql+psycopg", "sqlite"):
        raise ValueError(f"{url.drivername} is not supported; use postgresql:// or sqlite:///")
    return url.render_as_string(hide_password=False)


def missing(url: str) -> str | None:
    return "missing" if url == DEVELOPMENT_DATABASE else None


def weak(key: str) -> str | None:
    if len(key) >= 32 and len(set(key)) >= 10 and not any(word in key.lower() for word in PLACEHOLDERS):
        return None
    problem = "missing" if key == DEVELOPMENT_KEY else "too weak"
    return f"{problem}; a strong one: python -c 'import secrets; print(secrets.token_urlsafe(48))'"


def debugging(on: bool) -> str | None:
    return "the debugger runs code for whoever reaches it; never in production" if on else None


def variable(name: str, default: str, read: Callable[[str], Any] = str, **more: Any) -> Any:
    """A field read from the variable `name`; `unfit` says why a value must not be used in production."""
    return field(metadata={"name": name, "default": default, "read": read} | more, repr="secret" not in more)


@dataclass(frozen=True, kw_only=True)
class Settings:
    env: str = variable("APP_ENV", "development", choice("development", "production"))
    debug: bool = variable("FLASK_DEBUG", "0", flag, unfit=debugging)
    threads: int = variable("WEB_THREADS", "8", number(1, 256))  # and a connection to the database for each
    database_url: str = variable("DATABASE_URL", DEVELOPMENT_DATABASE, database_url, unfit=missing, secret=True)
    database_password: str = variable("DATABASE_PASSWORD", "", secret=True)
    secret_key: str = variable("SECRET_KEY", DEVELOPMENT_KEY, unfit=weak, secret=True)
    redis_url: str = variable("REDIS_URL", "", redis_url, secret=True)
    cache_seconds: int = variable("CACHE_SECONDS", "30", number(1, 86400))
    trusted_hosts: tuple[str, ...] = variable("TRUSTED_HOSTS", "", names)
    trusted_proxies: int = variable("TRUSTED_PROXIES", "0", number(0, 10))
    cookie_secure: bool = variable("COOKIE_SECURE", "0", flag)
    log_level: str = variable("LOG_LEVEL", "info", choice("debug", "info", "warning", "error"))
    fail: tuple[str, ...] = variable("APP_FAIL", "", failures)
    slow_seconds: float = variable("APP_SLOW_SECONDS", "2", number(0, 60, float))
    version: str = variable("APP_VERSION", "dev")
    commit: str = variable("APP_COMMIT", "unknown")
    built: str = variable("APP_BUILT", "unknown")

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """An empty variable counts as unset."""
        env = os.environ if env is None else env
        values: dict[str, Any] = {}
        errors = []
        for f in fields(cls):
            name, unfit = f.metadata["name"], f.metadata.get("unfit")
            text, path = env.get(name, "").strip(), env.get(f"{name}_FILE")
            try:
                if text and path:
                    raise ValueError(f"set both directly and by {name}_FILE; keep one")
                text = Path(path).read_text().strip() if path else text
                values[f.name] = f.metadata["read"](text or f.metadata["default"])
                if unfit and values.get("env") == "production" and (problem := unfit(values[f.name])):
                    raise ValueError(problem)
            except (ValueError, OSError) as error:
                errors.append(f"{name}: {error}")
        if errors:
            raise ConfigError(errors)
        return cls(**values)
