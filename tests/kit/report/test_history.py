"""What changed from one run to the next."""

from typing import Any

import pytest
from report import left

from slipway.pipeline.result import RunResult, StageResult
from slipway.policy.finding import Finding
from slipway.report import history


def run(
    number: int, seconds: float = 7.0, size: int | None = 60_000_000, findings: Any = (), **status: Any
) -> RunResult:
    """A run of build and scan."""
    build, scan = status.get("build", "passed"), status.get("scan", "passed")
    facts = {"size": size} if size else {}
    stages = (
        StageResult(name="build", status=build, seconds=1, started=0, facts=facts),
        StageResult(name="scan", status=scan, seconds=1, started=0, findings=tuple(findings)),
    )
    return left.result(number, stages, seconds=seconds)


A, B = Finding("CVE-1", "HIGH", "one", "a.py", 1), Finding("CVE-2", "LOW", "two")


def test_time_size_findings_and_verdicts() -> None:
    before, after = run(1, findings=[A]), run(2, 8.25, 61_200_000, [B], scan="failed")
    change = history.change(after, [before])
    assert change and change.words == "+1.2 s · +1.2 MB · 1 new finding · 1 finding gone · scan: passed → failed"
    assert (change.new, change.gone, change.since) == ((B,), (A,), before.id)


def test_nothing_changed() -> None:
    change = history.change(run(2, findings=[A]), [run(1, findings=[A])])
    assert change and change.words == "+0.0 s · same size"


def test_reused_is_no_change() -> None:
    change = history.change(run(2, 0.2, scan="reused", build="reused"), [run(1)])
    assert change and change.words == "-6.8 s · same size"


def test_the_same_finding_twice_is_counted_and_a_moved_line_is_not() -> None:
    moved = Finding("CVE-1", "HIGH", "one", "a.py", 99)
    change = history.change(run(2, findings=[A, moved, A]), [run(1, findings=[A])])
    assert change and len(change.new) == 2 and not change.gone
    change = history.change(run(2, findings=[moved]), [run(1, findings=[A])])
    assert change and not change.new and not change.gone


@pytest.mark.parametrize("status", ["skipped", "cancelled", "broken"])
def test_who_did_not_look_found_nothing_new_and_nothing_gone(status: str) -> None:
    change = history.change(run(2, scan=status), [run(1, findings=[A])])
    assert change and not change.new and not change.gone


def test_only_runs_of_the_same_stages_are_compared() -> None:
    other = left.result(2, (StageResult(name="lint", status="passed", seconds=1, started=0),))
    assert history.change(other, [run(1)]) is None
    change = history.change(run(3), [run(1), other])
    assert change and change.since == run(1).id


def test_a_run_that_built_nothing_has_no_size_to_compare() -> None:
    change = history.change(run(2, size=None), [run(1)])
    assert change and change.size is None and "size" not in change.words
