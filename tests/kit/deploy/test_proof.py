"""A deploy on a runner: what is attested is verified before anything changes, and what is not is said or refused."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import fake_gh
import pytest
from fake_gh import DIGEST, GOOD, PROVENANCE, UNSIGNED, answer, result

from slipway.config import Settings
from slipway.deploy.rollout import Report
from slipway.deploy.target import Result
from slipway.errors import SlipwayError
from slipway.image.reference import Repository
from slipway.stages import deploy, place
from slipway.stages.base import Context, Delivery, Outcome
from slipway.tools.git import Source
from slipway.tools.images import Images

Deploy = Callable[..., Outcome]
OLD = {"*": answer(err="unknown flag: --predicate-type", code=1)}


class Place:
    """Where it would run."""

    url = "http://127.0.0.1:8000"


@pytest.fixture
def rolled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was rolled out; each one goes live."""
    done: list[str] = []

    async def target(_: Context, __: Any) -> Place:
        assert "GH_TOKEN" not in os.environ, "the project's compose file could name it"
        return Place()

    async def roll_out(_: Any, reference: str, *__: Any) -> Report:
        done.append(reference)
        return Report(Result.LIVE, "", "")

    monkeypatch.setattr(place, "place", target)
    monkeypatch.setattr(deploy, "roll_out", roll_out)
    return done


@pytest.fixture
def roll(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rolled: list[str]) -> Deploy:
    """Deploys ghcr.io/acme/shop@… with a gh that answers so."""

    def call(
        answers: dict[str, dict[str, Any]],
        provenance: str = "auto",
        *,
        runner: bool = True,
        host: str = "ghcr.io",
        preview: int = 0,
    ) -> Outcome:
        folder = fake_gh.place(tmp_path / "gh", answers)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        for name, value in {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/shop", "GH_TOKEN": "ghs_x"}.items():
            monkeypatch.setenv(name, value) if runner else monkeypatch.delenv(name, raising=False)
        context = Context(
            root=tmp_path, settings=Settings(), run_id="1", folder=tmp_path, state=tmp_path, engine=None,
            source=Source("c" * 40, "main", 0, 1), images=Images(), repository=Repository(host, "acme/shop"), seen="",
            version="c" * 40, done={"build": Outcome("passed", facts={"digest": DIGEST})},
        )  # fmt: skip
        delivery = Delivery(provenance, preview=preview)  # type: ignore[arg-type]
        return asyncio.run(deploy.run(replace(context, delivery=delivery)))

    return call


@pytest.mark.parametrize("provenance", ["auto", "always"])
def test_what_is_attested_is_deployed_and_said(
    roll: Deploy, rolled: list[str], tmp_path: Path, provenance: str
) -> None:
    outcome = roll(GOOD, provenance)
    said = "signed by acme/shop/.github/workflows/publish.yml for Acme/shop@main"
    assert outcome.summary.endswith(f" · {said}")
    assert outcome.facts["provenance"] == said
    assert rolled == [f"ghcr.io/acme/shop@{DIGEST}"]
    assert [call["token"] for call in fake_gh.calls(tmp_path / "gh")] == ["ghs_x"]


def test_what_is_not_attested_is_said(roll: Deploy, rolled: list[str]) -> None:
    outcome = roll(UNSIGNED)
    assert outcome.summary.endswith(" · NOT ATTESTED")
    assert outcome.facts["provenance"] == "NOT ATTESTED"
    assert len(rolled) == 1


REFUSED = {
    "unsigned, and always": (UNSIGNED, "always", 1),
    "another repository's": ({PROVENANCE: answer(result(sourceRepositoryURI="https://github.com/evil/x"))}, "auto", 1),
    "another digest's": ({PROVENANCE: answer(result(digest=fake_gh.OTHER))}, "auto", 4),
    "nobody can tell": (OLD, "auto", 3),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_attested_otherwise_changes_nothing(roll: Deploy, rolled: list[str], name: str) -> None:
    answers, provenance, code = REFUSED[name]
    with pytest.raises(SlipwayError) as caught:
        roll(answers, provenance)
    assert caught.value.code == code
    assert rolled == []


def test_what_was_built_for_a_pull_request_runs_in_a_preview_alone(roll: Deploy, rolled: list[str]) -> None:
    built = {PROVENANCE: answer(result(sourceRepositoryRef="refs/pull/7/merge", buildTrigger="pull_request"))}
    for provenance in ("auto", "always"):
        with pytest.raises(SlipwayError, match=r"built for a pull request \(refs/pull/7/merge\): nobody has merged it"):
            roll(built, provenance)
    assert rolled == []
    assert roll(built, preview=7).summary.endswith("for Acme/shop@refs/pull/7/merge")


def test_the_repository_is_that_of_the_run_not_of_the_images_name(
    roll: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll(GOOD, host="registry.example")
    (call,) = fake_gh.calls(tmp_path / "gh")
    assert call["args"][call["args"].index("--repo") + 1] == "acme/shop"


def test_never_does_not_look_and_says_so(roll: Deploy, tmp_path: Path) -> None:
    assert roll(GOOD, "never").summary.endswith(" · NOT ATTESTED")
    assert fake_gh.calls(tmp_path / "gh") == []


def test_on_a_laptop_nothing_changes(roll: Deploy, tmp_path: Path) -> None:
    outcome = roll(GOOD, runner=False, host="localhost:5001")
    assert "ATTESTED" not in outcome.summary and "provenance" not in outcome.facts
    assert fake_gh.calls(tmp_path / "gh") == []


def test_this_machines_registry_attests_nothing(roll: Deploy, rolled: list[str], tmp_path: Path) -> None:
    assert roll(GOOD, host="localhost:5001").summary.endswith(" · NOT ATTESTED")
    with pytest.raises(SlipwayError, match="is on this machine's registry"):
        roll(GOOD, "always", host="localhost:5001")
    assert fake_gh.calls(tmp_path / "gh") == [] and len(rolled) == 1
