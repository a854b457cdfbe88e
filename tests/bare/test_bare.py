"""`make run` and `make test` on a machine that has Python, make, git and nothing else. In the order of the file."""

from __future__ import annotations

import os
import re

import pytest
from bare import Machine

GET = "python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())' "
NETWORKS = {"bridge", "host", "none"}


def url_in(output: str) -> str:
    found = re.findall(r"http://127\.0\.0\.1:\d+", output)
    assert found, "no URL of the app in the output"
    return found[-1]


def test_has_nothing(machine: Machine) -> None:
    assert machine.run("command -v docker dockerd uv pip pip3 curl").returncode != 0
    assert machine.run("python3 -m pip --version").returncode != 0


def test_run_goes_all_the_way(machine: Machine) -> None:
    ended = machine.run("make run")
    assert ended.returncode == 0
    assert "installing docker.io" in ended.stdout, "the first run says what it installs"
    page = machine.run(GET + url_in(ended.stdout)).stdout
    assert "<!doctype html>" in page.lower() and "<form" in page
    commit = machine.run("git rev-parse HEAD").stdout.strip()
    assert commit in machine.run(GET + url_in(ended.stdout) + "/version").stdout


def test_second_run_reuses(machine: Machine) -> None:
    ended = machine.run("make run")
    assert ended.returncode == 0
    assert "reused" in ended.stdout
    assert "installing" not in ended.stdout and "fetching" not in ended.stdout
    url_in(ended.stdout)


def test_engine_that_was_stopped_is_started(machine: Machine) -> None:
    machine.run(
        "kill $(cat /var/run/docker.pid); for i in $(seq 50); do [ -e /var/run/docker.pid ] || break; sleep 0.2; done"
    )
    assert machine.run("docker version").returncode != 0
    ended = machine.run("make run")
    assert ended.returncode == 0
    assert "starting Docker Engine" in ended.stdout and "installing" not in ended.stdout
    assert "<form" in machine.run(GET + url_in(ended.stdout)).stdout


def test_stop_leaves_nothing(machine: Machine) -> None:
    url = url_in(machine.run("make run").stdout)
    assert machine.run("docker ps -q").stdout.strip(), "something runs before"
    assert machine.run("make stop").returncode == 0
    assert machine.run("docker ps -aq").stdout.strip() == ""
    assert set(machine.run("docker network ls --format '{{.Name}}'").stdout.split()) == NETWORKS
    assert machine.run(GET + url).returncode != 0


def test_programs_that_the_tests_need(machine: Machine) -> None:
    """Where one is missing, `make test` would leave tests out."""
    for program in ("node", "npm", "docker-registry", "mount", "ps"):
        assert machine.run(f"scripts/bootstrap --for-tests {program} --version").returncode == 0, program


@pytest.mark.skipif(os.environ.get("BARE_TEST") == "no", reason="BARE_TEST=no leaves `make test` out")
def test_make_test_passes(machine: Machine) -> None:
    ended = machine.run("make test", timeout=2300)
    assert ended.returncode == 0
    assert re.search(r"\d+ passed", ended.stdout)


def test_checkout_stays_clean(machine: Machine) -> None:
    """All that the commands write is ignored by git."""
    assert machine.run("git status --porcelain").stdout.strip() == ""
