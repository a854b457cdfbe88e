"""Test results from JUnit XML, and coverage from Cobertura XML, as pytest and coverage.py write them."""

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from slipway.policy.finding import Finding

SLOWEST = 10


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


def read(folder: Path) -> Results:
    """All junit*.xml in a folder; a file that is missing or cut counts for nothing."""
    total = failures = skipped = 0
    findings: list[Finding] = []
    times: list[tuple[str, float]] = []
    for path in sorted(folder.glob("junit*.xml")):
        root = _root(path)
        for case in root.iter("testcase") if root is not None else ():
            total += 1
            name = f"{case.get('classname', '')}::{case.get('name', '')}".removeprefix("::")
            times.append((name, _seconds(case.get("time", ""))))
            bad = case.find("failure") if case.find("failure") is not None else case.find("error")
            if bad is not None:
                failures += 1
                message = bad.get("message") or (bad.text or "").strip().splitlines()[-1:] or ["failed"]
                text = message if isinstance(message, str) else message[0]
                findings.append(Finding(name, "HIGH", text.strip().splitlines()[0][:300] if text.strip() else "failed"))
            elif case.find("skipped") is not None:
                skipped += 1
    slowest = tuple(sorted(times, key=lambda t: -t[1])[:SLOWEST])
    return Results(total, failures, skipped, tuple(findings), slowest)


def coverage(path: Path) -> float | None:
    """Covered lines in percent, or None where there is no report."""
    root = _root(path)
    try:
        return None if root is None else float(root.get("line-rate", "")) * 100
    except ValueError:
        return None


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
