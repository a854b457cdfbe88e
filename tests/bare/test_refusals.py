"""What the set-up says where it must not, or cannot, do its work: the commands to run, and never a traceback."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest
from bare import Machine, bare_machine


@pytest.fixture(scope="module")
def unprivileged(suite: str) -> Iterator[Machine]:
    with bare_machine(suite, privileged=False) as made:
        yield made


def refused(ended: subprocess.CompletedProcess[str]) -> str:
    """The error, which has at most three lines."""
    assert ended.returncode == 3
    assert "Traceback" not in ended.stdout
    error = re.search(r"(?m)^slipway: (?! *\d+\.\d s).*(?:\n.*)*", ended.stdout)
    assert error and len(error[0].strip().splitlines()) <= 3, "an error of at most three lines"
    return error[0]


def test_install_forbidden(machine: Machine) -> None:
    """SLIPWAY_INSTALL=never changes nothing, and the line that it prints really does the job."""
    error = refused(machine.run("scripts/bootstrap", SLIPWAY_INSTALL="never"))
    assert machine.run("command -v dockerd").returncode != 0
    assert machine.run("ls /etc/docker").returncode != 0

    line = next(line for line in error.splitlines() if "apt-get install" in line)
    assert machine.run(line).returncode == 0
    error = refused(machine.run("scripts/bootstrap", SLIPWAY_INSTALL="never"))
    assert "its engine does not run" in error

    command = error.splitlines()[1].removeprefix("Run: ")
    assert (
        machine.run(
            f"setsid {command} for i in $(seq 100); do docker version >/dev/null && exit; sleep 0.2; done; exit 1"
        ).returncode
        == 0
    )
    ready = machine.run("scripts/bootstrap", SLIPWAY_INSTALL="never", SLIPWAY_OFFLINE="never")
    assert ready.returncode == 0 and ready.stdout == ""


def test_engine_without_the_containerd_store(machine: Machine) -> None:
    """It is somebody's engine: it is refused with the fix, not reconfigured."""
    machine.run(
        "kill $(cat /var/run/docker.pid); for i in $(seq 50); do [ -e /var/run/docker.pid ] || break; sleep 0.2; done"
    )
    machine.run("echo '{}' > /etc/docker/daemon.json")
    error = refused(machine.run("scripts/bootstrap", SLIPWAY_OFFLINE="never"))
    assert "containerd" in error and "/etc/docker/daemon.json" in error
    assert machine.run("cat /etc/docker/daemon.json").stdout.strip() == "{}"


def test_not_root(unprivileged: Machine) -> None:
    unprivileged.run("chmod -R a+rwX /shop")
    error = refused(unprivileged.run("HOME=/tmp setpriv --reuid 1000 --clear-groups scripts/bootstrap"))
    assert "sudo apt-get install" in error and "docker-buildx" in error


def test_no_engine_can_run(unprivileged: Machine) -> None:
    """A container without privileges: said before 100 MB are installed for nothing; and a command still runs."""
    error = refused(unprivileged.run("scripts/bootstrap"))
    assert "no Docker engine can run here" in error
    assert unprivileged.run("command -v dockerd").returncode != 0
    goes_on = unprivileged.run("scripts/bootstrap sh -c 'echo because: $SLIPWAY_NO_ENGINE; uv --version'")
    assert goes_on.returncode == 0
    assert "because: no Docker engine can run here" in goes_on.stdout and "uv 0." in goes_on.stdout


def test_make_run_does_what_needs_no_engine(unprivileged: Machine) -> None:
    ended = unprivileged.run("make run")
    assert ended.returncode == 3 or ("make: *** [Makefile" in ended.stdout and "Error 3" in ended.stdout)
    assert re.search(r"(?m)^lint: passed", ended.stdout), "lint is done"
    assert re.search(r"workflow|no finding", ended.stdout), "the workflows are checked"
    commit = unprivileged.run("git rev-parse HEAD").stdout.strip()
    assert f"the app answers on SQLite (page 200, version {commit[:12]})" in ended.stdout
    assert "Not done: everything from build on" in ended.stdout
    assert unprivileged.run("git status --porcelain").stdout.strip() == ""
    assert unprivileged.run("pgrep -f 'flask --app'").returncode != 0, "it is stopped again"


def test_package_index_out_of_reach(unprivileged: Machine) -> None:
    unprivileged.run("rm -rf .slipway")
    error = refused(unprivileged.run("scripts/bootstrap", UV_DEFAULT_INDEX="http://user:secret@127.0.0.1:9/simple"))
    assert "http://127.0.0.1:9/simple/uv/" in error and "secret" not in error
    assert unprivileged.run("ls .slipway/tools/*/uv*").returncode != 0
