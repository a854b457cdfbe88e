"""Rollouts to Render and Railway: the same promises on both. After each failure the old version still serves."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from platforms import KEY, NEW, OLD, OTHER, Fault, Place, serving, until

from slipway.deploy.fakes.server import Dropped, Reply, Request
from slipway.deploy.probe import Checks
from slipway.deploy.rollout import Before, roll_out
from slipway.deploy.target import Image, Result
from slipway.errors import NotReady, UsageError


def test_live(place: Place) -> None:
    report = place.roll()
    assert (report.result, report.previous, report.proven) == (Result.LIVE, OLD, True)
    assert place.serves == NEW and place.sent == [NEW]
    assert any("→" in line for line in place.doing), "people see the platform's own words"


def test_live_already_sends_nothing(place: Place) -> None:
    place.apps.apps[OLD] = serving("new")
    assert place.roll(OLD).result is Result.UNCHANGED
    assert place.sent == []


def test_the_address_is_the_platforms_own_word(place: Place) -> None:
    client = place.client(url="")
    if place.kind == "render":
        assert place.roll(target=client).result is Result.LIVE
        assert client.url == place.platform.edge.url
    else:
        with pytest.raises(UsageError, match=r"has no domain.*url"):
            place.roll(target=client)


def test_what_ran_before_is_remembered(place: Place) -> None:
    place.roll()
    assert asyncio.run(place.client().before()) == OLD
    assert asyncio.run(place.client().current()) == NEW


ILL: dict[str, tuple[Callable[[str], tuple[int, bytes]], Result, str]] = {
    # Its own health check refuses it: the old version never stops serving.
    "health 500": (serving("new", 500), Result.KEPT_OLD, "health"),
    # Well for the platform, and not what it should be: brought back by us.
    "another version answers": (serving("another"), Result.ROLLED_BACK, "/version says 'another', not 'new'"),
    "no version": (lambda path: (200, b"{}"), Result.ROLLED_BACK, "/version says None, not 'new'"),
    "garbage": (lambda path: (200, b"\xff<html>"), Result.ROLLED_BACK, "does not answer JSON with a commit"),
}


@pytest.mark.parametrize("how", ILL)
def test_a_bad_version_gives_way(place: Place, how: str) -> None:
    place.apps.apps[NEW], result, said = ILL[how]
    report = place.roll()
    assert report.result is result, report
    assert said in report.reason
    assert place.serves == OLD
    assert "last line of the app" in report.diagnosis


def test_flapping_is_not_live(place: Place) -> None:
    asked: list[str] = []

    def flap(path: str) -> tuple[int, bytes]:
        asked.append(path)
        return serving("new", 500 if len(asked) > 3 and len(asked) % 3 == 0 else 200)(path)

    place.apps.apps[NEW] = flap
    assert place.roll().result is Result.ROLLED_BACK
    assert place.serves == OLD


def test_a_version_that_hangs(place: Place) -> None:
    first: list[str] = []

    def hang(path: str) -> tuple[int, bytes]:
        first.append(path)
        if len(first) > 1:
            time.sleep(0.7)
        return serving("new")(path)

    place.apps.apps[NEW] = hang
    report = place.roll()
    assert report.result is Result.ROLLED_BACK and "does not answer" in report.reason
    assert place.serves == OLD


def test_an_image_that_cannot_be_pulled(place: Place) -> None:
    place.apps.gone.add(NEW)
    report = place.roll()
    assert report.result is Result.KEPT_OLD and "manifest unknown" in report.reason
    assert place.serves == OLD


def test_a_migration_that_fails(place: Place) -> None:
    place.apps.exits = 3
    report = place.roll(target=place.client(pre_deploy="flask db upgrade"))
    assert report.result is Result.KEPT_OLD
    assert "3" in report.reason and "pre" in report.reason
    assert place.apps.commands == [(NEW, "flask db upgrade")], "once, in the new image"
    assert place.serves == OLD and NEW not in place.apps.started


def test_a_migration_runs_before_traffic_moves(place: Place) -> None:
    place.options["pre_deploy"] = "flask db upgrade"
    assert place.roll().result is Result.LIVE
    assert place.apps.commands == [(NEW, "flask db upgrade")]


def test_a_breaking_migration_is_not_undone(place: Place) -> None:
    place.apps.apps[NEW] = serving("another")
    report = place.roll(before=Before(forbidden="the image is marked slipway.migration=breaking"))
    assert report.result is Result.NEEDS_HUMAN
    assert "not rolled back: the image is marked" in report.reason
    assert place.serves == NEW and place.sent == [NEW]


def test_the_platform_runs_another_digest(place: Place) -> None:
    """A tag moved, a platform's own cache: what it says it runs is held against what was sent."""
    place.apps.digests[NEW] = "sha256:" + "f" * 64
    report = place.roll()
    assert report.result is Result.ROLLED_BACK and "which is no part of what was to be deployed" in report.reason
    assert place.serves == OLD


