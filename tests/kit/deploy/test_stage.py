"""The deploy stage on a platform: what the registry tells about the image decides before anything is sent.

The registry is GHCR, which cannot be reached here: what it would say is given. All else is as on a runner.
"""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from platforms import KEY, NEW, OLD, Place, serving

from slipway.config import DeployTable, Settings
from slipway.deploy import record
from slipway.errors import NotReady, UsageError
from slipway.image.reference import Repository
from slipway.stages import deploy
from slipway.stages.base import Context, Delivery, Outcome
from slipway.tools import docker, remote
from slipway.tools.git import Source
from slipway.tools.history import CREATED, REVISION
from slipway.tools.images import Images

Stage = Callable[..., Outcome]
GH = """
print(json.dumps({"status": "%s"}) if sys.argv[1:4] == ["api", "--method", "GET"] else "")
sys.exit(0 if os.environ.get("GH_TOKEN") == "t" else "gh: no token")
"""


@pytest.fixture
def kind() -> str:
    return "render"


@pytest.fixture
def asked() -> list[str]:
    """What the engine was asked about."""
    return []


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, asked: list[str]) -> dict[str, dict[str, str]]:
    """GHCR: reference → labels."""
    images = {
        OLD: {REVISION: "old", CREATED: "2026-01-01T00:00:00Z"},
        NEW: {REVISION: "new", CREATED: "2026-01-02T00:00:00Z"},
    }

    async def labels(repository: Repository, digest: str, env: Any = None) -> dict[str, str]:
        return images.get(repository.at(digest), {})

    async def manifests(repository: Repository, digest: str) -> list[str]:
        return [digest] if repository.at(digest) in images else []

    async def exists(repository: Repository, digest: str, env: Any = None) -> bool:
        return repository.at(digest) in images and not (env and images[repository.at(digest)].get("private"))

    async def image(reference: str) -> None:
        asked.append(reference)

    for module, name, value in (
        (remote, "labels", labels), (remote, "manifests", manifests), (remote, "exists", exists),
        (docker, "image", image),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    return images


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, program: Callable[[str, str], Path]) -> Callable[..., None]:
    """Makes this a step on a runner, where GitHub knows how the new commit stands to the other."""

    def make(status: str = "behind", event: str = "push") -> None:
        found = program("gh", GH % status)
        for name, value in (
            ("PATH", f"{found.parent}{os.pathsep}{os.environ['PATH']}"), ("GITHUB_ACTIONS", "true"), ("GH_TOKEN", "t"),
            ("GITHUB_EVENT_NAME", event), ("GITHUB_REPOSITORY", "acme/shop"), ("GITHUB_ACTOR", "me"),
        ):  # fmt: skip
            monkeypatch.setenv(name, value)

    return make


@pytest.fixture
def stage(place: Place, registry: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Runs the stage for a reference."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)

    def call(reference: str = NEW, version: str = "new", table: dict[str, Any] | None = None, **wanted: Any) -> Outcome:
        platform = {"target": place.kind, "service": place.fake.service, "api": place.fake.url}
        platform |= {"url": place.platform.edge.url} if place.kind == "railway" else {}  # the fake has no domain
        table = DeployTable(
            **{
                **platform,
                "health": "/readyz",
                "version": "/version",
                "timeout": "1s",
                "deadline": "3s",
                **(table or {}),
            }
        )
        credentials = {"RENDER_API_KEY" if place.kind == "render" else "RAILWAY_TOKEN": KEY}
        delivery = Delivery(**{"credentials": credentials, "provenance": "never", **wanted})
        context = Context(
            root=tmp_path, settings=Settings(deploy={"production": table}), run_id="1", folder=tmp_path,
            state=tmp_path, engine=None, source=Source("c" * 40, "main", 0, 1), images=Images(),
            repository=Repository("ghcr.io", "acme/shop"), seen="", version=version, environment="production",
            stage="deploy", delivery=delivery,
            done={"build": Outcome("passed", facts={"digest": reference.rpartition("@")[2]})},
        )  # fmt: skip
        return asyncio.run(deploy.run(context))

    return call


def recorded(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "deployments").read_text().splitlines()[-1])
    return found


def test_live(stage: Stage, place: Place, tmp_path: Path) -> None:
    outcome = stage()
    assert outcome.status == "passed" and outcome.summary.startswith("live, 3 of 3 checks say new")
    assert outcome.facts["url"] == place.platform.edge.url and place.serves == NEW
    log = (tmp_path / "deploy.log").read_text()
    assert all(word in log for word in ("preflight", f"deploying {NEW[-71:][:19]}", "Render: ", "verifying"))
    found = recorded(tmp_path)
    assert (found["reference"], found["previous"], found["result"], found["target"]) == (NEW, OLD, "live", "render")


