"""A hosted runner as it comes: on Docker 28 nothing runs before the set-up has switched the image store on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from leg import RUNNER, SET_UP, Leg

SETTINGS = {"exec-opts": ["native.cgroupdriver=cgroupfs"], "cgroup-parent": "/actions_job"}  # a hosted runner's own
SLIPWAY = 'PATH="$(paste -sd: /tmp/runner/path):$PATH" slipway'


@pytest.fixture(scope="module")
def runner(started: Leg) -> Iterator[Leg]:
    """The leg with a hosted runner's settings; they and the engine are put back as they were."""
    there = started.machine.run("cat /etc/docker/daemon.json").stdout if started.store() else ""
    settings = json.dumps(SETTINGS)
    restarted = started.machine.run(
        f"mkdir -p /etc/docker && echo '{settings}' > /etc/docker/daemon.json && systemctl restart docker"
    )
    assert restarted.returncode == 0
    yield started
    if not there:
        started.machine.run("rm /etc/docker/daemon.json && systemctl restart docker")


def test_without_the_set_up_it_says_what_to_call(runner: Leg) -> None:
    """A job that said that it needs no engine gets none."""
    if runner.store():
        pytest.skip(f"{runner.engine.what} comes with the store on")
    done = runner.machine.run(f"{SET_UP} && {SLIPWAY} run lint build", ENGINE="false", **RUNNER)
    assert done.returncode == 3
    assert "the engine does not use the containerd image store" in done.stdout
    assert "Call Slipway's action `setup` first, without `engine: false`" in done.stdout
    assert not runner.store()


def test_after_the_set_up_the_chain_is_green(runner: Leg) -> None:
    """Switched on where it was off, with what the settings held; nothing is restarted where it was on."""
    before = runner.store()
    done = runner.machine.run(SET_UP, **RUNNER)
    assert done.returncode == 0
    assert ("switched Docker's containerd image store on and restarted Docker" in done.stdout) == (not before)
    settings = json.loads(runner.machine.run("cat /etc/docker/daemon.json").stdout)
    assert settings == (SETTINGS if before else SETTINGS | {"features": {"containerd-snapshotter": True}})
    assert runner.store()
    again = runner.machine.run(SET_UP, **RUNNER)
    assert (again.returncode, again.stdout) == (0, "")
    runner.bring_stand_ins()
    chain = runner.machine.run(f"{SLIPWAY} run lint build test", **RUNNER)
    assert chain.returncode == 0