def test_an_index_may_be_named_by_its_platform(place: Place) -> None:
    child = "sha256:" + "c" * 64
    place.image = Image(NEW, frozenset({NEW.rpartition("@")[2], child}))
    place.apps.digests[NEW] = child
    assert place.roll().result is Result.LIVE


def answering(status: int, when: Callable[[Request], bool], times: int = 10**6, **headers: str) -> Fault:
    """A fault: so many matching requests get this status."""
    left = [times]

    def fault(request: Request, inner: Callable[[Request], Reply]) -> Reply:
        if when(request) and left[0] > 0:
            left[0] -= 1
            return Reply(status, {"message": "rate limit exceeded" if status == 429 else "internal error"}, headers)
        return inner(request)

    return fault


@pytest.mark.parametrize("status", [500, 502, 503, 429])
@pytest.mark.parametrize("what", ["is_look", "any"])
def test_an_api_that_fails_for_a_while(place: Place, status: int, what: str) -> None:
    when = place.is_look if what == "is_look" else lambda request: not place.is_create(request)
    place.faults = [answering(status, when, times=4)]
    assert place.roll().result is Result.LIVE
    assert place.sent == [NEW], "one deploy"


def test_an_api_that_is_away_for_good(place: Place) -> None:
    place.faults = [answering(503, lambda _: True)]
    with pytest.raises(NotReady, match=r"answers 503.*Run again"):
        place.roll()
    assert place.serves == OLD and place.sent == []


def test_too_many_requests_name_their_pause(place: Place) -> None:
    place.faults = [answering(429, place.is_create, times=1, **{"Retry-After": "1"})]
    begun = time.monotonic()
    assert place.roll().result is Result.LIVE
    assert time.monotonic() - begun >= 1 and place.sent == [NEW]


@pytest.mark.parametrize("then", ["drop", 500, 504])
def test_an_answer_that_is_lost_after_the_deploy_was_accepted(place: Place, then: Any) -> None:
    """No second deploy: the first one is found."""

    def lose(request: Request, inner: Callable[[Request], Reply]) -> Reply:
        reply = inner(request)
        if not place.is_create(request):
            return reply
        if then == "drop":
            raise Dropped
        return Reply(then, {"message": "lost"})

    place.faults = [lose]
    assert place.roll().result is Result.LIVE
    assert place.sent == [NEW]


def test_a_request_that_was_lost_before_it_arrived_is_sent_again_once(place: Place) -> None:
    lost: list[str] = []

    def lose(request: Request, inner: Callable[[Request], Reply]) -> Reply:
        if place.is_create(request) and not lost:
            lost.append(request.line)
            raise Dropped
        return inner(request)

    place.faults = [lose]
    assert place.roll().result is Result.LIVE
    assert place.sent == [NEW]


def test_a_request_that_never_arrives(place: Place) -> None:
    def lose(request: Request, inner: Callable[[Request], Reply]) -> Reply:
        if place.is_create(request):
            raise Dropped
        return inner(request)

    place.faults = [lose]
    report = place.roll(timeout=0.2)
    assert report.result in (Result.NEEDS_HUMAN, Result.ROLLED_BACK)
    assert "nobody knows whether the deploy was taken" in report.reason
    assert place.serves == OLD


@pytest.mark.parametrize("body", [b"<html>Cloudflare</html>", b"", b"[]]", b"null"])
def test_answers_that_are_not_json(place: Place, body: bytes) -> None:
    place.faults = [lambda request, inner: Reply(200, body or b" ")]
    with pytest.raises((NotReady, UsageError)) as caught:
        place.roll()
    assert "does not answer" in str(caught.value)
    assert place.sent == []


def test_a_credential_that_is_refused(place: Place) -> None:
    with pytest.raises(NotReady, match="refuses the") as caught:
        place.roll(target=place.client(secret="another"))
    assert "another" not in str(caught.value).replace("another environment", "")
    assert place.sent == []


def test_a_credential_that_is_revoked_halfway(place: Place) -> None:
    looks: list[int] = []

    def revoke(request: Request, inner: Callable[[Request], Reply]) -> Reply:
        looks.append(place.is_look(request))
        if sum(looks):
            place.fake.key = place.fake.token = "revoked"
        return inner(request)

    place.faults = [revoke]
    report = place.roll()
    assert report.result is Result.NEEDS_HUMAN
    assert "refuses the" in report.reason and KEY not in report.reason


def test_stuck_in_one_status(place: Place) -> None:
    place.platform.stuck = "starting"
    report = place.roll(target=place.client(deadline=0.4))
    assert report.result is Result.TIMED_OUT
    assert "was still" in report.reason and "cancelled" in report.reason
    assert place.serves == OLD and place.platform.deploys[-1].status == "canceled"


