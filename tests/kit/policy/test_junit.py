"""Test results and coverage, as pytest and coverage.py write them, and as a killed run leaves them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.policy import junit

TESTS = """
import pytest
def test_good(): pass
def test_bad(): assert 1 == 2, "the reason"
def test_error(broken): pass
@pytest.fixture
def broken(): raise RuntimeError("no fixture")
@pytest.mark.skip
def test_skipped(): pass
def test_hostile_name_and_text(): raise ValueError("<b>\\x1b[31m & ]]>\\nsecond line")
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the real pytest reports on TESTS."""
    folder = tmp_path_factory.mktemp("junit")
    (folder / "test_it.py").write_text(TESTS)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={folder}/junit.xml", folder]
    subprocess.run(words, cwd=folder, check=False, capture_output=True)
    return folder


def test_what_pytest_reports(report: Path) -> None:
    results = junit.read(report)
    assert (results.total, results.failures, results.skipped) == (5, 3, 1)
    assert results.summary() == "3 failed, 1 passed, 1 skipped"
    said = {f.rule.rsplit("::")[-1]: f.message for f in results.findings}
    assert said["test_bad"] == "AssertionError: the reason"
    assert "no fixture" in said["test_error"]
    assert said["test_hostile_name_and_text"].startswith("ValueError: <b>")
    assert all("\n" not in f.message for f in results.findings)
    assert len(results.slowest) == 5 and results.slowest[0][1] >= results.slowest[-1][1]


@pytest.mark.parametrize("content", ["", "<testsuites>", "garbage", "<testsuite><testcase name='x'></testsuites>"])
def test_a_report_that_was_cut_counts_for_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "junit.xml").write_text(content)
    results = junit.read(tmp_path)
    assert (results.total, results.summary()) == (0, "")


def test_no_report_at_all(tmp_path: Path) -> None:
    assert junit.read(tmp_path).total == 0
    assert junit.read(tmp_path / "absent").total == 0


CASES = "<testsuite><testcase name='a' {}/><testcase name='b'><failure/></testcase></testsuite>"


@pytest.mark.parametrize("time", ["", "time=''", "time='soon'", "time='nan'", "time='1,000.5'", "time='-1'"])
def test_a_time_that_is_none_does_not_lose_the_results(tmp_path: Path, time: str) -> None:
    """The report comes out of the project's own container: it may hold anything."""
    (tmp_path / "junit.xml").write_text(CASES.format(time))
    results = junit.read(tmp_path)
    assert (results.total, results.failures) == (2, 1)
    assert all(seconds == seconds and seconds >= 0 for _, seconds in results.slowest)
    assert [f.message for f in results.findings] == ["failed"]


def test_several_reports_are_added_up(tmp_path: Path) -> None:
    for name in ("junit.xml", "junit-2.xml"):
        (tmp_path / name).write_text(CASES.format(""))
    (tmp_path / "other.xml").write_text(CASES.format(""))
    assert junit.read(tmp_path).total == 4


def test_an_entity_bomb_is_refused_or_small(tmp_path: Path) -> None:
    """Entities that expand to gigabytes must not be expanded."""
    levels = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
    (tmp_path / "junit.xml").write_text(
        f"<!DOCTYPE x [<!ENTITY l0 'aaaaaaaaaa'>{levels}]><testsuite><testcase name='&l9;'/></testsuite>"
    )
    assert junit.read(tmp_path).total == 0


@pytest.mark.parametrize(
    ("content", "percent"),
    [("<coverage line-rate='0.971'/>", 97.1), ("<coverage/>", None), ("<coverage line-rate='x'/>", None), ("", None)],
)
def test_coverage(tmp_path: Path, content: str, percent: float | None) -> None:
    (tmp_path / "coverage.xml").write_text(content)
    assert junit.coverage(tmp_path / "coverage.xml") == (pytest.approx(percent) if percent else None)
    assert junit.coverage(tmp_path / "absent.xml") is None


def test_a_link_or_a_pipe_in_the_reports_is_not_opened(tmp_path: Path) -> None:
    """A container can leave either; the first may lead anywhere on this machine, the second would hang us."""
    (tmp_path / "elsewhere").write_text(CASES.format(""))
    (tmp_path / "junit.xml").symlink_to("elsewhere")
    os.mkfifo(tmp_path / "junit-2.xml")
    os.mkfifo(tmp_path / "coverage.xml")
    assert junit.read(tmp_path).total == 0
    assert junit.coverage(tmp_path / "coverage.xml") is None
