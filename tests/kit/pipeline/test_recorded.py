"""A deploy in GitHub's list: what `gh` is asked, and what follows where it may not."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.deploy.record import Record
from slipway.errors import NotReady
from slipway.pipeline import recorded

IMAGE = f"ghcr.io/acme/shop@sha256:{'1' * 64}"
GH = """
with open({log!r}, "a") as log:
    log.write(json.dumps([sys.argv[1:], json.loads(sys.stdin.read() or "null")]) + "\\n")
{answer}
"""
GRANTED = 'print(json.dumps({"id": 7}))'
REFUSED = 'sys.exit("gh: Resource not accessible by integration (HTTP 403)")'
BROKEN = 'sys.exit("gh: Server Error (HTTP 502)")'


@pytest.fixture
def keep(program: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    log = tmp_path / "asked"

    def call(answer: str, result: str = "live", *, sent: bool = True) -> tuple[str, list[Any]]:
        gh = program("gh", GH.format(log=str(log), answer=answer))
        monkeypatch.setenv("PATH", f"{gh.parent}{os.pathsep}{os.environ['PATH']}")
        one = Record(
            "2026-01-01T00:00:00Z", "production", "render", IMAGE, "c" * 40, result, "old", "https://x", "me", sent=sent
        )
        said = asyncio.run(recorded.keep("acme/shop", "c" * 40, one, "https://run"))
        return said, [json.loads(line) for line in log.read_text().splitlines()]

    return call


@pytest.mark.parametrize(("result", "state"), [("live", "success"), ("rolled-back", "failure")])
def test_the_digest_and_what_ran_before_are_its_payload(keep: Callable[..., Any], result: str, state: str) -> None:
    said, asked = keep(GRANTED, result)
    assert said == f"deployment 7 of production: {state}"
    (first, body), (second, status) = asked
    assert first[3] == "repos/acme/shop/deployments" and second[3] == "repos/acme/shop/deployments/7/statuses"
    assert body["ref"] == "c" * 40 and body["required_contexts"] == [] and body["auto_merge"] is False
    assert (body["payload"]["image"], body["payload"]["previous"]) == (IMAGE, "old")
    assert (status["state"], status["environment_url"], status["log_url"]) == (state, "https://x", "https://run")


def test_what_arrived_late_is_neither_a_success_nor_a_failure(keep: Callable[..., Any]) -> None:
    assert keep(GRANTED, "superseded", sent=False)[0] == "deployment 7 of production: inactive"
    assert keep(GRANTED, "superseded")[0] == "deployment 7 of production: failure", "a deploy that was overtaken"


def test_where_it_is_not_granted_the_deploy_is_no_worse(keep: Callable[..., Any]) -> None:
    said, asked = keep(REFUSED)
    assert "is not granted `deployments: write`" in said and len(asked) == 1


def test_any_other_refusal_is_said(keep: Callable[..., Any]) -> None:
    with pytest.raises(NotReady, match="HTTP 502"):
        keep(BROKEN)
