"""A rollout over a platform in memory and an app that answers over real HTTP."""

import asyncio
import re
import time
from typing import Any

import pytest
from in_memory import NEW, OLD, App
from platforms import Answer, serving

from slipway.deploy.probe import Checks
from slipway.deploy.rollout import Before, Interrupted, Report, roll_out
from slipway.deploy.target import Attempt, Result
from slipway.errors import ExitCode, NotReady, SlipwayError


def roll(app: App, *, health: str = "/readyz", version: str = "/version", timeout: float = 0.4) -> Report:
    """Roll the new version out."""
    checks = Checks(health, version, "new", 3, timeout)
    return asyncio.run(roll_out(app, NEW, checks, lambda _: None))


def test_live(app: App) -> None:
    assert roll(app) == Report(Result.LIVE, "", OLD, proven=True)
    assert app.calls == ["preflight", "deploy new migrate", "new is up"]


def test_the_very_first(app: App) -> None:
    app.running = ""
    assert roll(app) == Report(Result.LIVE, "", "", proven=True)


def test_live_already_changes_nothing(app: App) -> None:
    app.running = NEW
    assert roll(app) == Report(Result.UNCHANGED, "", NEW, proven=True)
    assert app.calls == []


def test_without_a_version_path_it_is_unproven(app: App) -> None:
    app.apps[NEW] = serving("whatever")
    assert roll(app, version="") == Report(Result.LIVE, "", OLD, proven=False)


def test_without_a_health_path_any_page_below_500_will_do(app: App) -> None:
    app.apps[NEW] = serving("new", health=404)
    assert roll(app, health="").result is Result.LIVE
    app.running, app.apps[NEW] = OLD, serving("new", health=500)
    assert roll(app, health="").result is Result.ROLLED_BACK


@pytest.mark.parametrize("status", [204, 301, 404, 503])
def test_a_health_path_must_say_200(app: App, status: int) -> None:
    app.apps[NEW] = serving("new", health=status)
    report = roll(app)
    assert report.result is Result.ROLLED_BACK
    assert f"/readyz answers {status}" in report.reason


ILL: dict[str, tuple[Answer, str]] = {
    "ill": (serving("new", health=503), "/readyz answers 503: said by the app"),
    "another commit": (serving("old"), "/version says 'old', not 'new'"),
    "no commit": (lambda _: (200, b"{}"), "/version says None, not 'new'"),
    "a commit that only begins like it": (serving("newer"), "/version says 'newer', not 'new'"),
    "a commit that is a list": (serving(["new"]), "/version says ['new'], not 'new'"),
    "no JSON": (lambda _: (200, b"<html>"), "/version does not answer JSON with a commit"),
    "a list": (lambda _: (200, b"[]"), "/version does not answer JSON with a commit"),
    "no text": (lambda _: (200, b"\xff\xfe\xff"), "/version does not answer JSON with a commit"),
    "nested without end": (lambda _: (200, b"[" * 100_000), "/version does not answer JSON with a commit"),
    "version not found": (lambda p: (404 if p == "/version" else 200, b"{}"), "/version says None, not 'new'"),
}


@pytest.mark.parametrize("how", ILL)
def test_a_version_that_does_not_prove_itself_is_rolled_back(app: App, how: str) -> None:
    app.apps[NEW], said = ILL[how]
    report = roll(app)
    assert (report.result, report.previous) == (Result.ROLLED_BACK, OLD)
    assert report.reason == said
    assert app.running == OLD
    assert report.diagnosis == "last line of the app"
    # The diagnosis is taken while the new version is still there; going back migrates nothing.
    assert app.calls[-3:] == ["diagnose", "deploy old", "old is up"]


def test_nobody_answers(app: App) -> None:
    del app.apps[NEW]
    report = roll(app)
    assert report.result is Result.ROLLED_BACK and "does not answer" in report.reason


