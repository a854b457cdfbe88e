"""Reuse: only what is green, only while everything that it depends on is the same, and degraded stays degraded."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.pipeline.reuse import Store
from slipway.policy.finding import Finding
from slipway.stages.base import Context, Outcome, Stage

Line = Any


def stage(key: str | None, **parts: Any) -> Stage:
    """A stage whose result depends on `key`."""

    async def run(_: Context) -> Outcome:
        raise AssertionError

    async def depends(_: Context) -> str | None:
        return key

    return Stage("scan", (), run, depends, **parts)


def find(store: Store, one: Stage, context: Context) -> Outcome | None:
    """The earlier outcome, if it still counts."""
    return asyncio.run(store.find(one, context))[1]


@pytest.fixture
def store(tmp_path: Path, context: Context) -> Store:
    """A store that holds a green scan of key `one`."""
    made = Store(tmp_path / "reuse")
    keep(made, context, Outcome("passed", "12 packages", (Finding("a", "LOW", "m", stops=False),), facts={"n": 1}))
    return made


def keep(store: Store, context: Context, outcome: Outcome, key: str = "one") -> None:
    """Remember an outcome."""
    hashed, _ = asyncio.run(store.find(stage(key), context))
    store.keep(stage(key), hashed, "run-1", outcome)


def test_the_same_key_gives_the_same_result_and_says_whose(store: Store, context: Context) -> None:
    found = find(store, stage("one"), context)
    assert found == Outcome(
        "reused", "12 packages", (Finding("a", "LOW", "m", stops=False),), facts={"n": 1, "run": "run-1"}
    )


def test_another_key_or_none_gives_nothing(store: Store, context: Context) -> None:
    assert find(store, stage("two"), context) is None
    assert asyncio.run(store.find(stage(None), context)) == (None, None)


def test_degraded_stays_degraded_however_often(store: Store, context: Context) -> None:
    keep(store, context, Outcome("degraded", "no data"))
    for _ in range(3):
        found = find(store, stage("one"), context)
        assert found and (found.status, found.summary) == ("degraded", "no data")
        keep(store, context, found)


@pytest.mark.parametrize("status", ["failed", "broken", "skipped", "cancelled", "reused"])
def test_what_is_not_green_is_forgotten(store: Store, context: Context, status: Any) -> None:
    """A red run in between: the earlier green one must not come back."""
    keep(store, context, Outcome(status, "x"))
    assert find(store, stage("one"), context) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b"3", b'{"key": 3}', b"\xff", b'{"key":"k","run":"r","status":"failed"}', b"{}" * 9],
)
def test_a_garbage_entry_counts_as_none(store: Store, context: Context, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "reuse" / "scan.json").write_bytes(content)
    assert find(store, stage("one"), context) is None


def test_an_entry_with_an_unknown_status_counts_as_none(store: Store, context: Context, tmp_path: Path) -> None:
    path = tmp_path / "reuse" / "scan.json"
    path.write_text(path.read_text().replace('"passed"', '"green"'))
    assert find(store, stage("one"), context) is None


@pytest.mark.parametrize("status", ["failed", "broken", "skipped", "cancelled"])
def test_an_entry_that_was_edited_to_another_status_is_no_green(
    store: Store, context: Context, tmp_path: Path, status: str
) -> None:
    path = tmp_path / "reuse" / "scan.json"
    path.write_text(path.read_text().replace('"passed"', f'"{status}"'))
    assert find(store, stage("one"), context) is None


@pytest.mark.parametrize("there", [True, False])
def test_it_holds_only_while_its_substance_is_there(store: Store, context: Context, there: bool) -> None:
    async def holds(_: Context, earlier: Outcome) -> bool:
        assert earlier.facts["n"] == 1
        return there

    assert (find(store, stage("one", holds=holds), context) is not None) is there


def test_a_folder_that_cannot_be_written_costs_the_reuse_and_nothing_else(context: Context, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    keep(Store(tmp_path / "file" / "reuse"), context, Outcome("passed", "x"))


def test_nothing_half_written_is_left(store: Store, tmp_path: Path) -> None:
    assert [p.name for p in (tmp_path / "reuse").iterdir()] == ["scan.json"]


def test_an_unchanged_pipeline_runs_nothing(line: Line) -> None:
    stages = (
        line.stage("build", key="b"),
        line.stage("test", "build", key="t", prepare=0),
        line.stage("publish", "test"),
    )
    assert set(line.run(*stages).values()) == {"passed"}
    assert line.run(*stages) == {"build": "reused", "test": "reused", "publish": "passed"}
    assert line.calls == ["publish run", "publish end"], "and prepares nothing"
    assert line.outcomes["build"].facts["digest"] == "d", "what later stages need of it is there"


def test_fresh_and_from_run_it_again(line: Line) -> None:
    stages = line.stage("build", key="b"), line.stage("test", "build", key="t")
    line.run(*stages)
    assert line.run(*stages, afresh={"test"}) == {"build": "reused", "test": "passed"}
    assert line.run(*stages, afresh={"build", "test"}) == {"build": "passed", "test": "passed"}
    assert line.run(*stages) == {"build": "reused", "test": "reused"}


def test_what_depends_on_a_new_image_is_asked_anew(line: Line) -> None:
    """A key may depend on what the build gives: nothing of it is settled before."""
    line.run(line.stage("build", key="b"), line.stage("test", "build", key="t"))
    assert line.run(line.stage("build", key="b2"), line.stage("test", "build", key="t")) == {
        "build": "passed", "test": "reused",
    }  # fmt: skip


def test_a_red_stage_is_not_green_the_next_time(line: Line) -> None:
    line.run(line.stage("build", key="b"))
    line.run(line.stage("build", key="b", does="failed"), afresh={"build"})
    assert line.run(line.stage("build", key="b")) == {"build": "passed"}


@pytest.mark.parametrize("error", [OSError("x"), ValueError("x"), KeyError("x")], ids=repr)
def test_a_key_that_cannot_be_made_is_the_stages_own_trouble(line: Line, error: Exception) -> None:
    found = line.run(line.stage("build", key=error), line.stage("lint"))
    assert found["build"] == "broken"
    assert replace(line.outcomes["build"]).summary
