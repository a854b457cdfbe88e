"""Ctrl-C and SIGTERM at each stage: exit 130, and nothing is left of what the stage was doing."""

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_registry import FakeRegistry
from support import Project, asleep, docker, nap, until

from slipway.tools import provision

pytestmark = [
    pytest.mark.engine,
    pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"]),
]
SLOW_TEST = """\
import pathlib, time


def test_slow():
    pathlib.Path("begun").touch()
    time.sleep(600)
"""


@pytest.fixture
def frozen_registry() -> Iterator[FakeRegistry]:
    registry = FakeRegistry("frozen")
    yield registry
    registry.end()


def interrupt(shop: Project, run: object, number: int) -> None:
    """Signal the run and look that it has left nothing."""
    run.signal(number)  # type: ignore[attr-defined]
    done = run.end()  # type: ignore[attr-defined]
    assert done.code == 130, done.text
    assert done.record["status"] == "cancelled"
    assert done.record["exit_code"] == 130
    assert run.events[-1]["kind"] == "run-finished"  # type: ignore[attr-defined]
    assert done.err == ""
    assert shop.left() == []


def sleeping(name: str, tmp_path: Path) -> str:
    """A cache of tools in which one only sleeps; returns SLIPWAY_CACHE."""
    cache = tmp_path / "cache"
    for tool in ("hadolint", "trivy"):
        home = cache / "tools" / f"{tool}-{provision.pins()[tool]['version']}"
        home.mkdir(parents=True)
        if tool == name:
            (home / tool).write_text(f"#!/bin/sh\ntouch '{tmp_path}/begun'\nexec sleep 613\n")
            (home / tool).chmod(0o755)
        else:
            real = provision.cache_folder() / "tools" / home.name / tool
            (home / tool).symlink_to(real if real.exists() else shutil.which(tool) or real)
    return str(cache)


@pytest.mark.parametrize("tool", ["hadolint", "trivy"])
def test_lint_and_scan(project: Callable[..., Project], tmp_path: Path, tool: str, number: int) -> None:
    shop = project()
    stage = "lint" if tool == "hadolint" else "scan"
    run = shop.start(stage, "--skip", "test", SLIPWAY_CACHE=sleeping(tool, tmp_path))
    until((tmp_path / "begun").exists, f"{tool} runs")
    interrupt(shop, run, number)


def test_build(project: Callable[..., Project], number: int) -> None:
    shop = project()
    hang = nap()
    shop.replace("Dockerfile", "RUN install", f"RUN {hang}\nRUN install")
    run = shop.start("build")
    run.seen("build", "stage-progress", hang)
    until(lambda: asleep(hang), "the step has begun")
    interrupt(shop, run, number)
    until(lambda: not asleep(hang), "the step is ended in the engine too")
    assert not (shop.root / ".slipway/image").exists()


def test_test(project: Callable[..., Project], number: int) -> None:
    shop = project(**{"checks.txt": "hang"})
    run = shop.start("test")
    run.seen("test", "stage-progress", "check begins")
    interrupt(shop, run, number)


def test_integration(project: Callable[..., Project], number: int) -> None:
    shop = project().with_integration()
    shop.write("tests/integration/test_slow.py", SLOW_TEST)
    (shop.root / "tests/integration/test_health.py").unlink()
    run = shop.start("integration")
    until((shop.root / "begun").exists, "the test runs", 60)
    interrupt(shop, run, number)


def test_publish(project: Callable[..., Project], frozen_registry: FakeRegistry, number: int) -> None:
    shop = project()
    name = f"localhost:{frozen_registry.port}/{shop.root.name}"
    shop.write("slipway.toml", f'[image]\nname = "{name}"\n')
    run = shop.start("publish", *(word for s in ("lint", "test", "scan", "integration") for word in ("--skip", s)))
    until(frozen_registry.pushing.is_set, "the push has begun")
    interrupt(shop, run, number)
    assert frozen_registry.tags == {}
    Project.remove_images(f"localhost:{frozen_registry.port}/*")


@pytest.mark.parametrize("before", [False, True], ids=["first", "again"])
def test_deploy(project: Callable[..., Project], before: bool, number: int) -> None:
    if before != (number == signal.SIGTERM):
        pytest.skip("one signal for each is enough: two deploys cost seconds")
    shop = project()
    only = ("deploy", *(word for s in ("lint", "test", "scan", "integration") for word in ("--skip", s)))
    old = ""
    if before:
        done = shop.run(*only)
        assert done.code == 0, done.text
        old = done.record["image"]["digest"]
    shop.replace("server.py", 'print("serving', 'import time; time.sleep(600)\nprint("serving')
    shop.replace("Dockerfile", "--retries=2", "--retries=2 --start-period=99s")
    run = shop.start(*only)
    box = ("ps", "-q", "--filter", f"publish={shop.port}", "--filter", "health=starting")
    until(lambda: docker(*box).stdout, "the new version starts", 60)
    interrupt(shop, run, number)
    assert shop.deployed() == old
    if before:
        assert shop.get("/version")["mode"] == "well"
    else:
        assert shop.services() == {}
