"""The database: one engine, one table, sessions by `with session() as s`. Migrations are in app/migrations."""

from datetime import datetime
from pathlib import Path

from flask import Flask, current_app
from sqlalchemy import DateTime, Engine, String, create_engine, false, func
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from app.config import Settings

MIGRATIONS = Path(__file__).parent / "migrations"


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    done: Mapped[bool] = mapped_column(server_default=false())


def make_engine(settings: Settings) -> Engine:
    url = make_url(settings.database_url)
    if url.drivername == "sqlite":
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
        return create_engine(url)
    # A database that is gone must cost a request seconds, not its whole time limit; a connection that it has closed
    # is noticed before it is used; there is one for each thread and never one to wait for.
    return create_engine(
        url.set(password=settings.database_password or url.password),
        pool_pre_ping=True,
        pool_size=settings.threads,
        connect_args={"connect_timeout": 2, "options": "-c statement_timeout=5000"},
    )


def session() -> Session:
    return Session(current_app.extensions["db"])


def migrate(engine: Engine, revision: str = "head") -> None:
    # Alembic takes 0.4 s to import: only where it is used, never in a web process on Postgres.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"engine": engine})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    (command.downgrade if revision == "base" else command.upgrade)(config, revision)


def init_app(app: Flask) -> None:
    engine = app.extensions["db"] = make_engine(app.config["SETTINGS"])
    if engine.dialect.name == "sqlite":
        migrate(engine)  # a file of this process alone: nobody else would migrate it
