"""What every shipped workflow hands over, step by step, on each road through it: executed, and held in traces/."""

import os
from pathlib import Path
from typing import Any

import pytest
from workflows.harness import golden, places, scenarios, traces

TRACES = places.HERE / "traces"
SCENARIOS = scenarios.of()


# What runs no container: a job of nothing else leaves the runner's engine alone.
NO_ENGINE = {f"slipway ci {name}" for name in ("login", "cache", "proven", "package", "drafts", "major")}


def needs_engine(entry: dict[str, Any]) -> bool:
    """Return whether a call of slipway takes an engine."""
    lint = entry["call"] == "slipway ci run" and entry["with"].get("STAGE") == "lint"
    return entry["call"].startswith("slipway ") and entry["call"] not in NO_ENGINE and not lint


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_trace(scenario: scenarios.Scenario, act: Path, tmp_path: Path) -> None:
    run = traces.execute(scenario, tmp_path / "run")
    assert not run.strays
    found = traces.trace(run)
    file = TRACES / f"{scenario.name}.txt"
    if os.environ.get("SLIPWAY_UPDATE_TRACES"):  # after looking at the difference
        file.parent.mkdir(exist_ok=True)
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8")
    for job, engine in run.records("set-ups.jsonl"):
        calls = [entry for entry in run.records("trace.jsonl") if entry["job"] == job]
        needed = any(map(needs_engine, calls))
        whole = all(outcome.result == "success" for outcome in run.jobs.values())
        assert engine == "true" if needed else engine == "false" or not whole, f"set-up of job {job}"


# Where artifacts and caches matter most: all good, and each way in which GitHub's services refuse.
BY_CLIENTS = (
    "ci-push",
    "verify-baseline",
    "verify-storage-full",
    "verify-storage-full-for-reports",
    "verify-twice-in-a-run",
    "publish-artifact-gone",
    "publish-artifact-swapped",
    "release-tag",
)


@pytest.mark.parametrize("name", BY_CLIENTS)
def test_with_githubs_own_clients_all_is_the_same(name: str, act: Path, tmp_path: Path) -> None:
    """Each call with its inputs, each step's result, each output; errors have their own words: test_standins.py."""
    (scenario,) = [one for one in SCENARIOS if one.name == name]
    found = traces.trace(traces.execute(scenario, tmp_path / "run", clients=True))
    kept = (TRACES / f"{name}.txt").read_text(encoding="utf-8")
    assert _without_errors(found) == _without_errors(kept)


def _without_errors(trace: str) -> list[str]:
    return [line for line in trace.splitlines() if not line.startswith("    ! ")]


def test_no_trace_without_a_scenario() -> None:
    assert {file.stem for file in TRACES.glob("*.txt")} == {one.name for one in SCENARIOS}


def test_every_workflow_is_executed() -> None:
    """kit.yml and the workflows that only GitHub can run are named here, with the reason."""
    elsewhere = {"kit": "runs this very test suite"} | dict.fromkeys(
        golden.ONLY_ON_GITHUB, "only GitHub proves what it asks; their steps' script: test_selftest.py"
    )
    assert {f.stem for f in places.workflow_files()} - {s.workflow for s in SCENARIOS} <= set(elsewhere)
