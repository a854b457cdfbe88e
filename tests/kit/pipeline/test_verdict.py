"""From the stages' outcomes to the run's status and exit code: one table, and what hides what."""

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from slipway.errors import ExitCode, SlipwayError
from slipway.pipeline import run as runs
from slipway.pipeline.result import encode
from slipway.report import schema
from slipway.stages.base import Outcome

Line = Any
RED = Outcome("failed", "red")
EXITS = {
    code: Outcome("failed", f"exit {code.name}", exit_code=code)
    for code in (
        ExitCode.USAGE, ExitCode.NOT_READY, ExitCode.DEPLOY_FAILED, ExitCode.NEEDS_HUMAN, ExitCode.TIMED_OUT,
        ExitCode.SUPERSEDED,
    )
}  # fmt: skip
PASSED, DEGRADED, BROKEN = Outcome("passed", "p"), Outcome("degraded", "no data"), Outcome("broken", "crashed")


def verdict(line: Line, *outcomes: Outcome, missing: str = "", interrupted: bool = False) -> tuple[str, int, str]:
    """The verdict on stages of these outcomes, and the checked result.json that goes with it."""
    stages = [line.stage(f"s{n}") for n in range(len(outcomes))]
    line.run(*stages)
    line.scheduler.outcomes.update({f"s{n}": o for n, o in enumerate(outcomes)})
    found = runs.verdict(line.scheduler, missing, interrupted)
    return found[0], int(found[1]), found[2]


@pytest.mark.parametrize(
    ("outcomes", "status", "code", "reason"),
    [
        ((), "passed", 0, ""),
        ((PASSED,), "passed", 0, ""),
        ((PASSED, Outcome("reused")), "passed", 0, ""),
        ((PASSED, Outcome("skipped", "x")), "passed", 0, ""),
        ((PASSED, DEGRADED), "degraded", 0, "no data"),
        ((RED,), "failed", 1, "red"),
        ((DEGRADED, RED), "failed", 1, "red"),
        ((RED, Outcome("cancelled", "x")), "failed", 1, "red"),
        ((BROKEN,), "broken", 4, "crashed"),
        ((RED, BROKEN), "broken", 4, "crashed"),
        ((DEGRADED, BROKEN), "broken", 4, "crashed"),
        ((EXITS[ExitCode.USAGE],), "failed", 2, "exit USAGE"),
        ((EXITS[ExitCode.NOT_READY],), "not-ready", 3, "exit NOT_READY"),
        ((EXITS[ExitCode.DEPLOY_FAILED],), "failed", 5, "exit DEPLOY_FAILED"),
        ((EXITS[ExitCode.NEEDS_HUMAN],), "failed", 6, "exit NEEDS_HUMAN"),
        ((EXITS[ExitCode.TIMED_OUT],), "failed", 7, "exit TIMED_OUT"),
        ((EXITS[ExitCode.SUPERSEDED],), "failed", 8, "exit SUPERSEDED"),
        # That something is missing here never hides a red gate, in whichever order they ended.
        ((RED, EXITS[ExitCode.NOT_READY]), "failed", 1, "red"),
        ((EXITS[ExitCode.NOT_READY], RED), "failed", 1, "red"),
        ((RED, EXITS[ExitCode.TIMED_OUT]), "failed", 7, "exit TIMED_OUT"),
        ((RED, EXITS[ExitCode.NEEDS_HUMAN]), "failed", 6, "exit NEEDS_HUMAN"),
        ((EXITS[ExitCode.DEPLOY_FAILED], EXITS[ExitCode.NEEDS_HUMAN]), "failed", 6, "exit NEEDS_HUMAN"),
        ((Outcome("failed", "x", exit_code=99),), "failed", 1, "x"),
        ((Outcome("failed", "x", exit_code=0),), "failed", 1, "x"),
    ],
)
def test_the_table(line: Line, outcomes: tuple[Outcome, ...], status: str, code: int, reason: str) -> None:
    assert verdict(line, *outcomes) == (status, code, reason)


