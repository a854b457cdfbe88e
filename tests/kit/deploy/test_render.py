"""What is Render's alone: its preflight, its words for a failure, deploy hooks."""

import asyncio
import re
from typing import Any

import pytest
from platforms import KEY, NEW, OLD, REPOSITORY, Place, serving

from slipway.deploy import hook as hooks
from slipway.deploy.fakes.server import Reply, Request, Server
from slipway.deploy.hook import RenderHook
from slipway.deploy.rollout import Before
from slipway.deploy.target import Image, Result
from slipway.errors import NotReady, SlipwayError, UsageError


@pytest.fixture
def kind() -> str:
    return "render"


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "suspended": ({"suspended": True}, "is suspended. Resume it: https://dashboard.render.com/"),
    "built from a repository": ({"runtime": "docker"}, "builds from a repository. Make one of an image"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_a_service_that_cannot_take_it(place: Place, why: str) -> None:
    changes, said = REFUSALS[why]
    for name, value in changes.items():
        setattr(place.fake, name, value)
    with pytest.raises(SlipwayError, match=said):
        place.roll()
    assert place.sent == [] and place.serves == OLD


def test_a_private_image_takes_a_credential(place: Place) -> None:
    place.image = Image(NEW, public=False)
    with pytest.raises(NotReady, match=r"is private, .* has no registry credential.*classic token with read:packages"):
        place.roll()
    assert place.sent == []
    place.fake.credential = {"id": "rgc-1", "name": "ghcr"}
    assert place.roll().result is Result.LIVE


def test_the_pre_deploy_command_is_set_once(place: Place) -> None:
    place.options["pre_deploy"] = "flask db upgrade"
    place.roll()
    place.apps.apps[OLD] = serving("new")
    place.roll(OLD, target=place.client(image=Image(OLD)))
    assert [request.line for request, _ in place.seen].count(f"PATCH /v1/services/{place.fake.service}") == 1


def test_a_pre_deploy_command_that_is_not_taken(place: Place) -> None:
    def keep(request: Request, inner: Any) -> Reply:
        return Reply(200, place.fake._described()) if request.method == "PATCH" else inner(request)

    place.faults = [keep]
    with pytest.raises(NotReady, match="did not take the pre-deploy command"):
        place.roll(target=place.client(pre_deploy="flask db upgrade"))
    assert place.sent == []


def test_without_a_health_check_people_are_told(place: Place) -> None:
    place.platform.health = ""
    assert "no health check path" in " ".join(place.roll().notes)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ({"oomKilled": {"memoryLimit": "512Mi"}}, "it ran out of memory"),
        ({"nonZeroExit": 137}, r"it exited with an error \(exit code 137\)"),
        ({"timedOutSeconds": 900}, "it took too long"),
        ({}, "the new version did not come up$"),
    ],
)
def test_why_it_failed_in_words(place: Place, failure: dict[str, Any], said: str) -> None:
    place.apps.apps[NEW] = serving("new", 500)

    def explain(request: Request, inner: Any) -> Reply:
        reply = inner(request)
        if request.path.endswith("/events"):
            for row in reply.body:
                row["event"]["details"]["reason"] = {"failure": failure}
        return reply

    place.faults = [explain]
    report = place.roll()
    assert report.result is Result.KEPT_OLD
    assert re.search(said, report.reason)


def test_busy_with_another_deploy(place: Place) -> None:
    """409 while another one is in progress: waited for."""
    times = [2]

    def busy(request: Request, inner: Any) -> Reply:
        if place.is_create(request) and times[0]:
            times[0] -= 1
            return Reply(409, {"message": "a deploy is in progress"})
        return inner(request)

    place.faults = [busy]
    assert place.roll().result is Result.LIVE and place.sent == [NEW]


def test_a_status_that_is_new_to_us_is_waited_out(place: Place) -> None:
    looks = [3]

    def rename(request: Request, inner: Any) -> Reply:
        reply = inner(request)
        if place.is_look(request) and looks[0]:
            looks[0] -= 1
            return Reply(200, {**reply.body, "status": "warming_up"})
        return reply

    place.faults = [rename]
    held, place.seen = place.seen, []
    assert place.roll().result is Result.LIVE
    place.seen = held  # the contract knows no such word: that is the point


