"""Registries of databases, and a cache of its own for each test."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from database_faults import (
    SHORT,
    Registry,
)

from slipway.tools import database
from slipway.tools.artifact import Limits
from slipway.tools.database_store import Database


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "cache" / "databases"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Callable[..., Registry]]:
    """Starts registries."""
    made: list[Registry] = []

    def start(updated: datetime | None = None) -> Registry:
        made.append(Registry(tmp_path / f"registry{len(made)}", updated))
        return made[-1]

    yield start
    for one in made:
        one.end()


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Database]:
    """Looks for the database in these repositories, in this order."""

    async def up(_: str) -> bool:
        return True

    monkeypatch.setattr(database, "reachable", up)

    def ask(*references: str, hours: float = 48, limits: Limits = SHORT, pull: bool = False) -> Database:
        monkeypatch.setattr(database, "REPOSITORIES", references)
        do = database.pull if pull else database.find
        return asyncio.run(do("auto", tmp_path, tmp_path / "log", hours, limits=limits))

    return ask
