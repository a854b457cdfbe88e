"""Whole runs that download the vulnerability database: what is found with it, and what an end leaves."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from database_faults import CASES, Registry, at, digest, half, silence
from support import Project, until

from slipway.tools import provision

pytestmark = pytest.mark.engine
ONLY = ("scan", "--skip", "lint", "--skip", "test")
METADATA = "Metadata-Version: 2.1\nName: gunicorn\nVersion: 20.1.0\n"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry with a database."""
    registry = Registry(tmp_path / "registry")
    yield registry
    registry.end()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with the real tools and nothing else."""
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "tools").symlink_to(provision.cache_folder() / "tools")
    return folder


def test_what_is_downloaded_is_scanned_with(project: Callable[..., Project], registry: Registry, cache: Path) -> None:
    registry.token = "anonymous"
    shop = project(**{"gunicorn-20.1.0.dist-info/METADATA": METADATA})
    shop.replace(".dockerignore", "!server.py", "!server.py\n!gunicorn-20.1.0.dist-info")
    copy = "COPY gunicorn-20.1.0.dist-info /opt/lib/gunicorn-20.1.0.dist-info\nCOPY server.py"
    shop.replace("Dockerfile", "COPY server.py", copy)
    there = {"SLIPWAY_SCAN_DATABASE": registry.reference, "SLIPWAY_CACHE": str(cache)}
    done = shop.run(*ONLY, **there)
    assert done.code == 1, done.text
    assert done.rules("scan") == ["CVE-2024-1135"]
    facts = done.stage("scan")["facts"]
    assert (facts["database-source"], facts["database-digest"]) == (registry.reference, digest(registry.layer))
    registry.faults["all"] = silence
    again = shop.run(*ONLY, **there)
    assert again.rules("scan") == ["CVE-2024-1135"], "for half its time it is not asked for again"


@pytest.mark.parametrize("name", ["403", "HTML", "blob changed", "only metadata.json", "../"])
def test_a_download_that_fails_is_a_degraded_scan(
    project: Callable[..., Project], registry: Registry, cache: Path, name: str
) -> None:
    case = next(case for case in CASES if case.name == name)
    case.spoil(registry)
    done = project().run(*ONLY, SLIPWAY_SCAN_DATABASE=registry.reference, SLIPWAY_CACHE=str(cache))
    assert done.code == 0, done.text
    assert done.stage("scan")["status"] == "degraded"
    assert f"no vulnerability data here ({registry.reference}: " in done.stage("scan")["reason"]
    assert case.words in done.stage("scan")["reason"]


@pytest.mark.parametrize("name", ["2019", "2099", "version 1"])
def test_metadata_that_lie_are_never_green(
    project: Callable[..., Project], registry: Registry, cache: Path, name: str
) -> None:
    case = next(case for case in CASES if case.name == name)
    case.spoil(registry)
    done = project().run(*ONLY, SLIPWAY_SCAN_DATABASE=registry.reference, SLIPWAY_CACHE=str(cache))
    expected = ("degraded", 0) if case.alone == "degraded" else ("broken", 4)
    assert (done.stage("scan")["status"], done.code) == expected, done.text
    assert case.words in done.stage("scan")["reason"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_silent_registry_holds_nobody(
    project: Callable[..., Project], registry: Registry, cache: Path, number: int
) -> None:
    at("blobs", half(silence))(registry)
    shop = project()
    run = shop.start(*ONLY, SLIPWAY_SCAN_DATABASE=registry.reference, SLIPWAY_CACHE=str(cache))
    until(lambda: registry.paths("blobs"), "half of it has come")
    run.signal(number)
    done = run.end(15)
    assert done.code == 130, done.text
    assert [path.name for path in (cache / "databases").iterdir() if path.name != "lock"] == []
