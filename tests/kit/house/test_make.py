"""The commands of a contributor: what `make lint` and `make quick` may start."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]


def lines(*words: str) -> list[str]:
    """Return what make would run, a command a line."""
    # Without the variables of the make that these tests may run under.
    given = ("MAKE", "ARGS", "ROOM", "WORKERS")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(given)}
    command = ["make", "--dry-run", *words]
    done = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=True)
    return done.stdout.replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("target", ["lint", "quick"])
def test_no_command_brings_an_engine_up(target: str) -> None:
    assert [line for line in lines(target) if "scripts/bootstrap --no-engine" not in line] == []


def test_lint_gets_no_tools() -> None:
    (only,) = lines("lint")
    assert " -m lint " in only
    assert "--for-tests" not in only


def test_quick_cannot_reach_an_engine() -> None:
    """The proof that nothing in it starts one: each run of it is green without."""
    *_, tests = lines("quick")
    assert "env DOCKER_HOST=unix:///dev/null/no-engine " in tests
    assert '-m "not engine and not slow" --timeout 10 ' in tests
    assert tests.split()[-1] == "tests/kit/"


def test_quick_of_one_room() -> None:
    tools, tests = lines("quick", "ROOM=deploy")
    assert "provision" in tools, "and the sample app's tests are left out"
    assert tests.split()[-1] == "tests/kit/deploy"


def test_the_kits_workflow_leaves_no_test_out() -> None:
    """A runner's user is not root: on CI a test that needs root fails without, and so runs in a step of its own."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/kit.yml").read_text())["jobs"]
    runs = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert (runs["lint"], runs["quick"]) == (["make lint"], ["make quick"])
    user, root = runs["engines"]
    assert user == "make test ARGS=\"-m 'not root'\""
    assert root.startswith("sudo ") and root.endswith('make test ARGS="-m root"')
    assert "CI" in root.partition("--preserve-env=")[2].split()[0].split(","), "or what is missing is skipped"
