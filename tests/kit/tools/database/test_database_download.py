"""The vulnerability database out of registries that fail in every known way, and what is kept of it."""

import asyncio
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from database_faults import (
    BRIEF,
    CASES,
    SHORT,
    Case,
    Registry,
    at,
    digest,
    half,
    silence,
)

from slipway.errors import NotReady
from slipway.tools import database, database_store
from slipway.tools.artifact import Limits
from slipway.tools.database_store import Database
from slipway.tools.trivy import Trivy, packages

DAY = timedelta(days=1)


def folders(home: Path) -> list[str]:
    """The databases that are kept."""
    return sorted(path.name for path in home.glob("db-*"))


def limits(case: Case) -> Limits:
    return BRIEF if case.words == "not done within" else SHORT


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_alone(case: Case, registry: Callable[..., Registry], ask: Callable[..., Database], home: Path) -> None:
    """Said by name and reason; what is kept stays, and nothing half done."""
    faulty = registry()
    case.spoil(faulty)
    asked = case.asked(faulty)
    if case.alone != "degraded":
        found = ask(asked, limits=limits(case))
        assert not found.current(48)
        return
    with pytest.raises(NotReady) as raised:
        ask(asked, limits=limits(case))
    assert str(raised.value).startswith(f"{asked}: ")
    assert case.words in str(raised.value)
    assert str(raised.value).isprintable()
    assert folders(home) == [], "nothing half loaded stays"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_and_then_a_good_one(
    case: Case, registry: Callable[..., Registry], ask: Callable[..., Database], home: Path
) -> None:
    faulty, good = registry(), registry()
    case.spoil(faulty)
    found = ask(case.asked(faulty), good.reference, limits=limits(case))
    assert (found.source, found.digest) == (good.reference, digest(good.layer))
    assert {p.name: p.read_bytes() for p in (found.cache / "db").iterdir()} == good.files
    assert folders(home) == [found.cache.name]


def test_every_name_is_of_one_case() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_an_old_database_survives_what_fails(
    registry: Callable[..., Registry], ask: Callable[..., Database], home: Path, tmp_path: Path
) -> None:
    """Within its limit it is used; beyond, it is still there, and the scan is degraded."""
    good = registry(datetime.now(UTC) - timedelta(hours=30))
    old = ask(good.reference)
    at("all", silence)(good)
    assert ask(good.reference) == old
    with pytest.raises(NotReady, match="silent for"):
        ask(good.reference, hours=20)
    assert folders(home) == [old.cache.name]
    assert f"{good.reference}: manifest: silent for" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(("hours", "again"), [(1, False), (23, False), (25, True), (-2, True)])
def test_the_last_download_serves_for_half_its_time(
    registry: Callable[..., Registry], ask: Callable[..., Database], hours: float, again: bool
) -> None:
    first, second = registry(datetime.now(UTC) - timedelta(hours=hours)), registry()
    kept = ask(first.reference)
    assert ask(second.reference) == (kept if not again else database_store.kept("auto"))
    assert bool(second.asked) is again


def test_the_newest_of_stale_ones_is_kept(registry: Callable[..., Registry], ask: Callable[..., Database]) -> None:
    now = datetime.now(UTC)
    older, newer, ahead = registry(now - 9 * DAY), registry(now - 5 * DAY), registry(now + 9 * DAY)
    found = ask(older.reference, newer.reference, ahead.reference)
    assert found.source == newer.reference
    assert not found.current(48)
    assert ask(older.reference, ahead.reference) == found, "an older one does not take its place"
    good = registry(now)
    assert ask(older.reference, good.reference).source == good.reference


def test_the_same_layer_is_not_downloaded_again(
    registry: Callable[..., Registry], ask: Callable[..., Database]
) -> None:
    good = registry(datetime.now(UTC) - timedelta(hours=30))
    first = ask(good.reference)
    assert ask(good.reference) == first
    assert (len(good.paths("manifests")), len(good.paths("blobs"))) == (2, 1)
    fresh = ask(good.reference, pull=True)
    assert fresh.cache != first.cache, "pull believes nothing that is kept"
    assert len(good.paths("blobs")) == 2
    assert (first.cache / "db" / "trivy.db").is_file(), "a run may be scanning with it"


def test_what_nothing_uses_any_more_goes(
    registry: Callable[..., Registry], ask: Callable[..., Database], home: Path
) -> None:
    good = registry()
    old, half_done = ask(good.reference).cache, home / "db-killed"
    half_done.mkdir()
    for path in (old, half_done):
        os.utime(path, times=(time.time() - 7 * 3600,) * 2)
    assert folders(home) == [old.name, half_done.name] or folders(home) == [half_done.name, old.name]
    new = ask(good.reference, pull=True).cache
    assert folders(home) == [new.name]


def test_different_settings_keep_different_databases(
    registry: Callable[..., Registry], ask: Callable[..., Database], tmp_path: Path
) -> None:
    ours, theirs = registry(), registry()
    auto = ask(ours.reference)
    named = asyncio.run(database.find(theirs.reference, tmp_path, tmp_path / "log", 48, SHORT))
    assert (auto.source, named.source) == (ours.reference, theirs.reference)
    assert ask(ours.reference) == auto


def test_two_runs_at_once_download_once(registry: Callable[..., Registry], tmp_path: Path) -> None:
    good = registry()

    async def both() -> list[Database]:
        finds = [database.find(good.reference, tmp_path, tmp_path / "log", 48, SHORT) for _ in range(4)]
        return await asyncio.gather(*finds)

    found = asyncio.run(both())
    assert len(set(found)) == 1
    assert len(good.paths("blobs")) == 1


def test_who_cancels_waits_for_no_server(registry: Callable[..., Registry], tmp_path: Path, home: Path) -> None:
    slow = registry()
    at("blobs", half(silence))(slow)

    async def cancelled() -> None:
        task = asyncio.create_task(database.find(slow.reference, tmp_path, tmp_path / "log", 48, Limits(silence=600)))
        while not slow.paths("blobs"):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert folders(home) == []
    assert not slow.over.is_set()


def test_the_real_scanner_finds_with_what_was_downloaded(
    registry: Callable[..., Registry], ask: Callable[..., Database], tmp_path: Path, trivy: Path
) -> None:
    good = registry()
    good.token = "anonymous"
    found = ask(good.reference)
    part = {"type": "library", "name": "gunicorn", "version": "20.1.0", "purl": "pkg:pypi/gunicorn@20.1.0"}
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [part]}
    report = asyncio.run(Trivy(trivy, found.cache, tmp_path / "log").examine(document, 60))
    assert [package["Name"] for package in packages(report)] == ["gunicorn"]
    assert "CVE-2024-1135" in {v["VulnerabilityID"] for r in report["Results"] for v in r["Vulnerabilities"]}
