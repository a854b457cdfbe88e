"""Fixtures for tests that run the real command on the real engine."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import hypothesis.configuration
import pytest
import trivydb
from support import REPOSITORY, SESSION, Engine, Project, docker, free_port, real
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from slipway.tools import images

# Property tests try the same examples each time, and leave no folder of their own in the repository.
hypothesis.configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "slipway-hypothesis")
hypothesis.settings.register_profile(
    "kit", database=None, deadline=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("kit")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what this machine cannot run, saying so; on CI that is a failure, never a silent green."""
    missing = ""
    if item.get_closest_marker("engine") and not _engine_answers():
        missing = "no Docker engine answers here"
    elif item.get_closest_marker("root") and (os.geteuid() != 0 or not shutil.which("dockerd")):
        missing = "needs root and dockerd on this machine"
    if missing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)


# What a fixture brings with it, said once here and not at each test that asks for it.
SLOW = {
    "act": "act executes workflows, half a second each",
    "browser": "Chromium lays out and paints pages",
    "trivy": "Trivy scans, a second each",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their fixtures before `-m` chooses, and put the long ones first.

    Raises:
        pytest.UsageError: a test is marked slow without a reason, or has a time limit of its own and is not slow.
    """
    for item in items:
        given = getattr(item, "fixturenames", ())
        if "base_images" in given:
            item.add_marker("engine")
        if item.path.parent.name == "house":
            item.add_marker("lint")
        for name in SLOW.keys() & given:
            item.add_marker(pytest.mark.slow(SLOW[name]))
        if any(not mark.args for mark in item.iter_markers("slow")):
            raise pytest.UsageError(f"{item.nodeid} is marked slow without a reason: @pytest.mark.slow('why')")
        if item.get_closest_marker("timeout") and not _long(item):
            raise pytest.UsageError(f"{item.nodeid} has a time limit of its own: mark it slow, and say why")
    items.sort(key=lambda item: (not _long(item), "/workflows/" not in item.path.as_posix()))


def _long(item: pytest.Item) -> bool:
    return bool(item.get_closest_marker("engine") or item.get_closest_marker("slow"))


class Units(LoadScopeScheduling):
    """Hand tests to workers: by file, for its fixtures; one by one where a file's tests share nothing."""

    APART = ("test_judge.py", "test_mutations.py", "test_standins.py", "test_traces.py")

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file.endswith(self.APART) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Units:
    """Keep the order that the tests are in: xdist's own begins with the file that has the most tests."""
    config.option.loadscopereorder = False
    return Units(config, log)


_answers: list[bool] = []


def _engine_answers() -> bool:
    if not _answers:
        try:
            _answers.append(bool(docker("version", "--format", "{{.Server.Version}}").stdout.strip()))
        except OSError:
            _answers.append(False)
    return _answers[0]


@pytest.fixture(scope="session")
def base_images() -> dict[str, str]:
    """The images that a run takes on this machine, by variable: the pinned ones, or their stand-ins. Pulled here, so
    that no test's time limit pays for it."""
    chosen = dict(asyncio.run(images.choose(REPOSITORY)).variables)
    for name in ("PYTHON_IMAGE", "REGISTRY_IMAGE"):
        if docker("image", "inspect", chosen[name]).returncode:
            docker("pull", "--quiet", chosen[name], timeout=300)
    return chosen


@pytest.fixture(scope="session")
def registry_port() -> Iterator[int]:
    """A port for the local registry of all projects of this session; what runs push there goes with it."""
    port = free_port()
    yield port
    docker("rm", "-fv", f"slipway-registry-{port}")
    docker("volume", "rm", "-f", f"slipway-registry-{port}")
    Project.remove_images(f"localhost:{port}/*", f"slipway.invalid/t-{SESSION}-*")


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vulnerability database that is fresh and knows the recorded advisories."""
    return trivydb.write(tmp_path_factory.mktemp("database"))


@pytest.fixture
def project(
    request: pytest.FixtureRequest, tmp_path: Path, base_images: dict[str, str], registry_port: int, database: Path
) -> Iterator[Callable[..., Project]]:
    """Makes small projects in folders of their own.

    After the test nothing of a run may be left: no container, network or volume, no process, no half-written file.
    What a deploy left running on purpose is removed.
    """
    made: list[Project] = []

    def make(folder: Path | None = None, **files: str | None) -> Project:
        new = Project.make(folder or tmp_path, base_images, registry_port, database, files)
        made.append(new)
        return new

    yield make
    left = [line for one in made for line in one.end()]
    assert not left, f"left behind: {left}"


@pytest.fixture
def engine() -> Iterator[Callable[..., Engine]]:
    """Starts engines of our own, which may be frozen and killed; ends them, by process id."""
    started: list[Engine] = []

    def start(*, store: bool = True, network: bool = False) -> Engine:
        started.append(Engine(store=store, network=network))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes an executable Python script into a folder of its own."""

    def write(name: str, code: str) -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!{sys.executable}\nimport os, sys, json, time, signal, subprocess\n{code}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture(scope="session")
def trivy() -> Path:
    """The real Trivy."""
    return real("trivy")
