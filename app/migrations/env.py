"""Alembic's entry: with the engine that `app.db.migrate` hands over, else (`alembic revision`) from the environment."""

from alembic import context
from sqlalchemy import text

from app.config import Settings
from app.db import Base, make_engine

engine = context.config.attributes.get("engine") or make_engine(Settings.from_env())

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        if engine.dialect.name == "postgresql":
            # Two deploys at once: the second waits here, then finds nothing to do.
            connection.execute(text("SELECT pg_advisory_xact_lock(83714)"))
        context.run_migrations()
