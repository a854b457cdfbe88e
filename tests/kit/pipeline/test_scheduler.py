"""The scheduler: overlap, failure, cancellation, preparation and clean-up, with real tasks and real time."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from slipway.errors import Broken, ExitCode, NotReady, SlipwayError
from slipway.pipeline.result import Kind
from slipway.stages.base import Outcome

Line = Any


def test_stages_that_need_nothing_of_each_other_overlap(line: Line) -> None:
    begun = time.monotonic()
    stages = [line.stage(name, seconds=0.3) for name in "abc"]
    assert line.run(*stages, line.stage("d", "a", "b")) == dict.fromkeys("abcd", "passed")
    assert time.monotonic() - begun < 0.8
    assert line.calls.index("d run") > max(line.calls.index("a end"), line.calls.index("b end"))


def test_results_tell_when_each_began_and_how_long_it_took(line: Line) -> None:
    line.run(line.stage("a", seconds=0.2), line.stage("b", "a", seconds=0.1))
    first, second = line.scheduler.results["a"], line.scheduler.results["b"]
    assert first.started < 0.1 and 0.2 <= first.seconds < 0.5
    assert first.seconds <= second.started < 0.6, "waiting for others is not counted"
    assert 0.1 <= second.seconds < 0.4


@pytest.mark.parametrize(
    "does", ["failed", "broken", Broken("x"), NotReady("x"), OSError("x"), ValueError("x")], ids=repr
)
def test_the_first_failure_ends_the_others(line: Line, does: Any) -> None:
    begun = time.monotonic()
    bad = line.stage("bad", does=does, seconds=0.1)
    found = line.run(bad, line.stage("slow", seconds=30), line.stage("after", "slow"), line.stage("needs", "bad"))
    assert time.monotonic() - begun < 5
    assert found["bad"] in ("failed", "broken") and found["slow"] == "cancelled"
    assert found["after"] in ("skipped", "cancelled") and found["needs"] in ("skipped", "cancelled")
    assert "slow cancelled" in line.calls and "after run" not in line.calls and "needs run" not in line.calls


@pytest.mark.parametrize("does", ["failed", Broken("x"), NotReady("x"), ValueError("x")], ids=str)
def test_what_needs_a_red_stage_never_runs(line: Line, does: Any) -> None:
    for keep_going in (False, True):
        found = line.run(
            line.stage("bad", does=does), line.stage("b", "bad"), line.stage("c", "b"), keep_going=keep_going
        )
        assert found["bad"] in ("failed", "broken")
        assert {"b run", "c run"} & set(line.calls) == set()


def test_keep_going_lets_the_others_end(line: Line) -> None:
    found = line.run(
        line.stage("bad", does="failed"), line.stage("slow", seconds=0.3), line.stage("after", "slow"),
        line.stage("needs", "bad", "slow"), line.stage("further", "needs"), keep_going=True,
    )  # fmt: skip
    assert found == {"bad": "failed", "slow": "passed", "after": "passed", "needs": "skipped", "further": "skipped"}
    assert line.outcomes["needs"].summary == "needs bad"
    assert line.outcomes["further"].summary == "needs needs"


def test_two_failures_at_once(line: Line) -> None:
    """Each ends the other: neither waits for ever, and both are told."""
    begun = time.monotonic()
    stages = [line.stage(name, does="failed", seconds=0.1) for name in ("a", "b", "c")]
    found = line.run(*stages, line.stage("slow", seconds=30))
    assert time.monotonic() - begun < 5
    assert found.pop("slow") == "cancelled"
    assert "failed" in found.values() and set(found.values()) <= {"failed", "cancelled"}


def test_two_failures_while_others_are_being_ended(line: Line) -> None:
    async def deaf(context: Any) -> Outcome:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            await asyncio.sleep(0.3)  # takes its time to end
            raise SlipwayError("failed while it was ended") from None
        raise AssertionError

    stages = [replace(line.stage(f"deaf{n}"), run=deaf) for n in range(3)]
    found = line.run(*stages, line.stage("bad", does="failed", seconds=0.1))
    assert found["bad"] == "failed"
    assert {found[f"deaf{n}"] for n in range(3)} <= {"failed", "cancelled"}


@pytest.mark.parametrize(
    ("error", "status", "code", "said"),
    [
        (SlipwayError("what, where, fix"), "failed", ExitCode.RED, "what, where, fix"),
        (NotReady("no tool"), "failed", ExitCode.NOT_READY, "no tool"),
        (Broken("crashed"), "broken", ExitCode.BROKEN, "crashed"),
        (OSError(28, "No space left on device", "/x"), "broken", None, "No space left on device: /x"),
        (ZeroDivisionError("oops"), "broken", None, "internal error, please report it: ZeroDivisionError: oops"),
        (AssertionError(), "broken", None, "internal error, please report it: AssertionError"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_a_stage_raises_becomes_its_outcome(
    line: Line, error: Exception, status: str, code: Any, said: str
) -> None:
    assert line.run(line.stage("a", does=error)) == {"a": status}
    assert line.outcomes["a"].exit_code == code
    assert line.outcomes["a"].summary.startswith(said)
    if "internal" in said:
        assert "Traceback" in (line.context.folder / "a.log").read_text(), "the traceback is for the log"


@pytest.mark.parametrize("does", ["degraded", "reused", "passed"])
def test_green_is_green(line: Line, does: str) -> None:
    assert line.run(line.stage("a", does=does), line.stage("b", "a")) == {"a": does, "b": "passed"}


def test_what_is_left_out_by_request_holds_nothing_up_but_the_image(line: Line) -> None:
    stages = line.stage("build"), line.stage("test", "build"), line.stage("publish", "test", "build")
    assert line.run(*stages, skipped={"test"}) == {"build": "passed", "test": "skipped", "publish": "passed"}
    assert line.run(*stages, skipped={"build"}) == dict.fromkeys(("build", "test", "publish"), "skipped")


def test_a_stage_that_has_nothing_to_do_holds_nothing_up(line: Line) -> None:
    nothing = Outcome("skipped", "no tests here")
    assert line.run(line.stage("a", does=nothing), line.stage("b", "a")) == {"a": "skipped", "b": "passed"}


def test_without_an_engine_only_what_needs_none_runs(line: Line) -> None:
    line.context = replace(line.context, engine=None)
    found = line.run(
        line.stage("lint", engine=False), line.stage("build", prepare=0), line.stage("publish", "lint", "build")
    )
    assert found == {"lint": "passed", "build": "skipped", "publish": "skipped"}
    assert line.calls == ["lint run", "lint end"], "nothing was prepared either"


def test_preparations_begin_at_once_and_are_awaited(line: Line) -> None:
    late = line.stage("late", "slow", prepare=0.1, awaits=True)
    line.run(line.stage("slow", seconds=0.3), late)
    assert line.calls.index("late prepared") < line.calls.index("slow end")
    assert line.calls.index("late run") < line.calls.index("late end")


def test_a_failed_preparation_is_the_stages_own_failure(line: Line) -> None:
    begun = line.stage("a", seconds=0.1)
    found = line.run(begun, line.stage("b", "a", prepare=NotReady("no tool"), awaits=True), line.stage("c", "a"))
    assert found["b"] == "failed" and line.outcomes["b"].summary == "no tool"
    assert line.outcomes["b"].exit_code == ExitCode.NOT_READY
    assert found["a"] == "passed"


def test_a_failed_preparation_that_nobody_asks_for_harms_nobody(line: Line) -> None:
    assert line.run(line.stage("b", prepare=NotReady("no tool"))) == {"b": "passed"}


def test_a_preparation_is_ended_with_the_run(line: Line) -> None:
    begun = time.monotonic()
    line.run(line.stage("bad", does="failed"), line.stage("b", "bad", prepare=30, awaits=True, finish=True))
    line.run(line.stage("bad", does="failed"), line.stage("b", "bad", prepare=30))
    line.run(line.stage("bad", does="failed"), line.stage("b", "bad", prepare=30, awaits=True, finish=True))
    assert time.monotonic() - begun < 5
    assert "b prepare" in line.calls and "b prepared" not in line.calls
    assert line.calls[-1] == "b finish"


@pytest.mark.parametrize(
    "does", ["passed", "failed", "degraded", Broken("x"), ValueError("x")], ids=lambda v: str(v) or type(v).__name__
)
@pytest.mark.parametrize("prepare", [{}, {"prepare": 0, "awaits": True}], ids=["", "prepared"])
def test_finish_is_called_once_however_it_ended(line: Line, does: Any, prepare: dict[str, Any]) -> None:
    line.run(line.stage("a", does=does, finish=True, **prepare))
    assert line.calls.count("a finish") == 1 and line.calls[-1] == "a finish"


@pytest.mark.parametrize("interrupt", [(0.2,), (0.2, 0.05), (0.2, 0.05, 0.05)], ids=["once", "twice", "three times"])
def test_finish_is_called_when_it_is_interrupted(line: Line, interrupt: tuple[float, ...]) -> None:
    found = line.run(
        line.stage("a", seconds=30, finish=True), line.stage("b", seconds=30, prepare=30, awaits=True, finish=True),
        line.stage("c", "a", finish=True), interrupt=interrupt,
    )  # fmt: skip
    assert found == {"a": "cancelled", "b": "cancelled", "c": "skipped"} | {"c": found["c"]}
    assert line.calls.count("a finish") == line.calls.count("b finish") == 1
    assert "c run" not in line.calls and "c finish" not in line.calls


@pytest.mark.parametrize("gap", [0.05, 0.15, 0.25])
def test_clean_up_goes_to_its_end_at_a_second_interrupt(line: Line, gap: float) -> None:
    ended = []

    async def finish(_: Any) -> None:
        await asyncio.sleep(0.4)
        ended.append(True)

    line.run(replace(line.stage("a", seconds=30), finish=finish), interrupt=(0.1, gap, 0.05))
    assert ended == [True]


def test_a_finish_that_fails_is_written_down_and_the_others_are_called(line: Line) -> None:
    line.run(line.stage("a", finish=SlipwayError("left behind: x")), line.stage("b", finish=True))
    assert {"a finish", "b finish"} <= set(line.calls)
    assert "left behind: x" in (line.context.folder / "clean-up.log").read_text()


def test_what_never_began_is_never_finished(line: Line) -> None:
    line.run(line.stage("a", finish=True), skipped={"a"})
    assert line.calls == []


def test_events_tell_the_story_in_order(line: Line) -> None:
    line.run(line.stage("a"), line.stage("b", "a", does="failed"))
    story = [(e.kind, e.stage) for e in line.events if e.kind is not Kind.STAGE_PROGRESS]
    assert story == [
        (Kind.STAGE_STARTED, "a"), (Kind.STAGE_FINISHED, "a"), (Kind.STAGE_STARTED, "b"), (Kind.STAGE_FINISHED, "b"),
    ]  # fmt: skip
    assert [e.at for e in line.events] == sorted(e.at for e in line.events)
    assert [e.result.status for e in line.events if e.result] == ["passed", "failed"]


def test_what_is_never_reused_is_prepared_while_earlier_results_are_looked_at(line: Line) -> None:
    async def holds(*_: Any) -> bool:
        await asyncio.sleep(0.1)
        line.calls.append("build held")
        return True

    stages = line.stage("build", key="b", holds=holds), line.stage("publish", "build", prepare=0, awaits=True)
    line.run(*stages)
    assert line.run(*stages) == {"build": "reused", "publish": "passed"}
    assert line.calls.index("publish prepared") < line.calls.index("build held")
