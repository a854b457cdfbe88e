"""The gate for changes to the database: one line of revisions, both ways, and the same as the models."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from app import db
from app.config import Settings


@pytest.fixture
def engine(tmp_path):
    engine = db.make_engine(Settings.from_env({"DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite3"}))
    yield engine
    engine.dispose()


def test_there_is_one_head():
    assert len(ScriptDirectory(str(db.MIGRATIONS)).get_heads()) == 1


def test_up_down_up(engine):
    def tables():
        return set(inspect(engine).get_table_names()) - {"alembic_version"}

    db.migrate(engine)
    assert tables() == {"items"}
    db.migrate(engine, "base")
    assert tables() == set()
    db.migrate(engine)
    assert tables() == {"items"}


def test_migrating_twice_changes_nothing(engine):
    db.migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO items (title) VALUES ('kept')")
    db.migrate(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT title FROM items").scalar_one() == "kept"


def test_the_models_are_what_the_migrations_make(engine):
    db.migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), db.Base.metadata) == []


def test_the_previous_version_can_still_write_after_the_newest_migration(engine):
    """A deploy migrates first and exchanges the app afterwards: for a while the old one meets the new tables."""
    db.migrate(engine, "0001")
    insert = "INSERT INTO items (title) VALUES ('from the old version')"
    with engine.begin() as connection:
        connection.exec_driver_sql(insert)
    db.migrate(engine, "0002")
    with engine.begin() as connection:
        connection.exec_driver_sql(insert)
        assert connection.exec_driver_sql("SELECT done FROM items").scalars().all() == [0, 0]
