"""The doctor on the machine: clocks, and a whole look that ends with the right exit code."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.doctor.machine import CLOCK_SECONDS, clock

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("others", "level", "says"),
    [
        ({}, "ok", "nothing to compare"),
        ({"the engine": NOW + 20, "the last commit": NOW - 9e7}, "ok", "agrees with the engine, the last commit"),
        ({"the engine": NOW + 2 * CLOCK_SECONDS}, "warning", "10 minutes behind the engine"),
        ({"a registry": NOW - 3 * CLOCK_SECONDS}, "warning", "15 minutes ahead of a registry"),
        ({"the last commit": NOW + 2 * CLOCK_SECONDS}, "warning", "10 minutes behind the last commit"),
    ],
)
def test_clock(others: dict[str, float], level: str, says: str) -> None:
    check = clock(NOW, others)
    assert (check.level, says in check.says) == (level, True), check
    assert bool(check.fix) == (level != "ok")


def doctor(root: Path, **environment: str) -> tuple[int, dict[str, dict[str, str]]]:
    command = [sys.executable, "-m", "slipway", "doctor", "--json", "-C", str(root)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )
    assert "Traceback" not in done.stderr
    return done.returncode, {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_without_an_engine_it_says_so_and_ends_with_3(tmp_path: Path) -> None:
    code, checks = doctor(tmp_path, DOCKER_HOST=f"unix://{tmp_path}/nothing.sock")
    assert (code, checks["engine"]["level"]) == (3, "missing")
    assert checks["engine"]["fix"]
    assert checks["Dockerfile"]["level"] == "missing"


@pytest.mark.engine
def test_a_port_that_is_taken_and_one_that_is_free(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, checks = doctor(tmp_path, SLIPWAY_PORT=port)
        assert (code, checks["app port"]["level"]) == (3, "missing")
        assert checks["app port"]["fix"] == f"SLIPWAY_PORT={int(port) + 1}"
    code, checks = doctor(tmp_path, SLIPWAY_PORT=port)
    assert checks["app port"]["level"] == "ok"
    assert code == (3 if any(check["level"] == "missing" for check in checks.values()) else 0)
