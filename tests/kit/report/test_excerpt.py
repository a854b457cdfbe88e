"""Of a red stage's log what a person needs: twenty lines at most, and none of what told of progress."""

import subprocess
import sys
from pathlib import Path

import pytest
from report import left

from slipway.pipeline.result import StageResult
from slipway.policy.finding import Finding
from slipway.report import excerpt
from slipway.tools.pytest import NAMED

TESTS = """
import pytest
@pytest.mark.parametrize("n", range(60), ids="number {}".format)
def test_many(n): pass
@pytest.mark.skip(reason="no reason")
def test_left_out(): pass
def test_bad():
    print("what it printed")
    assert 1 + 1 == 3
"""
# As BuildKit and compose said it on a real engine.
BUILD = """[internal] load build definition from Dockerfile
[1/4] FROM docker.io/library/python CACHED
[2/4] WORKDIR /app CACHED
[3/4] COPY requirements.txt . CACHED
[4/4] RUN pip install -r requirements.txt
ERROR: Could not find a version that satisfies the requirement flaskk (from versions: none)
Dockerfile:5
--------------------
   4 |     COPY requirements.txt .
   5 | >>> RUN pip install -r requirements.txt
--------------------
ERROR: target app: failed to solve: process "/bin/sh -c pip install" did not complete successfully: exit code: 1
"""
STACK = """ Network slipway-test-1_default  Creating
 Network slipway-test-1_default  Created
 Container slipway-test-1-db-1  Starting
 Container slipway-test-1-db-1  Started
 Container slipway-test-1-web-1  Waiting
container slipway-test-1-web-1 exited (1)

--- last lines of the services ---
web-1  | ModuleNotFoundError: No module named 'flask'
"""


@pytest.fixture(scope="module", params=[(), NAMED], ids=["dots", "names"])
def pytest_log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the real pytest prints of a test that fails among many, with coverage's table as pytest-cov adds it."""
    folder = tmp_path_factory.mktemp("log")
    (folder / "test_it.py").write_text(TESTS)
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=yes", *request.param, str(folder)]
    said = subprocess.run(words, cwd=folder, check=False, capture_output=True, text=True).stdout
    table = "===== tests coverage =====\nName  Stmts  Miss\n" + "app.py  10  1\n" * 30 + "TOTAL 300 30\n"
    at = said.index("\x1b[36m\x1b[1m=") if "\x1b[36m\x1b[1m=" in said else said.index("=", said.index("assert 1 + 1"))
    return said[:at] + table + said[at:]


def test_a_failing_test(pytest_log: str) -> None:
    lines = excerpt.relevant(pytest_log, told=True)
    assert len(lines) <= excerpt.LINES
    text = "\n".join(lines)
    assert "E       assert (1 + 1) == 3" in text and "what it printed" in text
    for noise in ("\x1b", "%]", "TOTAL", "app.py", "short test summary", "test session starts", "PASSED", "SKIPPED"):
        assert noise not in text, noise


def test_a_test_that_hung_is_the_last_line_and_those_before_it_are_left_out(pytest_log: str) -> None:
    """A container that was killed said nothing of failures."""
    cut = pytest_log[: pytest_log.index("test_bad")] + "test_bad " if "test_bad FAILED" in pytest_log else ""
    lines = excerpt.relevant(cut)
    assert lines[-1:] == (["test_it.py::test_bad"] if cut else []) and len(lines) <= 8, lines


def test_a_failing_build() -> None:
    lines = excerpt.relevant(BUILD)
    assert lines[0] == "[4/4] RUN pip install -r requirements.txt"
    assert "   5 | >>> RUN pip install -r requirements.txt" in lines and lines[-1].endswith("exit code: 1")


def test_a_stack_that_does_not_come_up() -> None:
    assert excerpt.relevant(STACK) == [
        "container slipway-test-1-web-1 exited (1)",
        "--- last lines of the services ---",
        "web-1  | ModuleNotFoundError: No module named 'flask'",
    ]


def test_no_more_than_twenty_lines_and_the_last_ones() -> None:
    assert excerpt.relevant("".join(f"line {n}\n\n" for n in range(100_000)))[0] == "line 99980"
    assert excerpt.relevant("") == excerpt.relevant("\n \n") == []


def test_of_a_scanner_what_it_warns_of() -> None:
    said = "2026-11-21T19:46:27Z\tINFO\t[vuln] enabled\n2026-11-21T19:46:27Z\tFATAL\tno database\n"
    assert excerpt.relevant(said) == ["2026-11-21T19:46:27Z\tFATAL\tno database"]


def test_a_traceback_of_ours_stays_in_the_log(tmp_path: Path) -> None:
    stage = StageResult(name="lint", status="broken", seconds=1, started=0, log="x", reason="internal error, please …")
    folder = left.write(tmp_path, left.result(1, (stage,)), lint_log="Traceback (most recent call last):\n  x\n")
    assert excerpt.of(stage, folder) == []


@pytest.mark.parametrize(
    ("name", "stops", "shown"), [("scan", True, False), ("scan", False, True), ("test", True, True)]
)
def test_where_the_findings_say_it_the_log_is_silent(name: str, stops: bool, shown: bool, tmp_path: Path) -> None:
    stage = StageResult(
        name=name,
        status="failed",
        seconds=1,
        started=0,
        log=f"{name}.log",
        findings=(Finding("R", "HIGH", "m", stops=stops),),
    )
    folder = left.write(tmp_path, left.result(1, (stage,)), **{f"{name}_log": "what it said\n"})
    assert excerpt.of(stage, folder) == (["what it said"] if shown else [])
    assert excerpt.of(stage, tmp_path / "absent") == []
