"""The one comment about a preview: what `gh` is asked, and what follows where it may not."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.deploy.record import Record
from slipway.errors import NotReady, UsageError
from slipway.pipeline import preview
from slipway.pipeline.preview import BOT, NONE

# Comments of one page each call, and any write is taken.
GH = """
sent = sys.stdin.read() if "--input" in sys.argv else ""
with open({log!r}, "a") as log:
    log.write(json.dumps([*sys.argv[3:5], json.loads(sent or "null")]) + "\\n")
pages = {pages!r}
if {refused!r} and (sys.argv[3] != "GET" or {refused!r} == "all"):
    sys.exit("gh: " + ({broken!r} or "Resource not accessible by integration (HTTP 403)"))
page = int(sys.argv[4].rpartition("page=")[2]) if "page=" in sys.argv[4] else 0
print(json.dumps(pages[page - 1] if page else {{}}))
"""
MARK = "<!-- slipway-preview staging-pr-7 -->"


def said_by(login: str, number: int, body: str = f"{MARK}\nold") -> dict[str, Any]:
    return {"id": number, "user": {"login": login}, "body": body}


@pytest.fixture
def comment(program: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def call(*pages: list[Any], refused: str = "", broken: str = "", result: str = "live", number: int = 7) -> Any:
        log = tmp_path / "asked"
        log.write_text("")
        text = GH.format(log=str(log), pages=list(pages) or [[]], refused=refused, broken=broken)
        monkeypatch.setenv("PATH", f"{program('gh', text).parent}{os.pathsep}{os.environ['PATH']}")
        one = Record("2026-01-01T00:00:00Z", "staging-pr-7", "render", "i", "c", result, "", "https://x", "me")
        said = asyncio.run(preview.comment("acme/shop", number, one, "the body"))
        return said, [json.loads(line) for line in log.read_text().splitlines()]

    return call


def test_the_first_one_is_written(comment: Callable[..., Any]) -> None:
    said, asked = comment([said_by("someone", 1, "nice work")])
    assert said == "commented on #7"
    assert asked[-1] == ["POST", "repos/acme/shop/issues/7/comments", {"body": f"{MARK}\nthe body"}]


def test_ours_is_brought_up_to_date_wherever_it_stands(comment: Callable[..., Any]) -> None:
    said, asked = comment([said_by("someone", n, "x") for n in range(100)], [said_by(BOT, 555)])
    assert said == "brought the comment up to date on #7"
    assert asked[-1] == ["PATCH", "repos/acme/shop/issues/comments/555", {"body": f"{MARK}\nthe body"}]


def test_one_that_somebody_else_began_with_our_mark_is_not_ours(comment: Callable[..., Any]) -> None:
    """Whose comment it is can edit it later: our words would then say what they like."""
    _, asked = comment([said_by("mallory", 1), said_by(BOT, 2, "<!-- slipway-preview staging-pr-77 -->")])
    assert asked[-1][0] == "POST"


@pytest.mark.parametrize("refused", ["writes", "all"])
def test_where_it_is_not_granted_the_preview_is_no_worse(comment: Callable[..., Any], refused: str) -> None:
    said, _ = comment(refused=refused)
    assert said == "no comment: the job is not granted `pull-requests: write`"


def test_any_other_refusal_is_said(comment: Callable[..., Any]) -> None:
    with pytest.raises(NotReady, match="HTTP 502"):
        comment(refused="writes", broken="Server Error (HTTP 502)")


def test_without_a_preview_there_is_nothing_to_say(comment: Callable[..., Any]) -> None:
    assert comment(result=NONE) == ("no preview, no comment", [])


def test_only_a_pull_request_has_one(comment: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match="Run this step on `pull_request`"):
        comment(number=0)
