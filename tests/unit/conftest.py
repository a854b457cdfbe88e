"""Each test has an app on a fresh SQLite file: the common one, or one of its own with whatever environment it wants."""

import gc
import os
import runpy
import shutil
import sqlite3
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Engine, event

from app import cache, create_app, db
from app.config import Settings

ROOT = Path(__file__).parents[2]
STRONG = "mR7vQ2xNp9LtW4sYbZ8cK1fGh3jD5aEu"


def pytest_collection_finish() -> None:
    """All that was imported stays to the end. Looking at it again at each collection costs a sixth of the tests."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _logging_stays_pytests(monkeypatch):
    """create_app would take over the root logger. test_logs.py tries the real thing."""
    monkeypatch.setattr("app.logs.configure", lambda settings: None)


@pytest.fixture(autouse=True)
def _a_busy_machine_is_no_failure(monkeypatch):
    monkeypatch.setattr("app.health.PATIENCE", 30)


@event.listens_for(Engine, "connect")
def _no_waiting_for_the_disk(connection, record):
    """These files are thrown away: they need no fsync, which costs most while an image is built next door."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory) -> Path:
    """Migrated once and copied: starting from nothing would cost every test 50 ms."""
    path = tmp_path_factory.mktemp("db") / "migrated.sqlite3"
    engine = db.make_engine(Settings.from_env({"DATABASE_URL": f"sqlite:///{path}"}))
    db.migrate(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def templates(tmp_path_factory) -> FileSystemBytecodeCache:
    """Compiled once for all apps."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture(scope="session")
def new_app(migrated, templates):
    def make(path: Path, **env: str) -> Flask:
        shutil.copy(migrated, path)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.logs.configure", lambda settings: None)
            patch.setattr(db, "migrate", lambda engine: None)
            app = create_app(Settings.from_env({"DATABASE_URL": f"sqlite:///{path}"} | env))
        app.jinja_env.bytecode_cache = templates
        return app

    return make


@pytest.fixture
def make_app(tmp_path, new_app):
    apps = []

    def make(**env: str) -> Flask:
        apps.append(new_app(tmp_path / f"{len(apps)}.sqlite3", **env))
        return apps[-1]

    yield make
    for app in apps:
        app.extensions["db"].dispose()


@pytest.fixture(scope="session")
def common_app(tmp_path_factory, new_app):
    app = new_app(tmp_path_factory.mktemp("app") / "common.sqlite3")
    yield app
    app.extensions["db"].dispose()


@pytest.fixture
def app(common_app, migrated):
    """Made once, for an app costs 10 ms; what a test may have changed in it is new for each."""
    engine = common_app.extensions["db"]
    engine.dispose()
    shutil.copy(migrated, engine.url.database)
    common_app.extensions |= {"cache": cache.Memory(), "draining": bytearray(1)}
    return common_app


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def no_database(app, monkeypatch):
    """From now on every use of the database fails as it does when the server is gone."""
    from sqlalchemy.exc import OperationalError

    def refuse(*args, **kwargs):
        raise OperationalError("SELECT 1", {}, Exception("connection refused"))

    monkeypatch.setattr(app.extensions["db"], "connect", refuse)
    monkeypatch.setattr("app.items.session", refuse)


@pytest.fixture
def configuration(monkeypatch):
    """What gunicorn.conf.py makes of an environment, without starting anything."""

    def read(**env: str) -> dict:
        monkeypatch.setattr(os, "environ", env)
        return runpy.run_path(str(ROOT / "gunicorn.conf.py"))

    return read
