"""Settings from the environment: read once, validated together, frozen. docs/reference/app.md explains each.

Every variable may also come from a file, for secrets: SECRET_KEY_FILE=/run/secrets/key instead of SECRET_KEY.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import click
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

FAILURES = ("boot", "leak", "livez", "migrate", "page", "readyz", "slow", "test", "version")
DEVELOPMENT_KEY = "insecure: for development only"
DEVELOPMENT_DATABASE = "sqlite:///instance/sample.sqlite3"
PLACEHOLDERS = ("change", "default", "example", "insecure", "password", "placeholder")


class ConfigError(click.ClickException):
    """All that is wrong, in one message: nobody should have to start five times to see five errors."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("the environment is not usable:\n" + "\n".join(f"  {error}" for error in errors))
        self.errors = errors


def number(low: float, high: float, kind: type = int) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            if low <= (value := kind(text)) <= high:
                return value
        except ValueError:
            pass
        raise ValueError(f"{text!r} is not a number between {low} and {high}")

    return read


def choice(*options: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text in options:
            return text
        raise ValueError(f"{text!r} is not one of: {', '.join(options)}")

    return read


def flag(text: str) -> bool:
    return choice("0", "1", "false", "true")(text.lower()) in ("1", "true")


def names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def failures(text: str) -> tuple[str, ...]:
    return tuple(choice(*FAILURES)(name) for name in names(text))


def redis_url(text: str) -> str:
    if not text.startswith(("redis://", "rediss://", "unix://")) and text:
        raise ValueError("must begin with redis://, rediss:// or unix://")
    return text


def database_url(text: str) -> str:
    """Platforms hand out postgres://; SQLAlchemy wants its driver named."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("is not a URL such as postgresql://user@host/name") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("postgresql+psycopg", "sqlite"):
        raise ValueError(f"{url.drivername} is not supported; use postgresql:// or sqlite:///")
    return url.render_as_string(hide_password=False)


def variable(name: str, default: str, read: Callable[[str], Any] = str, secret: bool = False) -> Any:
    return field(metadata={"name": name, "default": default, "read": read}, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    env: str = variable("APP_ENV", "development", choice("development", "production"))
    debug: bool = variable("FLASK_DEBUG", "0", flag)
    secret_key: str = variable("SECRET_KEY", DEVELOPMENT_KEY, secret=True)
    database_url: str = variable("DATABASE_URL", DEVELOPMENT_DATABASE, database_url, secret=True)
    database_password: str = variable("DATABASE_PASSWORD", "", secret=True)
    database_pool: int = variable("WEB_THREADS", "8", number(1, 256))  # a connection for each thread
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
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        values, errors = read_all(cls, os.environ if env is None else env)
        if values.get("env") == "production":
            errors += unfit_for_production(values)
        if errors:
            raise ConfigError(errors)
        return cls(**values)


def unfit_for_production(values: Mapping[str, Any]) -> list[str]:
    errors, key = [], values.get("secret_key", "")
    if values.get("debug"):
        errors.append("FLASK_DEBUG: the debugger runs code for whoever reaches it; never in production")
    if values.get("database_url") == DEVELOPMENT_DATABASE:
        errors.append("DATABASE_URL: missing")
    if len(key) < 32 or len(set(key)) < 10 or any(word in key.lower() for word in PLACEHOLDERS):
        problem = "missing" if key == DEVELOPMENT_KEY else "too weak"
        errors.append(
            f"SECRET_KEY: {problem}; a strong one: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return errors


def read_all(cls: type, env: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Also used by gunicorn.conf.py, for what concerns the server alone. An empty variable counts as unset."""
    values, errors = {}, []
    for f in fields(cls):
        name, text = f.metadata["name"], env.get(f.metadata["name"], "").strip()
        try:
            if path := env.get(f"{name}_FILE"):
                if text:
                    raise ValueError(f"set both directly and by {name}_FILE; keep one")
                text = Path(path).read_text().strip()
            values[f.name] = f.metadata["read"](text or f.metadata["default"])
        except (ValueError, OSError) as error:
            errors.append(f"{name}: {error}")
    return values, errors
