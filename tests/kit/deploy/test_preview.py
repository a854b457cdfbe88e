"""Previews of a pull request: made once, kept up to date, taken away; and the comment that says where."""

import asyncio
import dataclasses
from typing import Any

import pytest
from msgspec import structs
from platforms import NAME, NEW, OLD, OTHER, Place, preview, serving

from slipway.deploy.fakes.server import Dropped, Reply, Request
from slipway.deploy.probe import Checks
from slipway.deploy.record import Record
from slipway.deploy.rollout import roll_out
from slipway.deploy.target import Image, Result
from slipway.errors import NotReady, SlipwayError, UsageError
from slipway.report.comment import markdown


@pytest.fixture
def kind() -> str:
    return "render"


def lines(place: Place) -> list[str]:
    return [request.line for request, _ in place.seen]


def test_it_is_made_once_and_kept_up_to_date(place: Place) -> None:
    first = preview(place)
    report = place.roll(target=first)
    assert report.result is Result.LIVE and report.proven and report.previous == ""
    assert [one.name for one in place.fake.previews] == [NAME]
    made = place.fake.previews[0]
    assert first.url == made.platform.edge.url != place.platform.edge.url

    # The next push: the same preview, the same address.
    place.apps.apps[OTHER] = serving("new")
    second = preview(place, OTHER)
    report = place.roll(OTHER, target=second)
    assert (report.result, report.previous, second.url) == (Result.LIVE, NEW, first.url)
    assert (
        place.fake.previews == [made] and lines(place).count("POST /v1/services/srv-fake0000000000000000/preview") == 1
    )
    assert [deploy.reference for deploy in made.platform.deploys] == [NEW, OTHER]

    # The service itself was left alone.
    assert place.serves == OLD and place.sent == []
    assert not [
        line for line in lines(place) if line.startswith(("PATCH", f"POST /v1/services/{place.fake.service}/d"))
    ]


def test_it_is_taken_away_once(place: Place) -> None:
    place.roll(target=preview(place))
    assert asyncio.run(preview(place).remove()) is True
    assert place.fake.previews == [] and place.serves == OLD
    assert asyncio.run(preview(place).remove()) is False
    assert len([line for line in lines(place) if line.startswith("DELETE")]) == 1


def test_each_pull_request_has_its_own(place: Place) -> None:
    place.roll(target=preview(place))
    place.roll(target=preview(place, name="pr-13-shop-staging"))
    assert asyncio.run(preview(place).remove())
    assert [one.name for one in place.fake.previews] == ["pr-13-shop-staging"]


def test_a_service_of_that_name_that_is_no_preview_is_left_alone(place: Place) -> None:
    place.fake.name = NAME
    assert asyncio.run(preview(place).remove()) is False
    place.roll(target=preview(place))
    assert place.serves == OLD and len(place.fake.previews) == 1
    place.fake.previews[0].parent = "srv-somebody-elses"
    assert asyncio.run(preview(place).remove()) is False
    assert not [line for line in lines(place) if line.startswith("DELETE")]


def test_a_first_version_that_is_ill_leaves_nothing_behind(place: Place) -> None:
    place.apps.apps[NEW] = serving("new", 500)
    report = place.roll(target=preview(place))
    assert report.result is Result.KEPT_OLD and "nothing ran before, so it was stopped" in report.reason
    assert "last line of the app" in report.diagnosis
    assert place.fake.previews == [] and place.serves == OLD


def test_a_next_version_that_is_wrong_gives_way_to_the_one_before(place: Place) -> None:
    place.roll(target=preview(place))
    place.apps.apps[OTHER] = serving("another")
    report = place.roll(OTHER, target=preview(place, OTHER))
    assert report.result is Result.ROLLED_BACK
    assert place.fake.previews[0].platform.live.reference == NEW


def test_a_lost_answer_makes_no_second_one(place: Place) -> None:
    def lose(request: Request, inner: Any) -> Reply:
        reply = inner(request)
        if request.path.endswith("/preview"):
            raise Dropped
        return reply

    place.faults = [lose]
    assert place.roll(target=preview(place)).result is Result.LIVE
    assert len(place.fake.previews) == 1 and len(place.fake.previews[0].platform.deploys) == 1


def test_an_interrupted_one_is_taken_away(place: Place) -> None:
    place.platform.stuck = "starting"
    target = preview(place, deadline=60.0)

    async def interrupted() -> None:
        task = asyncio.create_task(
            roll_out(target, NEW, Checks("/readyz", "/version", "new", 3, 1), place.doing.append)
        )
        while not place.fake.previews:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupted())
    assert place.fake.previews == [] and place.serves == OLD


def test_where_nobody_knows_whether_it_was_made_people_are_told_where_to_look(place: Place) -> None:
    def lose(request: Request, inner: Any) -> Reply:
        if request.path.endswith("/preview"):
            raise Dropped
        return inner(request)

    place.faults = [lose]
    target = preview(place)
    report = place.roll(target=target)
    assert report.result is Result.NEEDS_HUMAN and "does not show it" in report.reason
    assert place.fake.previews == [] and target.where.startswith("https://dashboard.render.com")


def test_one_that_was_deleted_though_the_answer_was_lost(place: Place) -> None:
    place.roll(target=preview(place))

    def lose(request: Request, inner: Any) -> Reply:
        reply = inner(request)
        if request.method == "DELETE" and reply.status == 204:
            raise Dropped
        return reply

    place.faults = [lose]
    assert asyncio.run(preview(place).remove()) is True
    place.faults = [
        lambda request, inner: Reply(400, {"message": "no"}) if request.method == "DELETE" else inner(request)
    ]
    place.roll(target=preview(place))
    with pytest.raises(SlipwayError, match=r"Render refuses it \(400\): no"):
        asyncio.run(preview(place).remove())


def test_what_the_service_itself_could_not_take_is_refused(place: Place) -> None:
    with pytest.raises(UsageError, match=r"another repository than ghcr\.io/acme/blog"):
        place.roll(target=preview(place, NEW.replace("shop", "blog")))
    private = dataclasses.replace(preview(place), image=Image(NEW, public=False))
    with pytest.raises(NotReady, match="is private"):
        place.roll(target=private)
    with pytest.raises(
        UsageError, match="has '' as its pre-deploy command, not 'flask db upgrade', and a preview begins"
    ):
        place.roll(target=preview(place, pre_deploy="flask db upgrade"))
    assert place.fake.previews == [] and place.sent == []


def record(result: str, **changes: str) -> Record:
    one = Record("2026-11-21T10:00:00Z", "staging-pr-12", "render", NEW, "new", result, "", "https://a.example", "me")
    return structs.replace(one, **changes)


def test_the_comment_says_where_and_what() -> None:
    said = markdown(record("live"), "https://github.com/acme/shop/actions/runs/1")
    assert "[https&#58;//a.example](<https://a.example>) ([run](https://github.com/acme/shop/actions/runs/1))" in said
    assert "sha256" in said
    failed = markdown(record("kept-old", reason="<b>no</b> @everyone", previous=OLD), "")
    assert "kept-old" in failed and "<b>" not in failed and "@everyone" not in failed
    assert "What ran before still does" in failed
    assert "still does" not in markdown(record("kept-old"), "")
    assert markdown(record("removed"), "") == "The preview <code>staging-pr-12</code> was removed.\n"
    assert "(<https://a.example/%3E%29%3Cscript>)" in markdown(record("live", url="https://a.example/>)<script"), "")
