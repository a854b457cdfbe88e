"""A release of the kit: only of a commit that was proven, and its major tag. `gh` is a stand-in."""

import asyncio
import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from slipway.cli import main
from slipway.errors import NotReady, SlipwayError
from slipway.pipeline import release

SHA, OTHER = "a" * 40, "b" * 40
REFS = "repos/acme/slipway/git"
Answering = Callable[..., Callable[[], list[list[Any]]]]


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Puts a `gh` on PATH that gives this answer to the first question; what it was asked is returned."""

    def place(answer: Any, code: int = 0, refusal: str = "") -> Callable[[], list[list[Any]]]:
        asked = tmp_path / "asked"
        asked.unlink(missing_ok=True)
        gh = tmp_path / "gh"
        gh.write_text(
            f"#!{sys.executable}\nimport json, pathlib, sys\n"
            f"log = pathlib.Path({str(asked)!r})\n"
            "first = not log.exists()\n"
            "body = json.load(sys.stdin) if '--input' in sys.argv else None\n"
            "with log.open('a') as file:\n    file.write(json.dumps([*sys.argv[1:5], body]) + '\\n')\n"
            f"if not first and {refusal!r}:\n    sys.exit({refusal!r})\n"
            f"print({json.dumps(answer)!r} if first else '{{}}')\nsys.exit({code})\n"
        )
        gh.chmod(gh.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        return lambda: [json.loads(line) for line in asked.read_text().splitlines()]

    return place


def run(sha: str = SHA, status: str = "completed", conclusion: str | None = "success") -> dict[str, Any]:
    """A run as https://docs.github.com/rest/actions/workflow-runs lists it."""
    return {
        "id": 30433642, "name": "Self-test", "head_branch": "main", "head_sha": sha, "event": "workflow_dispatch",
        "path": ".github/workflows/selftest.yml", "status": status, "conclusion": conclusion,
        "html_url": "https://github.com/acme/slipway/actions/runs/30433642",
    }  # fmt: skip


def proven(answering: Answering, runs: list[dict[str, Any]], code: int = 0) -> str:
    asked = answering({"total_count": len(runs), "workflow_runs": runs}, code)
    try:
        return asyncio.run(release.proven("acme/slipway", SHA))
    finally:
        (words,) = asked()
        assert words[:3] == ["api", "--method", "GET"]
        assert words[3].startswith("repos/acme/slipway/actions/workflows/selftest.yml/runs?")
        assert f"head_sha={SHA}" in words[3]


def test_a_commit_with_a_green_self_test_is_proven(answering: Answering) -> None:
    assert proven(answering, [run(conclusion="failure"), run()]).endswith("/runs/30433642")


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [run(sha=OTHER)],
        [run(conclusion="failure")],
        [run(conclusion="cancelled")],
        [run(status="in_progress", conclusion=None)],
    ],
)
def test_any_other_is_not(answering: Answering, runs: list[dict[str, Any]]) -> None:
    with pytest.raises(SlipwayError, match=rf"never green for {SHA}.*gh workflow run selftest\.yml"):
        proven(answering, runs)


def test_github_that_does_not_answer_proves_nothing(answering: Answering) -> None:
    with pytest.raises(NotReady, match="gh api"):
        proven(answering, [run()], code=1)


def move(answering: Answering, tag: str, *there: str, code: int = 0) -> tuple[str, list[list[Any]]]:
    """What is said and what GitHub is asked to change, where these tags exist."""
    refs = [{"ref": f"refs/tags/{name}", "object": {"sha": OTHER, "type": "commit"}} for name in there]
    asked = answering(refs, code)
    said = asyncio.run(release.move_major("acme/slipway", tag, SHA)).says
    first, *changes = asked()
    assert first == ["api", "--method", "GET", f"{REFS}/matching-refs/tags/{tag.split('.')[0]}", None]
    return said, changes


def test_the_first_release_makes_the_major_tag(answering: Answering) -> None:
    said, changes = move(answering, "v1.0.0", "v1.0.0")
    assert said == "v1 made at v1.0.0"
    assert changes == [["api", "--method", "POST", f"{REFS}/refs", {"ref": "refs/tags/v1", "sha": SHA}]]


@pytest.mark.parametrize("tag", ["v1.2.3", "v1.10.0"])
def test_a_later_one_moves_it(answering: Answering, tag: str) -> None:
    said, changes = move(
        answering, tag, "v1", "v1.2.2", "v1.9.0" if tag == "v1.10.0" else "v1.0.0", tag, "v10.0.0", "v1.9.9-rc.1"
    )
    assert said == f"v1 moved to {tag}"
    assert changes == [["api", "--method", "PATCH", f"{REFS}/refs/tags/v1", {"sha": SHA, "force": True}]]


def test_a_tag_that_only_begins_so_is_not_the_major_tag(answering: Answering) -> None:
    assert move(answering, "v1.0.0", "v1.0.0", "v10", "v10.0.0")[0] == "v1 made at v1.0.0"