def test_cancelled_in_the_dashboard(place: Place) -> None:
    place.platform.stuck = "starting"

    def cancel(request: Request, inner: Any) -> Reply:
        if place.is_look(request) and place.platform.deploys[-1].status == "starting":
            place.platform.cancel(place.platform.deploys[-1])
        return inner(request)

    place.faults = [cancel]
    report = place.roll()
    assert (report.result, report.reason) == (Result.KEPT_OLD, "the deploy was cancelled")
    assert place.serves == OLD


class Hook:
    """A deploy hook, in front of the fake."""

    def __init__(self, place: Place, status: int = 200):
        self.place, self.status, self.requests = place, status, list[Request]()
        self.server = Server(self.answer)
        self.url = f"{self.server.url}/deploy/srv-abc123?key=hUsH4567"

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        if self.status != 200:
            return Reply(self.status, {"message": "no such hook"})
        deploy = self.place.platform.create(request.query["imgURL"][0], "deploy_hook")
        return Reply(200, {"deploy": {"id": deploy.id}})


def hooked(place: Place, url: str, *, running: str = OLD, version: str = "/version") -> RenderHook:
    return RenderHook(url, Image(NEW), place.platform.edge.url, version, running, 1.0, place.doing.append)


def test_a_deploy_hook(place: Place) -> None:
    hook = Hook(place)
    report = place.roll(target=hooked(place, hook.url))
    assert (report.result, report.proven) == (Result.LIVE, True)
    assert "Render is not asked" in report.notes[0]
    assert hook.requests[0].query == {"key": ["hUsH4567"], "imgURL": [NEW]}


def test_a_deploy_hook_goes_back_to_what_was_deployed_last(place: Place) -> None:
    hook = Hook(place)
    place.apps.apps[NEW] = serving("another")
    report = place.roll(target=hooked(place, hook.url), before=Before("old"))
    assert report.result is Result.ROLLED_BACK and place.serves == OLD


def test_a_deploy_hook_does_not_claim_what_it_cannot_know(place: Place) -> None:
    """Sent back, and no version to tell the two apart: a healthy answer may still be the bad version's."""
    place.apps.apps[NEW] = serving("another")
    report = place.roll(target=hooked(place, Hook(place).url))
    assert report.result is Result.NEEDS_HUMAN and "what it answers as is not known" in report.reason


def test_a_deploy_hook_without_a_record_cannot_go_back(place: Place) -> None:
    hook = Hook(place)
    place.apps.apps[NEW] = serving("another")
    report = place.roll(target=hooked(place, hook.url, running=""))
    assert report.result is Result.NEEDS_HUMAN and "no version before to bring back" in report.reason


@pytest.mark.parametrize(
    "url", ["https://api.render.com/deploy/exs-abc?key=hUsH4567", "https://api.render.com/deploy/srv-abc", "hUsH4567"]
)
def test_what_is_no_deploy_hook_of_a_service(place: Place, url: str) -> None:
    """A Blueprint's answers well, and deploys nothing."""
    with pytest.raises(UsageError, match="is not a deploy hook of a service") as caught:
        place.roll(target=hooked(place, url))
    assert "hUsH4567" not in str(caught.value)


def test_a_deploy_hook_needs_a_version_path(place: Place) -> None:
    with pytest.raises(UsageError, match="only the app can say what runs"):
        place.roll(target=hooked(place, Hook(place).url, version=""))


def test_a_deploy_hook_that_is_refused(place: Place) -> None:
    report = place.roll(target=hooked(place, Hook(place, 404).url))
    assert "refuses the deploy hook (404): no such hook" in report.reason and "hUsH4567" not in report.reason
    assert place.serves == OLD


def test_the_hooks_key_is_in_no_text(place: Place) -> None:
    assert "hUsH4567" not in repr(hooked(place, Hook(place).url))
    assert hooks.VARIABLE and KEY and REPOSITORY
    assert asyncio.run(hooked(place, Hook(place).url).current()) == OLD
