"""What is Railway's alone: whose token it is, what the service names as its image, its words for a failure."""

import asyncio
from typing import Any

import pytest
from platforms import KEY, NEW, OLD, Place, serving

from slipway.deploy.fakes.server import Reply, Request
from slipway.deploy.target import Image, Result
from slipway.errors import NotReady, SlipwayError, UsageError


@pytest.fixture
def kind() -> str:
    return "railway"


@pytest.mark.parametrize("how", ["health", "pull", "version"])
def test_after_a_failure_the_service_names_the_version_that_runs(place: Place, how: str) -> None:
    """Else the next change of a variable would deploy again what has failed."""
    if how == "pull":
        place.apps.gone.add(NEW)
    else:
        place.apps.apps[NEW] = serving("another", 500 if how == "health" else 200)
    report = place.roll()
    assert report.result in (Result.KEPT_OLD, Result.ROLLED_BACK)
    assert place.platform.image == OLD and place.serves == OLD


def test_interrupted_the_service_names_the_version_that_runs(place: Place) -> None:
    place.platform.stuck = "starting"
    client = place.client()
    asyncio.run(client.current())

    async def deploy() -> None:
        task = asyncio.ensure_future(client.deploy(NEW, migrate=True))
        while not client.ours:
            await asyncio.sleep(0.01)
        task.cancel()
        await client.abandon(OLD)

    asyncio.run(deploy())
    assert place.platform.image == OLD and place.serves == OLD


@pytest.mark.parametrize(
    ("status", "result", "said"),
    [
        ("NEEDS_APPROVAL", Result.NEEDS_HUMAN, "waits for an approval"),
        ("CRASHED", Result.KEPT_OLD, "the deployment crashed"),
        ("SKIPPED", Result.KEPT_OLD, "the deployment was skipped"),
        ("HIBERNATING", Result.TIMED_OUT, "was still 'HIBERNATING'"),
    ],
)
def test_ends_that_are_not_success(place: Place, status: str, result: Result, said: str) -> None:
    place.platform.stuck = "starting"

    def rename(request: Request, inner: Any) -> Reply:
        reply = inner(request)
        if place.is_look(request):
            reply.body["data"]["deployment"]["status"] = status
        return reply

    place.faults = [rename]
    report = place.roll(target=place.client(deadline=0.4))
    assert report.result is result and said in report.reason


def test_a_service_that_sleeps_is_live(place: Place) -> None:
    def sleep(request: Request, inner: Any) -> Reply:
        reply = inner(request)
        if place.is_look(request) and reply.body["data"]["deployment"]["status"] == "SUCCESS":
            reply.body["data"]["deployment"]["status"] = "SLEEPING"
        return reply

    place.faults = [sleep]
    assert place.roll().result is Result.LIVE


def test_a_token_of_another_environment(place: Place) -> None:
    with pytest.raises(UsageError, match="the project token is of the environment env-1, not of env-2"):
        place.roll(target=place.client(environment="env-2"))
    assert place.sent == []


def test_an_account_token_must_name_the_environment(place: Place) -> None:
    place.fake.account = True
    with pytest.raises(UsageError, match="platform-environment"):
        place.roll(target=place.client(account=True))


@pytest.mark.parametrize("account", [True, False])
def test_a_token_of_the_other_kind_says_where_it_belongs(place: Place, account: bool) -> None:
    place.fake.account = not account
    other = "RAILWAY_TOKEN" if account else "RAILWAY_API_TOKEN"
    with pytest.raises(NotReady, match=f"belongs in {other}") as caught:
        place.roll(target=place.client(account=account, environment="env-1"))
    assert KEY not in str(caught.value)


def test_a_service_without_an_image(place: Place) -> None:
    place.fake.source = False
    with pytest.raises(UsageError, match="has no image as its source"):
        place.roll()


def test_what_people_should_know(place: Place) -> None:
    place.fake.draining, place.platform.health = 0, ""
    place.image = Image(NEW, public=False)
    notes = " ".join(place.roll().notes)
    assert "Pro plan" in notes and "no health check path" in notes and "draining is 0 s" in notes


@pytest.mark.parametrize("message", ["Service deployment rate limit exceeded", "Problem processing request"])
def test_errors_under_status_200(place: Place, message: str) -> None:
    def fail(request: Request, inner: Any) -> Reply:
        if place.is_create(request):
            return Reply(200, {"errors": [{"message": message}], "data": None})
        return inner(request)

    place.faults = [fail]
    report = place.roll()
    assert message in report.reason and place.serves == OLD


def test_a_shield_that_answers_html(place: Place) -> None:
    place.faults = [lambda request, inner: Reply(403, b"<html>error code: 1010</html>")]
    with pytest.raises(SlipwayError, match=r"does not answer JSON \(status 403\)"):
        place.roll()
