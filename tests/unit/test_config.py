import dataclasses

import pytest
from conftest import STRONG

from app.config import ConfigError, Settings

PRODUCTION = {"APP_ENV": "production", "SECRET_KEY": STRONG, "DATABASE_URL": "postgresql://app@db/app"}


def errors(env: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Settings.from_env(env)
    return caught.value.errors


def test_starts_with_an_empty_environment():
    settings = Settings.from_env({})
    assert (settings.env, settings.redis_url, settings.fail) == ("development", "", ())
    assert settings.database_url.startswith("sqlite:///")


def test_all_errors_are_listed_at_once():
    wrong = {
        "FLASK_DEBUG": "1",
        "WEB_THREADS": "many",
        "CACHE_SECONDS": "0",
        "TRUSTED_PROXIES": "-1",
        "LOG_LEVEL": "loud",
        "REDIS_URL": "cache:6379",
        "DATABASE_URL": "mysql://db/app",
        "APP_FAIL": "everything",
        "SECRET_KEY": "",
    }
    found = errors({"APP_ENV": "production"} | wrong)
    assert sorted(line.split(":")[0] for line in found) == sorted(wrong)


def test_the_message_is_one_for_a_person():
    with pytest.raises(ConfigError) as caught:
        Settings.from_env({"CACHE_SECONDS": "soon", "APP_ENV": "prod"})
    assert caught.value.format_message() == (
        "the environment is not usable:\n"
        "  APP_ENV: 'prod' is not one of: development, production\n"
        "  CACHE_SECONDS: 'soon' is not a number between 1 and 86400"
    )


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("", "missing"),
        ("short", "too weak"),
        ("a" * 64, "too weak"),
        ("changeme-changeme-mR7vQ2xNp9LtW4sYbZ8c", "too weak"),
        ("this-is-an-Example-key-0123456789-xyz", "too weak"),
    ],
)
def test_production_refuses_a_weak_secret(key, problem):
    (error,) = errors(PRODUCTION | {"SECRET_KEY": key})
    assert error.startswith(f"SECRET_KEY: {problem};")


def test_production_needs_a_database():
    assert errors(PRODUCTION | {"DATABASE_URL": ""}) == ["DATABASE_URL: missing"]


def test_production_accepts_what_is_right():
    assert Settings.from_env(PRODUCTION).env == "production"


def test_secrets_come_from_files_too(tmp_path):
    (tmp_path / "key").write_text(STRONG + "\n")
    (tmp_path / "password").write_text("p@ss/word\n")
    settings = Settings.from_env(
        {
            "APP_ENV": "production",
            "SECRET_KEY_FILE": str(tmp_path / "key"),
            "DATABASE_URL": "postgres://app@db/app",
            "DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
        }
    )
    assert settings.secret_key == STRONG
    assert settings.database_password == "p@ss/word"


def test_a_file_that_is_not_there_is_named():
    (error,) = errors({"SECRET_KEY_FILE": "/nowhere/key"})
    assert error.startswith("SECRET_KEY: ")
    assert "/nowhere/key" in error


def test_a_value_and_a_file_are_one_too_many(tmp_path):
    (tmp_path / "key").write_text(STRONG)
    (error,) = errors({"SECRET_KEY": STRONG, "SECRET_KEY_FILE": str(tmp_path / "key")})
    assert "keep one" in error


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_database_addresses_as_platforms_give_them(scheme):
    settings = Settings.from_env({"DATABASE_URL": f"{scheme}://app:p%40ss@db:5432/app?sslmode=require"})
    assert settings.database_url == "postgresql+psycopg://app:p%40ss@db:5432/app?sslmode=require"


def test_an_address_that_is_none():
    assert errors({"DATABASE_URL": "the big one"}) == ["DATABASE_URL: is not a URL such as postgresql://user@host/name"]


def test_lists_and_flags():
    settings = Settings.from_env({"TRUSTED_HOSTS": " a.example, ,b.example ", "COOKIE_SECURE": "TRUE"})
    assert settings.trusted_hosts == ("a.example", "b.example")
    assert settings.cookie_secure is True


def test_frozen_and_silent_about_secrets():
    settings = Settings.from_env(PRODUCTION | {"DATABASE_PASSWORD": "hunter2", "REDIS_URL": "redis://:hunter3@cache"})
    assert not any(secret in repr(settings) for secret in (STRONG, "hunter2", "hunter3", "app@db"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.env = "development"