@pytest.mark.parametrize("outcomes", [(), (PASSED,), (RED,), (BROKEN,), (EXITS[ExitCode.NEEDS_HUMAN],)])
def test_interrupted_is_interrupted_whatever_else(line: Line, outcomes: tuple[Outcome, ...]) -> None:
    assert verdict(line, *outcomes, interrupted=True) == ("cancelled", 130, "interrupted")


@pytest.mark.parametrize(
    ("outcomes", "found"),
    [
        ((PASSED,), ("not-ready", 3, "no engine")),
        ((Outcome("skipped", "needs a Docker engine"),), ("not-ready", 3, "no engine")),
        ((DEGRADED,), ("not-ready", 3, "no engine")),
        ((RED,), ("failed", 1, "red")),
        ((BROKEN,), ("broken", 4, "crashed")),
    ],
)
def test_without_an_engine(line: Line, outcomes: tuple[Outcome, ...], found: tuple[str, int, str]) -> None:
    assert verdict(line, *outcomes, missing="no engine") == found


def test_without_an_engine_what_needs_none_can_pass(line: Line) -> None:
    line.run(line.stage("lint", engine=False))
    assert runs.verdict(line.scheduler, "no engine", False) == ("passed", 0, "")


def test_on_a_runner_degraded_is_broken(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks at it there: what is not proven must be red."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert verdict(line, PASSED, DEGRADED) == ("degraded", 4, "no data")


@pytest.mark.parametrize("code", list(ExitCode))
def test_no_outcome_but_a_green_one_ends_with_0(line: Line, code: ExitCode) -> None:
    assert verdict(line, Outcome("failed", "x", exit_code=code))[1] != 0


def read(name: str) -> dict[str, Any]:
    """A committed schema."""
    return dict(json.loads((schema.FOLDER / name).read_text()))


@pytest.mark.parametrize("name", schema.KINDS)
def test_the_committed_schemas_are_those_of_the_code(name: str) -> None:
    """Change the types, then: uv run --project scripts python -m slipway.report.schema"""
    assert (schema.FOLDER / name).read_text(encoding="utf-8") == schema.schema(*schema.KINDS[name])
    jsonschema.Draft202012Validator.check_schema(read(name))


@pytest.mark.parametrize("does", ["passed", "failed", "degraded", "skipped", "reused", ValueError("x")], ids=str)
def test_every_result_and_event_is_as_its_schema_says(line: Line, does: Any) -> None:
    line.run(line.stage("build", does=does), line.stage("deploy", "build"))
    result = runs._result(line.scheduler, line.context, datetime.now(UTC), "", False)
    plain = json.loads(encode(result))
    jsonschema.validate(plain, read("result.schema.json"))
    assert plain["schema"] == 1 and plain["exit_code"] == result.exit_code
    assert [s["name"] for s in plain["stages"]] == ["build", "deploy"]
    assert plain["image"]["digest"] == ("d" if does in ("passed", "degraded", "reused") else "")
    for event in line.events:
        jsonschema.validate(json.loads(encode(event)), read("events.schema.json"))
        assert json.loads(encode(event))["schema"] == 1


@pytest.mark.parametrize(
    "change",
    [{"status": "green"}, {"exit_code": "0"}, {"schema": None}, {"stages": [{"name": "x"}]}, {"image": 3}],
    ids=str,
)
def test_the_schema_refuses_what_is_no_result(line: Line, change: dict[str, Any]) -> None:
    line.run(line.stage("build"))
    plain = json.loads(encode(runs._result(line.scheduler, line.context, datetime.now(UTC), "", False)))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain | change, read("result.schema.json"))


def test_schema_is_always_there() -> None:
    """`schema` is required: who reads a result can tell what it reads."""
    assert "schema" in read("result.schema.json")["$defs"]["RunResult"]["required"]
    assert "schema" in read("events.schema.json")["$defs"]["Event"]["required"]


def test_what_could_not_be_removed_is_said_and_no_pass(line: Line) -> None:
    line.run(line.stage("a", finish=SlipwayError("left behind: network x")))
    assert runs.verdict(line.scheduler, "", False) == ("not-ready", ExitCode.NOT_READY, "left behind: network x")
