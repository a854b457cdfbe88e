"""What `make quick` leaves out is marked by the fixtures of a test, or by hand with a reason."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KIT_TESTS = Path(__file__).parents[1]
GOOD = """\
import pytest

@pytest.fixture
def base_images(): pass

@pytest.fixture
def shop(base_images): pass

@pytest.fixture
def act(): pass

def test_engine(shop): pass

def test_slow(act): pass

@pytest.mark.slow("compiles")
@pytest.mark.timeout(60)
def test_slow_by_hand(): pass

def test_quick(): pass
"""


def collected(folder: Path, text: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Collect a file of tests under the rules of the kit's conftest.py."""
    (folder / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-c", str(KIT_TESTS / "pytest.ini"), "--rootdir", str(folder)]
    command += ["-p", "conftest", "--confcutdir", str(folder), "--collect-only", *options, str(folder)]
    given = os.environ | {"PYTHONPATH": str(KIT_TESTS)}
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False)


def test_fixtures_mark_tests_and_long_ones_come_first(tmp_path: Path) -> None:
    found = [line.partition("::")[2] for line in collected(tmp_path, GOOD).stdout.splitlines() if "::" in line]
    assert found == ["test_engine", "test_slow", "test_slow_by_hand", "test_quick"]
    quick = collected(tmp_path, GOOD, "-m", "not engine and not slow").stdout
    assert [line.partition("::")[2] for line in quick.splitlines() if "::" in line] == ["test_quick"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('slow("compiles")', "slow", "is marked slow without a reason"),
        ('@pytest.mark.slow("compiles")\n', "", "has a time limit of its own: mark it slow, and say why"),
    ],
)
def test_a_mark_without_a_reason_ends_the_collection(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    done = collected(tmp_path, GOOD.replace(old, new))
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"test_it.py::test_slow_by_hand {says}" in done.stderr
