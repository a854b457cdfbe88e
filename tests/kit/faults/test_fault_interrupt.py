"""A cancelled job at each stage: the steps of our workflows, started and signalled as GitHub's runner does it.

A job that passes its time limit gets the same signals. Nothing is left of what the stage was doing, and the exit code
is 130. Ctrl-C on a laptop, twice or more often, and `kill` go the same way.
"""

import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_registry import FakeRegistry
from support import Done, Project, asleep, docker, nap, survivors, until
from support.step import CANCELLED, COMPOSITE, IMPATIENT, TERMINATED, WORKFLOW, Step, script, stages

from slipway.deploy import record
from slipway.pipeline import folder
from slipway.tools import provision

pytestmark = pytest.mark.engine
SLOW_TEST = """\
import pathlib, time


def test_slow():
    pathlib.Path("begun").touch()
    time.sleep(600)
"""
DEPLOY = script("workflows/deploy.yml", "slipway deploy")
PUBLISH, TAG = script("workflows/publish.yml", "ci publish"), script("workflows/publish.yml", "ci tag")
BY = {"cancelled": CANCELLED, "impatient": IMPATIENT, "terminated": TERMINATED}
by = pytest.mark.parametrize


def end(shop: Project, step: Step, how: str) -> Done:
    """Signal the step and look that it has left nothing."""
    done = step.signal(BY[how])
    assert done.code == 130, done.text
    assert done.record["status"] == "cancelled"
    assert done.record["exit_code"] == 130
    assert shop.left() == []
    return done


def patient(shop: Project) -> Project:
    """The project, whose app may take its time on a busy machine."""
    shop.replace("Dockerfile", "--timeout=3s --retries=2", "--timeout=30s --retries=30")
    return shop


def sleeping(name: str, tmp_path: Path) -> dict[str, str]:
    """A cache of tools in which one only sleeps."""
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
    return {"SLIPWAY_CACHE": str(cache)}


@by("how", ["cancelled", "impatient"])
@by(("stage", "tool"), [("lint", "hadolint"), ("scan", "trivy")])
def test_lint_and_scan(project: Callable[..., Project], tmp_path: Path, stage: str, tool: str, how: str) -> None:
    shop, (text, variables) = project(), stages(stage)
    step = Step(shop, text, variables=variables | sleeping(tool, tmp_path))
    step.until((tmp_path / "begun").exists, f"{tool} runs")
    end(shop, step, how)


def test_a_shell_that_stays_leaves_slipway_running(project: Callable[..., Project], tmp_path: Path) -> None:
    """What `exec` is there for: the runner's signals end the shell, and slipway hears of none."""
    shop, (text, variables) = project(), stages("lint")
    step = Step(shop, text.replace("exec ", ""), variables=variables | sleeping("hadolint", tmp_path))
    step.until((tmp_path / "begun").exists, "hadolint runs")
    done = step.signal(((signal.SIGINT, 0.5), (signal.SIGTERM, 60.0)))
    assert done.code == -signal.SIGTERM
    assert done.record == {}
    left = [pid for pid, line in survivors(shop.root.name) if "bin/slipway " in line]
    assert len(left) == 1
    os.kill(left[0], signal.SIGINT)
    until(lambda: survivors(shop.root.name) == [], "slipway has cleaned up by itself", 60)


@by(("shell", "how"), [(WORKFLOW, "cancelled"), (COMPOSITE, "impatient")], ids=["workflow", "composite"])
def test_build(project: Callable[..., Project], tmp_path: Path, shell: tuple[str, ...], how: str) -> None:
    shop, hang = project(), nap()
    shop.write("slipway.toml", f'[build]\ncache-to = "{tmp_path}/layers"\n')
    shop.replace("Dockerfile", "RUN install", f"RUN {hang}\nRUN install")
    text, variables = stages("build")
    step = Step(shop, text, shell, variables)
    step.until(lambda: asleep(hang), "the step has begun")
    end(shop, step, how)
    until(lambda: not asleep(hang), "the step is ended in the engine too")
    assert not (shop.root / ".slipway/image").exists()
    assert list(tmp_path.glob("layers*")) == []


@by(("shell", "how"), [(COMPOSITE, "cancelled"), (WORKFLOW, "terminated")], ids=["composite", "workflow"])
def test_test(project: Callable[..., Project], shell: tuple[str, ...], how: str) -> None:
    shop = project(**{"checks.txt": "hang"})
    text, variables = stages("test")
    step = Step(shop, text, shell, variables)
    log = shop.root / ".slipway/latest/test.log"
    step.until(lambda: log.exists() and "check begins" in log.read_text(), "the test runs")
    end(shop, step, how)


SLOW_SERVICE = """\
  slow:
    image: ${PYTHON_IMAGE}
    command: ["sleep", "600"]
    init: true
    healthcheck: {test: ["CMD", "false"], interval: 1s, retries: 90}
"""