def test_a_version_that_comes_up_slowly_is_waited_for(app: App) -> None:
    begun = time.monotonic()
    well = serving("new")
    app.apps[NEW] = lambda path: well(path) if time.monotonic() - begun > 0.6 else (503, b"starting")
    assert roll(app, timeout=5).result is Result.LIVE


def test_flapping_health_is_not_live(app: App) -> None:
    """Two right answers, then a wrong one, over and over: never three in a row."""
    asked = []

    def flap(path: str) -> tuple[int, bytes]:
        asked.append(path)
        return serving("new", 503 if asked.count("/readyz") % 3 == 0 and path == "/readyz" else 200)(path)

    app.apps[NEW] = flap
    report = roll(app)
    assert report.result is Result.ROLLED_BACK and "503" in report.reason
    assert asked.count("/readyz") > 6


def test_a_version_that_flips_between_commits_is_not_live(app: App) -> None:
    """Old and new behind one address."""
    asked = []

    def flip(path: str) -> tuple[int, bytes]:
        asked.append(path)
        return serving("old" if len(asked) % 4 == 0 else "new")(path)

    app.apps[NEW] = flip
    assert roll(app).result is Result.ROLLED_BACK


def test_exactly_as_many_answers_as_asked_for(app: App) -> None:
    asked = []
    well = serving("new")
    app.apps[NEW] = lambda path: (asked.append(path), well(path))[1]  # type: ignore[func-returns-value]
    roll(app)
    assert asked == ["/readyz", "/version"] * 3


def test_what_never_took_traffic_leaves_the_old_version_alone(app: App) -> None:
    app.attempts[NEW] = Attempt(False, "the migration failed: x", traffic_moved=False)
    report = roll(app)
    assert (report.result, report.reason) == (Result.KEPT_OLD, "the migration failed: x")
    assert app.running == OLD and app.calls[-1] == "diagnose"


@pytest.mark.parametrize(
    "failure",
    [Attempt(False, "it crashed"), NotReady("it crashed"), OSError("it crashed"), SlipwayError("it crashed")],
    ids=repr,
)
def test_a_deploy_that_fails_however_is_rolled_back(app: App, failure: Any) -> None:
    """Also where the platform fails with an error: how far it got is not known."""
    app.attempts[NEW] = failure
    report = roll(app)
    assert (report.result, report.reason) == (Result.ROLLED_BACK, "it crashed")
    assert app.running == OLD


def test_the_first_one_ever_that_fails_is_stopped(app: App) -> None:
    app.running, app.apps[NEW] = "", serving("new", 503)
    report = roll(app)
    assert report.result is Result.KEPT_OLD and "nothing ran before, so it was stopped" in report.reason
    assert app.running == ""


def test_what_ran_before_and_is_ill_needs_a_human(app: App) -> None:
    """The same digest again: no old version runs, so `kept-old` would be a lie."""
    app.running, app.apps[NEW] = NEW, serving("new", 503)
    report = roll(app)
    assert report.result is Result.NEEDS_HUMAN and "nothing to go back to" in report.reason
    assert app.calls.count("deploy new migrate") == 1, "one try to bring it back"


@pytest.mark.parametrize(
    "again", [Attempt(False, "no"), Attempt(False, ""), NotReady("no"), OSError("no"), None], ids=repr
)
def test_a_way_back_that_fails_needs_a_human(app: App, again: Any) -> None:
    app.apps[NEW] = serving("new", 503)
    if again is None:
        app.apps[OLD] = serving("old", 503)
    else:
        app.attempts[OLD] = again
    report = roll(app)
    assert report.result is Result.NEEDS_HUMAN
    assert "/readyz answers 503" in report.reason and "the previous version did not come back: " in report.reason


def test_a_diagnosis_that_fails_does_not_hold_up_the_way_back(app: App) -> None:
    app.apps[NEW], app.diagnosis = serving("new", 503), OSError("engine gone")
    assert roll(app) == Report(Result.ROLLED_BACK, "/readyz answers 503: said by the app", OLD)


