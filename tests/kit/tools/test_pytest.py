"""Which test is running, as the real pytest says it while it runs."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from slipway.tools import process
from slipway.tools.pytest import LONGEST, NAMED, Now

TESTS = """
import time, pytest
@pytest.fixture
def slow():
    time.sleep(0.5)
@pytest.mark.parametrize("what", ["a b", "c::d"])
def test_of(what): pass
class TestIt:
    def test_in_a_class(self, slow): print("not a test_x.py::test_y of ours")
def test_bad(): assert 1 == 2
"""


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    """A folder of tests."""
    (tmp_path / "unit").mkdir()
    (tmp_path / "unit" / "test_it.py").write_text(TESTS)
    return tmp_path


def run(folder: Path, *options: str) -> list[tuple[float, str]]:
    """What was said to be going on, and at which second."""
    said: list[tuple[float, str]] = []
    begun = time.monotonic()
    now = Now(lambda text: said.append((time.monotonic() - begun, text)))
    words = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *NAMED, *options, "unit")
    done = asyncio.run(process.run(*words, timeout=60, cwd=folder, on_line=now, on_part=now))
    assert done.code == 1, done.text
    return said


@pytest.mark.parametrize("options", ["", "-q", "-qq", "-v", "--color=yes", "-q --strict-config"])
def test_each_test_is_named_once_whatever_the_command_has(tests: Path, options: str) -> None:
    names = [text for _, text in run(tests, *options.split()) if text.endswith(" in test_it.py")]
    own = ("test_of[a b]", "test_of[c::d]", "TestIt::test_in_a_class", "test_bad")
    assert names == [f"{name} in test_it.py" for name in own]


def test_it_is_named_before_it_ends(tests: Path) -> None:
    said = {text: second for second, text in run(tests)}
    slept = said["test_bad in test_it.py"] - said["TestIt::test_in_a_class in test_it.py"]
    assert slept > 0.45, "as long as its fixture did"


def said(*lines: str) -> list[str]:
    found: list[str] = []
    now = Now(found.append)
    for line in lines:
        now(line)
    return found


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("tests/unit/test_a.py::test_b ", "test_b in test_a.py"),
        ("tests/unit/test_a.py::test_b[x/y] PASSED                      [ 20%]", "test_b[x/y] in test_a.py"),
        ("[gw0] [ 20%] PASSED tests/test_a.py::test_b[a b] ", "test_b[a b] in test_a.py"),
        ("[gw11] FAILED test_a.py::T::test_b", "T::test_b in test_a.py"),
        ("test_a.py::test_b SKIPPED (needs a network)                   [ 20%]", "test_b in test_a.py"),
        ("\x1b[32mtest_a.py::test_b \x1b[0mPASSED", "test_b in test_a.py"),
        ("======== 3 passed in 0.1s ========", "3 passed in 0.1s"),
        ("tests/unit/test_a.py ......", "tests/unit/test_a.py ......"),  # as pytest before 8.1 says it
        ("collecting ... ", "collecting ..."),
        ("x" * 500, "x" * LONGEST),
    ],
)
def test_what_a_line_says(line: str, text: str) -> None:
    assert said(line, line) == [text]
    assert said("", " ") == []


def test_where_it_was_ended() -> None:
    now = Now(lambda _: None)
    assert now.at == ""
    for line in ("test_a.py::test_b PASSED", "test_a.py::test_hangs ", "!!!! KeyboardInterrupt !!!!"):
        now(line)
    assert now.at == " at test_a.py::test_hangs"


def test_a_line_is_heard_before_its_end(tmp_path: Path) -> None:
    """And not with each of its bytes anew: what is long is cut."""
    parts: list[str] = []
    lines: list[str] = []
    code = "import time; print('a', end='', flush=True); time.sleep(0.3); print('b'); print('x' * 99999, end='')"
    log = tmp_path / "log"
    heard = process.run(sys.executable, "-c", code, timeout=60, log=log, on_line=lines.append, on_part=parts.append)
    assert asyncio.run(heard).ok
    assert parts[0] == "a" and lines == ["ab", "x" * 99999]
    assert max(map(len, parts)) == 4000
    assert log.read_text() == "ab\n" + "x" * 99999