def test_a_fix_of_an_older_version_leaves_it(answering: Answering) -> None:
    assert move(answering, "v1.2.4", "v1", "v1.2.4", "v1.10.0") == ("v1 stays: v1.10.0 is higher than v1.2.4", [])


def test_a_refusal_is_said(answering: Answering) -> None:
    with pytest.raises(NotReady, match="gh api"):
        move(answering, "v1.0.0", "v1.0.0", code=1)


def test_the_commands_ask_about_the_event(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/slipway")
    monkeypatch.setenv("GITHUB_SHA", SHA)
    monkeypatch.setenv("TAG", "v1.0.0")
    answering({"workflow_runs": [run()]}, 0)
    assert "/runs/30433642" in CliRunner().invoke(main, ["ci", "proven"]).output
    answering({"workflow_runs": [run(sha=OTHER)]}, 0)
    assert CliRunner().invoke(main, ["ci", "proven"]).exit_code != 0
    answering([], 0)
    assert CliRunner().invoke(main, ["ci", "major"]).output == "v1 made at v1.0.0\n"


WORKFLOWS = (
    "gh: refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` without `workflows` "
    "permission (HTTP 422)"
)
RULE = "gh: Repository rule violations found. Cannot update this protected ref. (HTTP 422)"


@pytest.mark.parametrize("refusal", [WORKFLOWS, RULE])
def test_a_tag_that_github_does_not_let_us_move_is_a_warning(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    """The release is out by then: the warning gives the commands for a clone, and the job is green."""
    for name, value in {"GITHUB_REPOSITORY": "acme/slipway", "GITHUB_SHA": SHA, "TAG": "v1.2.3"}.items():
        monkeypatch.setenv(name, value)
    answering([{"ref": "refs/tags/v1", "object": {"sha": OTHER, "type": "commit"}}], refusal=refusal)
    done = CliRunner().invoke(main, ["ci", "major"])
    assert done.exit_code == 0
    assert done.output.startswith("::warning title=slipway::v1.2.3 is released, and v1 was not moved: ")
    assert refusal.removeprefix("gh: ") in done.output
    assert "git tag --force v1 v1.2.3 && git push --force origin refs/tags/v1" in done.output


def test_those_commands_move_the_tag(tmp_path: Path) -> None:
    here, there = tmp_path / "clone", tmp_path / "there.git"
    here.mkdir()
    script = (
        f"git init --quiet --bare {there}; git init --quiet --initial-branch main; git remote add origin {there}\n"
        "git config user.name a; git config user.email a@b\n"
        "git commit --quiet --allow-empty --message one\ngit tag v1\n"
        "git push --quiet origin main v1; git commit --quiet --allow-empty --message two; git tag v1.2.3\n"
        "git tag --force v1 v1.2.3 && git push --force origin refs/tags/v1\n"
        f"test $(git rev-parse v1.2.3) = $(git -C {there} rev-parse v1)\n"
    )
    subprocess.run(["bash", "-e"], input=script, cwd=here, text=True, check=True, capture_output=True)


def drafted(answering: Answering, *releases: dict[str, Any]) -> tuple[list[int], list[list[Any]]]:
    asked = answering(list(releases))
    try:
        return asyncio.run(release.drafts("acme/slipway", "v1.2.3")), asked()[1:]
    finally:
        assert asked()[0][3] == "repos/acme/slipway/releases?per_page=100"


def released(number: int, tag: str, draft: bool) -> dict[str, Any]:
    """A release as https://docs.github.com/rest/releases/releases lists it."""
    return {
        "id": number,
        "tag_name": tag,
        "draft": draft,
        "html_url": f"https://github.com/acme/slipway/releases/{tag}",
    }


def test_drafts_of_an_earlier_attempt_are_deleted(answering: Answering) -> None:
    found, changes = drafted(
        answering, released(1, "v1.2.3", True), released(2, "v1.2.2", False), released(3, "v1.2.3", True)
    )
    assert found == [1, 3]
    assert [words[:4] for words in changes] == [
        ["api", "--method", "DELETE", f"repos/acme/slipway/releases/{number}"] for number in (1, 3)
    ]


def test_what_is_released_is_never_drafted_again(answering: Answering) -> None:
    with pytest.raises(SlipwayError, match=r"v1\.2\.3 is released already: https://\S+\. A version never changes"):
        drafted(answering, released(1, "v1.2.3", True), released(2, "v1.2.3", False))


@pytest.mark.parametrize("tag", ["v1", "1.0.0", "v1.0", "v1.0.0-rc.1", "main"])
def test_what_is_no_version_moves_nothing(answering: Answering, tag: str) -> None:
    with pytest.raises(SlipwayError, match="is no version"):
        asyncio.run(release.move_major("acme/slipway", tag, SHA))
