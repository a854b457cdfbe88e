"""Fixtures: each kind of run, and one in which every text is hostile."""

import pytest
from report.stories import RUNS, result, told

from slipway.pipeline.result import Event, ImageResult, Kind, StageResult
from slipway.policy.finding import Finding


@pytest.fixture(params=RUNS)
def story(request: pytest.FixtureRequest) -> tuple[str, list[Event]]:
    """Each kind of run in turn: its name and its events."""
    return request.param, told(RUNS[request.param])


@pytest.fixture
def hostile() -> list[Event]:
    """A run in which every text from outside tries to be more than text."""
    text = "evil\x1b[2J\x1b]0;owned\x07\x9b31m\r\u202egnp.exe\n::set-output name=digest::evil\n::error::evil"
    stage = StageResult(
        name="deploy", status="failed", seconds=1.0, started=0.0, reason=text, fix=text,
        findings=(Finding(text, "HIGH", text, text, 1, text),), facts={"url": text},
    )  # fmt: skip
    events = told(result((stage,), status="failed", exit_code=5, url=text, reason=text, image=ImageResult(text, text)))
    return [Event(kind=Kind.RUN_STARTED, text=text, plan=("deploy",)), *events[1:]]