def test_a_refusal_changes_nothing(app: App) -> None:
    app.refuse = NotReady("port taken")
    with pytest.raises(NotReady, match="port taken"):
        roll(app)
    assert app.calls == ["preflight"] and app.running == OLD


async def interrupted(app: App, *delays: float) -> list[Report]:
    """Roll out, and interrupt after so many seconds. Returns what was told at once, and what it came to."""
    told: list[Report] = []

    async def rolled() -> None:
        checks = Checks("/readyz", "/version", "new", 3, 0.3)
        try:
            await roll_out(app, NEW, checks, lambda _: None, known, told.append)
        except Interrupted as end:
            told.append(end.report)
            raise

    task = asyncio.ensure_future(rolled())
    for delay in delays:
        await asyncio.sleep(delay)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)
    return told


async def known(_: str) -> Before:
    return Before(version="old")


@pytest.mark.parametrize("delays", [(0.1,), (0.1, 0.1), (0.1, 0.02, 0.02)], ids=["once", "twice", "three times"])
@pytest.mark.parametrize("when", ["deploying", "verifying"])
@pytest.mark.parametrize("before", [OLD, ""], ids=["old ran", "nothing ran"])
def test_interrupted_halfway_what_ran_before_comes_back(app: App, delays: Any, when: str, before: str) -> None:
    app.running = before
    app.apps[NEW] = serving("new", 503)
    app.delay = 0.3 if when == "deploying" else 0.04
    at_once, end = asyncio.run(interrupted(app, *delays))
    assert (at_once.result, at_once.previous) == (Result.NEEDS_HUMAN, before), "should it be killed now"
    said = "the version before runs" if before else "nothing ran before, and nothing runs"
    assert end == Report(Result.KEPT_OLD, f"interrupted; {said}", before)
    assert app.running == before
    assert app.calls[-1] == ("old is up" if before else "stop")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Attempt(False, "no", traffic_moved=False), "[^;]*sha256:1+ runs"),
        (NotReady("engine gone"), "engine gone"),
        (OSError("reset"), "reset"),
        (503, "/readyz answers 503"),
        ("another", "/version says 'another', not 'old'"),
    ],
    ids=str,
)
def test_interrupted_and_what_ran_before_is_not_seen_to_run(app: App, fault: Any, said: str) -> None:
    app.apps[NEW], app.delay = serving("new", 503), 0.04
    if isinstance(fault, int | str):
        app.apps[OLD] = serving("old" if fault == 503 else fault, fault if fault == 503 else 200)
    else:
        app.attempts[OLD] = fault
    _, end = asyncio.run(interrupted(app, 0.15))
    assert (end.result, end.previous) == (Result.NEEDS_HUMAN, OLD)
    assert re.match(f"interrupted, and the version before did not come back: {said}", end.reason), end.reason


def test_an_interrupt_on_the_way_back_does_not_stop_it(app: App) -> None:
    app.attempts[NEW] = Attempt(False, "it crashed")
    app.delay = 0.2
    at_once, end = asyncio.run(interrupted(app, 0.3, 0.02))
    assert at_once.result is Result.NEEDS_HUMAN
    assert end == Report(Result.ROLLED_BACK, "it crashed", OLD, diagnosis="last line of the app")
    assert app.running == OLD and app.calls[-1] == "old is up"


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (Result.LIVE, ExitCode.PASSED), (Result.UNCHANGED, ExitCode.PASSED), (Result.KEPT_OLD, ExitCode.DEPLOY_FAILED),
        (Result.ROLLED_BACK, ExitCode.DEPLOY_FAILED), (Result.NEEDS_HUMAN, ExitCode.NEEDS_HUMAN),
    ],
)  # fmt: skip
def test_exit_codes(result: Result, code: ExitCode) -> None:
    assert result.code == code
    assert len({r.word for r in Result}) == len(Result)