def test_an_image_is_looked_at_once_and_not_at_all_where_nothing_changes(stage: Stage, asked: list[str]) -> None:
    assert stage().status == "passed" and asked == [NEW, OLD]
    assert stage().summary.startswith("unchanged") and asked == [NEW, OLD]


def test_a_preview_is_another_place(stage: Stage, place: Place, tmp_path: Path) -> None:
    outcome = stage(preview=7)
    (made,) = place.fake.previews
    assert made.name == "pr-7-shop-production" and outcome.facts["url"] == made.platform.edge.url
    assert outcome.facts["environment"] == recorded(tmp_path)["environment"] == "production-pr-7"
    assert place.serves == OLD and place.sent == []


def test_a_preview_that_takes_too_long_names_the_table_that_says_how_long(stage: Stage, place: Place) -> None:
    stage(preview=7)
    place.fake.previews[0].platform.stuck = "starting"
    outcome = stage(OLD, "old", preview=7, allow_downgrade=True)
    assert outcome.summary.startswith("timed-out") and outcome.fix.endswith("[deploy.production] deadline")


def test_a_preview_takes_the_key_not_a_hook(stage: Stage) -> None:
    with pytest.raises(NotReady, match=r"RENDER_API_KEY is not set.*none reaches a pull request from a fork"):
        stage(preview=7, credentials={"RENDER_DEPLOY_HOOK": "https://api.render.com/deploy/srv-1?key=x"})


def test_an_image_that_is_not_in_its_registry(stage: Stage, place: Place, registry: dict[str, Any]) -> None:
    del registry[NEW]
    with pytest.raises(NotReady, match="is not in its registry"):
        stage()
    assert place.sent == []


LATE = "2025-12-31T00:00:00Z"


@pytest.mark.parametrize("kind", ["render", "railway"])
def test_an_older_commit_that_arrives_late(
    stage: Stage, place: Place, registry: dict[str, Any], tmp_path: Path
) -> None:
    """On a command line: not what was asked for."""
    registry[NEW][CREATED] = LATE
    outcome = stage()
    assert (outcome.status, outcome.exit_code, outcome.facts["result"]) == ("failed", 8, "superseded")
    said = f"sha256:1111…1111 is older than what runs (sha256:0000…0000): its commit is of {LATE}, the other of 2026"
    assert outcome.summary.startswith(f"superseded: {said}") and outcome.summary.endswith("· left alone")
    assert "`slipway rollback production sha256:…`, or allow-downgrade" in outcome.fix
    assert place.sent == [] and place.serves == OLD
    found = recorded(tmp_path)
    assert (found["result"], found["previous"], found["sent"]) == ("superseded", OLD, False)
    assert found["reason"] in outcome.summary
    assert stage(allow_downgrade=True).status == "passed" and place.serves == NEW


@pytest.mark.parametrize("kind", ["render", "railway"])
def test_late_on_a_runner_it_is_green(
    stage: Stage, place: Place, registry: dict[str, Any], runner: Callable[..., None]
) -> None:
    """By history: the two commits are of one second, and GitHub knows which is the ancestor."""
    registry[NEW] |= {REVISION: "a" * 40, CREATED: LATE}
    registry[OLD] |= {REVISION: "b" * 40, CREATED: LATE}
    runner("behind")
    outcome = stage()
    assert outcome.status == "passed" and outcome.facts["result"] == "superseded"
    assert f"commit {'a' * 7} is an ancestor of {'b' * 7}" in outcome.summary
    assert place.sent == [] and place.serves == OLD


def test_what_a_person_asks_for_is_not_green_when_nothing_was_done(
    stage: Stage, place: Place, registry: dict[str, Any], runner: Callable[..., None]
) -> None:
    registry[NEW][CREATED] = LATE
    runner("behind", event="workflow_dispatch")
    outcome = stage()
    assert (outcome.status, outcome.exit_code) == ("failed", 8) and place.sent == []


def test_a_clock_that_was_wrong_holds_nobody_up(
    stage: Stage, place: Place, registry: dict[str, Any], runner: Callable[..., None]
) -> None:
    registry[NEW] |= {REVISION: "a" * 40, CREATED: LATE}
    registry[OLD] |= {REVISION: "b" * 40}
    place.apps.apps[NEW] = serving("a" * 40)
    runner("ahead")
    outcome = stage(version="a" * 40)
    assert outcome.status == "passed" and outcome.facts["result"] == "live" and place.serves == NEW


