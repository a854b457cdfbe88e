"""Which stages a command line asks for."""

import pytest

from slipway.errors import ExitCode, UsageError
from slipway.pipeline.graph import NAMES, STAGES, select


def names(*named: str, **how: object) -> list[str]:
    """The stages selected, in order."""
    return [s.name for s in select(named, **how).stages]  # type: ignore[arg-type]


def test_everything_is_the_default() -> None:
    assert names() == ["lint", "build", "test", "scan", "integration", "publish", "deploy"]
    assert select().afresh == select().skipped == frozenset()


def test_what_a_stage_needs_comes_along_in_order() -> None:
    assert names("lint") == ["lint"]
    assert names("scan") == ["build", "scan"]
    assert names("test", "lint") == ["lint", "build", "test"]
    assert names("deploy") == list(NAMES)


@pytest.mark.parametrize(
    ("until", "last"), [("lint", ["lint"]), ("build", ["lint", "build"]), ("scan", ["lint", "build", "test", "scan"])]
)
def test_until_is_the_last(until: str, last: list[str]) -> None:
    assert names(until=until) == last


def test_from_and_fresh_reuse_nothing_of_theirs() -> None:
    assert select(start="scan").afresh == {"scan", "integration", "publish", "deploy"}
    assert names(start="scan") == list(NAMES), "what comes before is reused, not left out"
    assert select(fresh=True).afresh == set(NAMES)


def test_skip_keeps_the_stage_in_the_list() -> None:
    chosen = select(skip=["test", "scan"])
    assert chosen.skipped == {"test", "scan"} and [s.name for s in chosen.stages] == list(NAMES)


@pytest.mark.parametrize("how", [{"named": ["tst"]}, {"until": "tst"}, {"start": "tst"}, {"skip": ["tst"]}], ids=str)
def test_an_unknown_stage_is_named_with_the_nearest(how: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        select(**how)  # type: ignore[arg-type]
    assert str(caught.value) == f"unknown stage 'tst'. Did you mean \"test\"? Stages: {', '.join(NAMES)}."
    assert caught.value.code == ExitCode.USAGE


def test_an_unknown_stage_that_is_like_none() -> None:
    with pytest.raises(UsageError, match=r"^unknown stage 'xyzzy'\. Stages: lint, "):
        select(["xyzzy"])


def test_the_graph_is_one() -> None:
    """Every need is a stage that stands before; publish waits for every gate; nothing after it is reused."""
    seen: set[str] = set()
    for stage in STAGES:
        assert set(stage.needs) <= seen, stage.name
        seen.add(stage.name)
    by_name = {stage.name: stage for stage in STAGES}
    assert {"lint", "build", "test", "scan", "integration"} == set(by_name["publish"].needs)
    assert not by_name["publish"].reusable and not by_name["deploy"].reusable
    assert by_name["deploy"].needs == ("publish",)
