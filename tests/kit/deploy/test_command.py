"""Deploying by a command of the project's own, for real."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from platforms import NEW, OLD

from slipway.deploy.command import CommandTarget
from slipway.errors import SlipwayError, UsageError


def target(folder: Path, command: str, *, deadline: float = 20, doing: Any = lambda _: None) -> CommandTarget:
    url = "http://127.0.0.1:1"
    return CommandTarget(folder, command, "production", url, OLD, deadline, doing)


def test_it_is_told_what_to_deploy_and_why(tmp_path: Path) -> None:
    words = "sh -c 'echo $SLIPWAY_ACTION $SLIPWAY_IMAGE $SLIPWAY_DIGEST $SLIPWAY_ENVIRONMENT >> told'"
    place = target(tmp_path, words)
    assert asyncio.run(place.deploy(NEW, migrate=True)).ok
    assert asyncio.run(place.deploy(OLD, migrate=False)).ok
    asyncio.run(place.abandon(OLD))
    digests = [reference.rpartition("@")[2] for reference in (NEW, OLD)]
    back = f"rollback {OLD} {digests[1]} production"
    assert (tmp_path / "told").read_text().splitlines() == [f"deploy {NEW} {digests[0]} production", back, back]
    assert asyncio.run(place.current()) == OLD


@pytest.mark.parametrize(
    ("previous", "said"), [("", "nothing is known to have run before"), (OLD, "sh ended with 4: no such host")]
)
def test_interrupted_it_is_said_that_nobody_knows_what_runs(tmp_path: Path, previous: str, said: str) -> None:
    place = target(tmp_path, "sh -c 'echo no such host >&2; exit 4'")
    with pytest.raises(SlipwayError, match=said):
        asyncio.run(place.abandon(previous))


def test_it_fails(tmp_path: Path) -> None:
    told: list[str] = []
    place = target(tmp_path, "sh -c 'echo no such host >&2; exit 4'", doing=told.append)
    attempt = asyncio.run(place.deploy(NEW, migrate=True))
    assert (attempt.ok, attempt.reason) == (False, "sh ended with 4: no such host")
    assert told == ["no such host"]


def test_it_takes_too_long(tmp_path: Path) -> None:
    attempt = asyncio.run(target(tmp_path, "sleep 60", deadline=0.2).deploy(NEW, migrate=True))
    assert attempt.reason == "sleep took longer than 0 s and was ended"


def test_it_is_not_there(tmp_path: Path) -> None:
    attempt = asyncio.run(target(tmp_path, "./nothing here").deploy(NEW, migrate=True))
    assert attempt.reason == "./nothing cannot be started: No such file or directory" and not attempt.traffic_moved


@pytest.mark.parametrize(("command", "said"), [("sh -c 'x", "Close the quotation mark"), ("  ", "is empty")])
def test_what_is_no_command(tmp_path: Path, command: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        asyncio.run(target(tmp_path, command).preflight())
