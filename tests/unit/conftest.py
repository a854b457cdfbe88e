"""An app on a fresh SQLite file for each test, made with whatever environment the test wants."""

import os
import runpy
import shutil
from pathlib import Path

import pytest
from jinja2 import FileSystemBytecodeCache

from app import create_app, db
from app.config import Settings

ROOT = Path(__file__).parents[2]
STRONG = "mR7vQ2xNp9LtW4sYbZ8cK1fGh3jD5aEu"


@pytest.fixture(autouse=True)
def _logging_stays_pytests(monkeypatch):
    """create_app would take over the root logger. test_logs.py tries the real thing."""
    monkeypatch.setattr("app.logs.configure", lambda settings: None)


@pytest.fixture(autouse=True)
def _a_busy_machine_is_no_failure(monkeypatch):
    monkeypatch.setattr("app.health.PATIENCE", 30)


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


@pytest.fixture
def make_app(tmp_path, migrated, templates, monkeypatch):
    apps = []

    def make(**env: str):
        path = tmp_path / f"{len(apps)}.sqlite3"
        shutil.copy(migrated, path)
        with monkeypatch.context() as patch:
            patch.setattr(db, "migrate", lambda engine: None)
            app = create_app(Settings.from_env({"DATABASE_URL": f"sqlite:///{path}"} | env))
        app.jinja_env.bytecode_cache = templates
        apps.append(app)
        return app

    yield make
    for app in apps:
        app.extensions["db"].dispose()


@pytest.fixture
def app(make_app):
    return make_app()


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
