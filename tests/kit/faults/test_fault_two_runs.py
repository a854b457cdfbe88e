"""Two runs at once: in one folder the second is told to wait; in two folders both go through."""

import contextlib
import os
import signal
from collections.abc import Callable

import pytest
from support import Project, docker, free_port, nap, survivors, until

pytestmark = pytest.mark.engine


def test_in_one_folder(project: Callable[..., Project]) -> None:
    shop = project(**{"checks.txt": "hang"})
    first = shop.start("test")
    first.seen("test", "stage-doing", "check begins")
    second = shop.run("lint")
    assert second.code == 3, second.text
    assert f"another run (process {first.process.pid}) is at work in {shop.root}" in second.err
    assert first.process.poll() is None
    first.signal(signal.SIGINT)
    assert first.end().code == 130
    third = shop.run("lint")
    assert third.code == 0, "the lock goes with the process"


def test_a_killed_run_holds_no_lock(project: Callable[..., Project]) -> None:
    shop = project()
    hang = nap()
    shop.replace("Dockerfile", "RUN install", f"RUN {hang}\nRUN install")
    first = shop.start("build")
    first.seen("build", "stage-doing", hang)
    first.process.kill()
    first.process.wait()
    assert shop.run("lint").code == 0
    for pid, _ in survivors(shop.root.name):  # what SIGKILL orphaned: it ends when it next has something to say
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not survivors(shop.root.name), "orphans are gone")


def test_in_two_folders_with_a_registry_that_neither_has_started(project: Callable[..., Project]) -> None:
    port = str(free_port())
    one, two = project(), project()
    only = ("deploy", "--skip", "scan", "--skip", "lint")
    try:
        runs = [shop.start(*only, SLIPWAY_PUBLISH_REGISTRY_PORT=port) for shop in (one, two)]
        ended = [run.end(100) for run in runs]
        assert [done.code for done in ended] == [0, 0], [done.text for done in ended]
        assert one.deployed() == ended[0].record["image"]["digest"]
        assert two.deployed() == ended[1].record["image"]["digest"]
    finally:
        docker("rm", "-fv", f"slipway-registry-{port}")
        docker("volume", "rm", "-f", f"slipway-registry-{port}")
        Project.remove_images(f"localhost:{port}/*")