def test_a_newer_deploy_by_somebody_else_is_not_fought(place: Place) -> None:
    """It comes while ours is in progress, and cancels it."""
    place.apps.apps[OTHER] = serving("other")

    def meddle(request: Request, inner: Callable[[Request], Reply]) -> Reply:
        reply = inner(request)
        if place.is_look(request) and OTHER not in place.sent:
            place.platform.create(OTHER, "manual")
        return reply

    place.platform.step = 0.1
    place.faults = [meddle]
    report = place.roll()
    assert report.result is Result.SUPERSEDED and "came after it" in report.reason
    until(lambda: place.serves == OTHER)
    assert place.sent == [NEW, OTHER]


def test_a_newer_deploy_while_we_verify_is_not_rolled_back(place: Place) -> None:
    place.apps.apps[OTHER] = serving("other")

    def meddle(path: str) -> tuple[int, bytes]:
        if OTHER not in place.sent and place.platform.deploys[1].status == "live":
            place.platform.create(OTHER, "manual")
        return serving("not yet", 503 if place.platform.deploys[1].status == "live" else 200)(path)

    place.apps.apps[NEW] = meddle
    report = place.roll(timeout=0.5)
    assert report.result is Result.SUPERSEDED
    until(lambda: place.serves == OTHER)
    assert place.sent == [NEW, OTHER]


def test_a_way_back_that_is_gone_needs_a_human(place: Place) -> None:
    place.apps.apps[NEW] = serving("another")
    place.apps.gone.add(OLD)
    report = place.roll()
    assert report.result is Result.NEEDS_HUMAN
    assert "the previous version did not come back" in report.reason and "manifest unknown" in report.reason


def test_the_platforms_own_rollback_where_the_image_is_refused(place: Place) -> None:
    place.apps.apps[NEW] = serving("another")

    def refuse(request: Request, inner: Callable[[Request], Reply]) -> Reply:
        if place.is_create(request) and len(place.sent) == 1:
            if place.kind == "railway":
                return Reply(200, {"errors": [{"message": "Service deployment refused"}], "data": None})
            return Reply(400, {"message": "imageUrl: not found"})
        return inner(request)

    place.faults = [refuse]
    report = place.roll()
    assert report.result is Result.ROLLED_BACK, report
    assert place.platform.deploys[-1].trigger == "rollback" and place.serves == OLD


@pytest.mark.parametrize("when", ["starting", "verifying"])
def test_interrupted_the_old_version_serves(place: Place, when: str) -> None:
    if when == "starting":
        place.platform.stuck = "starting"
    else:
        place.apps.apps[NEW] = serving("another")

    async def interrupt() -> None:
        checks = Checks("/readyz", "/version", "new", 3, 30)
        task = asyncio.ensure_future(roll_out(place.client(), NEW, checks, place.doing.append))
        while not any(when in line or "update_in_progress" in line or "deploying" in line[:20] for line in place.doing):
            await asyncio.sleep(0.01)
        while when == "starting" and (len(place.platform.deploys) < 2 or place.platform.deploys[1].status != when):
            await asyncio.sleep(0.01)
        while when == "verifying" and "verifying" not in place.doing:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(interrupt())
    place.platform.stuck = ""
    until(lambda: place.serves == OLD)
    assert all(deploy.status not in ("created", "pulling", "starting") for deploy in place.platform.deploys)


@pytest.mark.parametrize("base", ["http://render.invalid/v1", "http://127.0.0.1:9/v1"])
def test_an_api_that_cannot_be_reached(place: Place, base: str) -> None:
    with pytest.raises(NotReady, match="cannot be reached at"):
        place.roll(target=place.client(base=base))
    assert place.sent == []


def test_an_api_whose_certificate_is_not_known(place: Place) -> None:
    with pytest.raises(NotReady, match="cannot be reached at"):
        place.roll(target=place.client(base=place.fake.url.replace("http:", "https:")))


def test_another_repository(place: Place) -> None:
    place.image = Image("ghcr.io/acme/other@" + NEW.rpartition("@")[2])
    with pytest.raises(UsageError, match=r"another repository than ghcr\.io/acme/other"):
        place.roll("ghcr.io/acme/other@" + NEW.rpartition("@")[2])
    assert place.sent == []


def test_a_service_that_is_not_there(place: Place) -> None:
    with pytest.raises((UsageError, Exception), match=r"knows no service|not found"):
        place.roll(target=place.client(service="srv-another"))
    assert place.sent == []


def test_no_secret_in_anything_that_is_said(place: Place) -> None:
    place.apps.apps[NEW] = serving("another")
    report = place.roll()
    assert KEY not in json.dumps([report.reason, report.notes, place.doing])
    assert KEY not in repr(place.client())


def test_nobody_is_asked_more_often_than_need_be(place: Place) -> None:
    """A service of Railway's free plan may be asked 100 times an hour."""
    place.roll()
    looks = [request for request, _ in place.seen if place.is_look(request)]
    assert len(place.seen) - len(looks) < 12
    assert threading.active_count() < 50