def test_integration_while_services_start(project: Callable[..., Project]) -> None:
    shop = patient(project()).with_integration()
    shop.write("docker-compose.test.yml", (shop.root / "docker-compose.test.yml").read_text() + SLOW_SERVICE)
    text, variables = stages("integration")
    step = Step(shop, text, variables=variables)

    def starting() -> str:
        label = f"label=com.docker.compose.project=slipway-test-{shop.run_ids()[0]}" if shop.run_ids() else "label=-"
        return docker("ps", "-q", "--filter", label, "--filter", "health=starting").stdout

    step.until(starting, "a service starts")
    end(shop, step, "cancelled")


@by(("shell", "how"), [(WORKFLOW, "cancelled"), (COMPOSITE, "impatient")], ids=["workflow", "composite"])
def test_integration(project: Callable[..., Project], shell: tuple[str, ...], how: str) -> None:
    shop = patient(project()).with_integration()
    shop.write("tests/integration/test_slow.py", SLOW_TEST)
    (shop.root / "tests/integration/test_health.py").unlink()
    text, variables = stages("integration")
    step = Step(shop, text, shell, variables)
    step.until((shop.root / "begun").exists, "the test runs")
    end(shop, step, how)


@pytest.fixture
def verified(project: Callable[..., Project], tmp_path: Path) -> tuple[Project, dict[str, str]]:
    """A project whose image another job has handed over, and what publish.yml tells its steps."""
    shop = project()
    done = shop.run("build")
    assert done.code == 0, done.text
    shutil.copytree(shop.root / ".slipway/layout", tmp_path / "layouts/image")
    digest = done.record["image"]["digest"]
    return shop, {
        "LAYOUTS": str(tmp_path / "layouts"), "DIGESTS": digest, "DIGEST": digest, "RUNNER_TEMP": str(tmp_path),
        "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": "c" * 40,
    }  # fmt: skip


@by(
    ("text", "fault", "how"),
    [(PUBLISH, "frozen", "cancelled"), (PUBLISH, "frozen", "terminated"), (TAG, "deaf", "impatient")],
    ids=["push", "push at once", "tag"],
)
def test_publish(verified: tuple[Project, dict[str, str]], text: str, fault: str, how: str) -> None:
    shop, variables = verified
    registry = FakeRegistry(fault)
    name = f"localhost:{registry.port}/{shop.root.name}"
    index = Path(variables["LAYOUTS"]) / "image/index.json"
    index.write_text(re.sub(r'"localhost:[^"@]+@', f'"{name}@', index.read_text()))  # verified for that registry
    try:
        step = Step(shop, text, variables=variables | {"IMAGE": name})
        step.until(registry.pushing.is_set, "the registry was asked")
        done = step.signal(BY[how])
    finally:
        registry.end()
        Project.remove_images(name)
    assert (done.code, "slipway: interrupted" in done.out) == (130, True), done.text
    assert registry.tags == {}
    assert shop.left() == []


def test_publish_from_a_laptop(project: Callable[..., Project]) -> None:
    shop, registry = project(), FakeRegistry("frozen")
    name = f"localhost:{registry.port}/{shop.root.name}"
    shop.write("slipway.toml", f'[image]\nname = "{name}"\n')
    try:
        step = Step(shop, "exec slipway run publish --skip lint --skip test --skip scan --skip integration")
        step.until(registry.pushing.is_set, "the push has begun")
        end(shop, step, "terminated")
    finally:
        registry.end()
        Project.remove_images(name)
    assert registry.tags == {}


def free(shop: Project) -> bool:
    """Whether nobody holds the project."""
    with folder.locked(shop.root / ".slipway"):
        return True


@by(("before", "how"), [(False, "cancelled"), (True, "terminated"), (True, "impatient")])
def test_deploy_to_compose(project: Callable[..., Project], before: bool, how: str) -> None:
    shop, old = patient(project()), ""
    shop.replace("slipway.toml", '"2s"', '"20s"')
    if before:
        done = shop.run("build")
        assert shop.call("deploy", "local").code == 0
        old = done.record["image"]["digest"]
    shop.replace("server.py", 'print("serving', 'import time; time.sleep(600)\nprint("serving')
    shop.replace("Dockerfile", "--retries=30", "--retries=30 --start-period=99s")
    image = shop.run("build").record["image"]["reference"]
    step = Step(shop, DEPLOY, variables={"ENVIRONMENT": "local", "IMAGE": image, "PROVENANCE": "never"})
    box = ("ps", "-q", "--filter", f"publish={shop.port}", "--filter", "health=starting")
    step.until(lambda: docker(*box).stdout, "the new version starts")
    done = end(shop, step, how)
    assert shop.deployed() == old
    last = record.read(shop.root / ".slipway")[-1]
    assert (last.reference, last.result, last.previous.rpartition("@")[2]) == (image, "kept-old", old)
    assert free(shop)
    if before:
        assert shop.get("/version")["mode"] == "well"
        assert "interrupted; the version before runs" in done.stage("deploy")["reason"]
    else:
        assert shop.services() == {}
