"""`[scan] gate = "new"` through the stage itself, with the real Trivy."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import layouts
import pytest
import trivydb
from stages.scan_cases import Case
from stages.test_scan_cases import context

from slipway.stages import scan
from slipway.stages.base import Context, Outcome
from slipway.tools import git
from slipway.tools.git import Source

GIT = ("git", "-c", "user.name=x", "-c", "user.email=x")
OLD, NEW = "CVE-2024-1135", "CVE-2018-1000656"
FLASK = "Metadata-Version: 2.1\nName: flask\nVersion: 0.12.2\n"
SITE = "usr/lib/python3.13/site-packages"
WITH_FLASK = {**layouts.app(), f"{SITE}/flask-0.12.2.dist-info/METADATA": FLASK}


@pytest.fixture
def at(trivy: Path, tmp_path: Path) -> Callable[..., Context]:
    """A project whose image of these files is about to be scanned, on a branch."""
    number = 0

    def at(
        files: dict[str, str],
        branch: str = "main",
        database: Callable[[Path], object] = trivydb.write,
        handed_over: bool = True,
    ) -> Context:
        nonlocal number
        number += 1
        case = Case(
            "", "", "", image=lambda folder: layouts.layout(folder, files), database=database,
            settings=(("gate", "new"), ("baseline", str(tmp_path / "baseline.json") if handed_over else "")),
        )  # fmt: skip
        made = context(tmp_path / str(number), case)
        for words in ("init --quiet --initial-branch=main", "commit --quiet -m one --allow-empty"):
            subprocess.run([*GIT, *words.split()], cwd=made.root, check=True)
        made = replace(made, source=Source("a" * 40, branch))

        async def prepared() -> Any:
            return await scan.prepare(made)

        return replace(made, prepared=prepared)

    return at


def scanned(here: Context) -> Outcome:
    return asyncio.run(scan.run(here))


def rules(outcome: Outcome, *, stops: bool) -> set[str]:
    return {f.rule for f in outcome.findings if f.stops == stops and (stops or f.known)}


def test_only_what_a_change_adds_stops_it(at: Callable[..., Context]) -> None:
    first = scanned(at(layouts.app()))
    assert first.status == "failed", "without a baseline every finding counts"
    assert "every finding counts: there is no baseline of main yet; what stops now will not" in first.summary
    assert first.facts["baseline"] == "kept"

    same = scanned(at(layouts.app(), "feature"))
    assert same.status == "passed", same
    assert OLD in rules(same, stops=False)
    assert "in main already, the worst: " in same.summary
    assert [f.known for f in same.findings if f.rule == OLD] == ["main"]

    more = scanned(at(WITH_FLASK, "feature"))
    assert more.status == "failed"
    assert {f.package for f in more.findings if f.stops} == {"flask"}
    assert NEW in rules(more, stops=True)
    assert OLD in rules(more, stops=False), "still listed"
    assert more.facts["baseline"] == "read"


def test_what_stopped_the_default_branch_does_not_become_known(at: Callable[..., Context], tmp_path: Path) -> None:
    scanned(at(layouts.app()))
    kept = (tmp_path / "baseline.json").read_bytes()
    for _ in range(2):
        again = scanned(at(WITH_FLASK))
        assert NEW in rules(again, stops=True)
        assert (tmp_path / "baseline.json").read_bytes() == kept


def test_a_secret_stops_whether_the_base_has_it_or_not(at: Callable[..., Context], tmp_path: Path) -> None:
    secret = {"app/.env": "GITHUB_TOKEN=ghp_" + "x7Rk2Vq9Lm" * 3 + "B4tZ8w\n"}
    for branch in ("main", "feature"):
        outcome = scanned(at(layouts.app("23.0.0") | secret, branch))
        assert rules(outcome, stops=True) == {"secret"}
    assert "secret" not in (tmp_path / "baseline.json").read_text()


def test_what_was_fixed_is_new_when_it_comes_back(at: Callable[..., Context]) -> None:
    scanned(at(layouts.app()))
    fixed = scanned(at(layouts.app("23.0.0")))
    assert (fixed.status, fixed.facts["baseline"]) == ("passed", "kept")
    assert OLD in rules(scanned(at(layouts.app())), stops=True)


def test_an_advisory_that_came_since_does_not_stop_what_did_not_change(at: Callable[..., Context]) -> None:
    first = scanned(at(layouts.app(), database=lambda folder: trivydb.write(folder, only=())))
    assert first.status == "passed", first
    now = scanned(at(layouts.app(), "feature"))
    assert now.status == "passed", now
    assert OLD in rules(now, stops=False)
    assert OLD in rules(scanned(at(layouts.app("20.0.4"), "feature")), stops=True), "this change touched the package"


def test_a_branch_writes_no_baseline(at: Callable[..., Context], tmp_path: Path) -> None:
    outcome = scanned(at(layouts.app(), "feature"))
    assert outcome.status == "failed"
    assert outcome.summary.endswith("every finding counts: there is no baseline of main yet")
    assert not (tmp_path / "baseline.json").exists()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text[:-40], "the baseline is not believed: it is damaged"),
        (lambda text: text.replace("localhost:5001/shop", "localhost:5001/other"), "it is of the image"),
        (lambda text: text.replace('"main"', '"feature"'), "it is of the branch"),
    ],
)
def test_a_baseline_that_is_not_believed(
    at: Callable[..., Context], tmp_path: Path, spoil: Callable[[str], str], says: str
) -> None:
    scanned(at(layouts.app()))
    file = tmp_path / "baseline.json"
    file.write_text(spoil(file.read_text()))
    spoilt = file.read_bytes()
    outcome = scanned(at(layouts.app(), "feature"))
    assert OLD in rules(outcome, stops=True)
    assert says in outcome.summary
    assert file.read_bytes() == spoilt


def test_no_secret_is_in_it_and_a_degraded_scan_writes_none(at: Callable[..., Context], tmp_path: Path) -> None:
    scanned(at(layouts.app()))
    kept = json.loads((tmp_path / "baseline.json").read_bytes())
    assert [OLD, "gunicorn"] in kept["findings"]
    assert "pkg:pypi/gunicorn@20.1.0" in kept["packages"]
    (tmp_path / "baseline.json").unlink()
    here = at(layouts.app())

    async def nothing() -> Any:
        binary, _, _ = await scan.prepare(here)
        return binary, None, "no way"

    assert scanned(replace(here, prepared=nothing)).status == "degraded"
    assert not (tmp_path / "baseline.json").exists()


PULL = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/7/merge"}
PUSH = {"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main"}
TARGET = {"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF": "refs/heads/main"}


@pytest.mark.parametrize(("event", "writes"), [(PULL, False), (TARGET, False), (PUSH, True)])
def test_on_a_runner_the_event_says_who_may_write(
    at: Callable[..., Context], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: dict[str, str], writes: bool
) -> None:
    """Whatever branch is checked out."""
    (tmp_path / "event.json").write_text('{"repository": {"default_branch": "main"}}')
    given = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(tmp_path / "event.json"), **event}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    scanned(at(layouts.app(), "main"))
    assert (tmp_path / "baseline.json").exists() is writes


def test_on_a_runner_a_file_of_the_project_is_not_looked_for(
    at: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change could bring it along."""
    here = at(layouts.app(), handed_over=False)
    scanned(here)
    assert (here.state / "baseline.json").is_file()
    assert scanned(here).status == "passed", "on a laptop it is"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    outcome = scanned(here)
    assert "no baseline was handed over" in outcome.summary
    assert OLD in rules(outcome, stops=True)


def test_the_default_branch_of_a_repository(tmp_path: Path) -> None:
    def call(*words: str) -> None:
        subprocess.run([*GIT, *words], cwd=tmp_path, check=True)

    assert asyncio.run(git.default_branch(tmp_path)) == ""
    call("init", "--quiet", "--initial-branch=trunk")
    call("commit", "--quiet", "--allow-empty", "-m", "one")
    assert asyncio.run(git.default_branch(tmp_path)) == ""
    call("branch", "main")
    assert asyncio.run(git.default_branch(tmp_path)) == "main"
    call("update-ref", "refs/remotes/origin/trunk", "HEAD")
    call("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    assert asyncio.run(git.default_branch(tmp_path)) == "trunk"
