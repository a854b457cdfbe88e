"""Test results from JUnit XML, and coverage from Cobertura XML, as pytest and coverage.py write them."""

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from slipway.policy.finding import Finding

SLOWEST = 10
TEXT_LIMIT = 8000  # characters of one failure that are kept


@dataclass(frozen=True)
class Case:
    """One test that ran."""

    name: str
    seconds: float
    outcome: Literal["passed", "failed", "skipped"]
    message: str = ""
    text: str = ""  # the traceback, and what the test printed


@dataclass(frozen=True)
class Covered:
    """How much of a file was run."""

    file: str
    percent: float
    missed: tuple[int, ...]  # lines


@dataclass(frozen=True)
class Results:
    """Counted test results."""

    total: int
    failures: int
    skipped: int
    findings: tuple[Finding, ...]
    slowest: tuple[tuple[str, float], ...]  # test name, seconds

    def summary(self) -> str:
        """`42 passed, 1 failed`; empty where no test is known."""
        if not self.total:
            return ""
        passed = self.total - self.failures - self.skipped
        parts = [(self.failures, "failed"), (passed, "passed"), (self.skipped, "skipped")]
        return ", ".join(f"{number} {word}" for number, word in parts if number)


def cases(folder: Path) -> list[Case]:
    """The tests of all junit*.xml in a folder; a file that is missing or cut counts for nothing."""
    found = []
    for path in sorted(folder.glob("junit*.xml")):
        root = _root(path)
        found += [_case(element) for element in (root.iter("testcase") if root is not None else ())]
    return found


def _case(element: ElementTree.Element) -> Case:
    name = f"{element.get('classname', '')}::{element.get('name', '')}".removeprefix("::")
    seconds = _seconds(element.get("time", ""))
    bad = next((child for child in element if child.tag in ("failure", "error")), None)
    if bad is None:
        return Case(name, seconds, "passed" if element.find("skipped") is None else "skipped")
    text = (bad.text or "").strip()
    message = (bad.get("message") or "".join(text.splitlines()[-1:])).strip() or "failed"
    printed = [(child.text or "").strip() for child in element if child.tag in ("system-out", "system-err")]
    whole = "\n\n".join(part for part in (text, *printed) if part)
    return Case(name, seconds, "failed", message.splitlines()[0][:300], whole[-TEXT_LIMIT:])


def read(folder: Path) -> Results:
    """All results in a folder, counted."""
    found = cases(folder)
    failed = [case for case in found if case.outcome == "failed"]
    slowest = sorted(((case.name, case.seconds) for case in found), key=lambda t: -t[1])[:SLOWEST]
    return Results(
        total=len(found),
        failures=len(failed),
        skipped=sum(case.outcome == "skipped" for case in found),
        findings=tuple(Finding(case.name, "HIGH", case.message) for case in failed),
        slowest=tuple(slowest),
    )


def coverage(path: Path) -> float | None:
    """Covered lines in percent, or None where there is no report."""
    root = _root(path)
    try:
        return None if root is None else float(root.get("line-rate", "")) * 100
    except ValueError:
        return None


def files(path: Path) -> list[Covered]:
    """Coverage by file, least covered first."""
    root = _root(path)
    found = []
    for element in root.iter("class") if root is not None else ():
        lines = [(_whole(line.get("number", "")), line.get("hits") != "0") for line in element.iter("line")]
        missed = tuple(number for number, hit in lines if not hit)
        percent = 100 * (1 - len(missed) / len(lines)) if lines else 100.0
        found.append(Covered(element.get("filename", "?"), percent, missed))
    return sorted(found, key=lambda c: (c.percent, c.file))


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _root(path: Path) -> "ElementTree.Element | None":
    """The document, or None. The file comes out of the project's own container: a link or a pipe is not opened."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        return ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError):
        return None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < math.inf else 0.0