@pytest.mark.parametrize("known", ["by the app", "by the record"])
def test_a_command_where_it_can_be_known(
    stage: Stage, place: Place, registry: dict[str, Any], runner: Callable[..., None], tmp_path: Path, known: str
) -> None:
    """Nobody can ask a command what runs: the app says it, else our own record, which a hosted runner has not."""
    registry[NEW] |= {REVISION: "a" * 40, CREATED: LATE}
    registry[OLD] |= {REVISION: "b" * 40}
    table = {"target": "command", "command": "touch deployed", "url": place.platform.edge.url, "api": "", "service": ""}
    if known == "by the app":
        place.apps.apps[OLD] = serving("b" * 40)
    else:
        place.apps.apps[OLD] = lambda _: (404, b"")
        ran = record.Record(LATE, "production", "command", OLD, "b" * 40, "live", "", "", "")
        record.append(tmp_path, ran)
    runner("behind")
    outcome = stage(table=table)
    assert outcome.facts["result"] == "superseded" and not (tmp_path / "deployed").exists(), outcome.summary
    assert record.running(tmp_path, "production") == ("" if known == "by the app" else OLD), "it still runs"
    runner("behind")  # the token was taken out of the environment
    assert stage(table=table).facts["result"] == "superseded", "and again"
    stage(table=table, allow_downgrade=True)
    assert (tmp_path / "deployed").exists()


def test_a_way_back_that_is_gone_is_found_before_anything_changes(
    stage: Stage, place: Place, registry: dict[str, Any]
) -> None:
    del registry[OLD]
    with pytest.raises(UsageError, match=r"not in its registry any more: there would be no way back.*--no-rollback"):
        stage()
    assert place.sent == []
    assert stage(rollback=False).status == "passed"


def test_a_private_image_is_known_by_asking_as_nobody(stage: Stage, place: Place, registry: dict[str, Any]) -> None:
    registry[NEW]["private"] = "yes"
    with pytest.raises(NotReady, match="is private, and the service"):
        stage()
    place.fake.credential = {"id": "rgc-1", "name": "ghcr"}
    assert stage().status == "passed"


def test_the_version_before_is_held_to_its_own_commit(stage: Stage, place: Place, registry: dict[str, Any]) -> None:
    """Rolled back, and something else answers: not called `rolled-back`."""
    place.apps.apps |= {NEW: serving("another"), OLD: serving("neither")}
    outcome = stage()
    assert outcome.exit_code == 6 and "did not come back: /version says 'neither', not 'old'" in outcome.summary


def test_a_breaking_migration(stage: Stage, place: Place, registry: dict[str, Any]) -> None:
    registry[NEW]["slipway.migration"] = "breaking"
    place.apps.apps[NEW] = serving("another")
    outcome = stage()
    assert outcome.exit_code == 6 and "slipway.migration=breaking" in outcome.summary and place.serves == NEW
    assert "https://dashboard.render.com" in outcome.fix


def test_no_credential_in_what_is_kept(stage: Stage, place: Place, tmp_path: Path) -> None:
    place.apps.apps[NEW] = serving("another")
    outcome = stage()
    assert outcome.exit_code == 5
    log = (tmp_path / "deploy.log").read_text()
    assert "token ***" in log and "last line of the app" in log
    kept = [p.read_text() for p in tmp_path.rglob("*") if p.is_file()]
    assert KEY not in json.dumps([outcome.summary, outcome.fix, dict(outcome.facts), *kept])


@pytest.mark.parametrize("result", ["superseded", "timed-out"])
def test_exit_codes_of_their_own(stage: Stage, place: Place, result: str) -> None:
    if result == "timed-out":
        place.platform.stuck = "starting"
    else:
        place.platform.step = 0.05

        def meddle(request: Any, inner: Any) -> Any:
            reply = inner(request)
            if place.is_look(request) and OLD not in place.sent:
                place.platform.create(OLD, "manual")
            return reply

        place.faults = [meddle]
    outcome = stage()
    assert outcome.summary.startswith(f"{result}: ")
    assert outcome.exit_code == {"superseded": 8, "timed-out": 7}[result]


def test_a_missing_credential_says_where_it_belongs(stage: Stage, place: Place) -> None:
    with pytest.raises(NotReady, match=r"RENDER_API_KEY is not set, .*secret of the environment production"):
        stage(credentials={})
    assert place.sent == []
