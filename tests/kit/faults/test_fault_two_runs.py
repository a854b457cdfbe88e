"""Two runs at once: in one folder the second is told to wait; in two folders both go through."""

import contextlib
import os
import signal
from collections.abc import Callable

import pytest
from support import Project, docker, free_port, nap, survivors, until

from slipway.tools.docker import project_id

pytestmark = pytest.mark.engine


def test_in_one_folder(project: Callable[..., Project]) -> None:
    shop = project(**{"checks.txt": "hang"})
    first = shop.start("test")
    first.seen("test", "stage-progress", "check begins")
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
    first.seen("build", "stage-progress", hang)
    first.process.kill()
    first.process.wait()
    assert shop.run("lint").code == 0
    for pid, _ in survivors(shop.root.name):  # what SIGKILL orphaned: it ends when it next has something to say
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not survivors(shop.root.name), "orphans are gone")


def starter(port: str) -> str:
    """Which project started the registry on a port; empty where none runs."""
    wanted = ("--filter", f"name=slipway-registry-{port}", "--format", '{{.Label "slipway.starter"}}')
    return docker("ps", *wanted).stdout.strip()


def test_in_two_folders_with_one_registry_that_goes_with_the_last(project: Callable[..., Project]) -> None:
    port = str(free_port())
    one, two = project(), project()
    only = ("deploy", "--skip", "scan", "--skip", "lint")
    try:
        runs = [shop.start(*only, SLIPWAY_PUBLISH_REGISTRY_PORT=port) for shop in (one, two)]
        ended = [run.end(100) for run in runs]
        assert [done.code for done in ended] == [0, 0], [done.text for done in ended]
        assert one.deployed() == ended[0].record["image"]["digest"]
        assert two.deployed() == ended[1].record["image"]["digest"]
        if starter(port) == project_id(two.root):
            one, two = two, one
        assert one.call("stop").code == 0
        assert starter(port) == project_id(one.root), "another project runs an image of it"
        assert one.services() == {} and two.deployed()
        assert f"slipway-registry-{port}" in two.call("stop").out, "it goes with the last"
        assert starter(port) == ""
        assert two.run("publish", *only[1:], SLIPWAY_PUBLISH_REGISTRY_PORT=port).code == 0
        assert starter(port) == project_id(two.root)
        assert two.call("stop").code == 0 and starter(port) == "", "nothing runs, and it started it"
    finally:
        docker("rm", "-fv", f"slipway-registry-{port}")
        docker("volume", "rm", "-f", f"slipway-registry-{port}")
        Project.remove_images(f"localhost:{port}/*")
