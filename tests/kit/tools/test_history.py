"""Which of two commits is older: real repositories, whole and cut, and what GitHub answers where there is none."""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.tools import history
from slipway.tools.history import CREATED, REVISION, Commit, Repository

Made = Callable[..., str]
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
GH = """
with open({log!r}, "a") as log:
    log.write(json.dumps([sys.argv[1:], os.environ.get("GH_TOKEN", "")]) + "\\n")
{answer}
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Makes a commit dated `at` on the branch `on`; its name."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    root = tmp_path / "project"
    who = {f"GIT_{role}_{what}": "x@x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

    def run(*words: str, at: str = EARLY) -> str:
        done = subprocess.run(
            ["git", *words], cwd=root, check=True, capture_output=True, text=True,
            env=os.environ | who | {"GIT_COMMITTER_DATE": at},
        )  # fmt: skip
        return done.stdout.strip()

    def commit(at: str = EARLY, *, on: str = "main", begun: str = "") -> str:
        if not root.exists():
            root.mkdir()
            run("init", "--quiet", "--initial-branch", on)
        elif begun:
            run("checkout", "--quiet", "-b", on, begun)
        else:
            run("checkout", "--quiet", on)
        run("commit", "--quiet", "--allow-empty", "--message", f"{on} {at} {os.urandom(4).hex()}", at=at)
        return run("rev-parse", "HEAD")

    return commit


@pytest.fixture
def gh(program: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a `gh` on PATH that answers so; the file that says what it was asked."""

    def place(answer: str) -> Path:
        log = tmp_path / "asked"
        found = program("gh", GH.format(log=str(log), answer=answer))
        monkeypatch.setenv("PATH", f"{found.parent}{os.pathsep}{os.environ['PATH']}")
        return log

    return place


def older(new: Commit, old: Commit, checkout: Path | None = None, github: str = "") -> str:
    return asyncio.run(history.older(new, old, Repository(checkout, github, {"GH_TOKEN": "t"})))


@pytest.mark.parametrize("dates", [(EARLY, LATE), (EARLY, EARLY), (LATE, EARLY)], ids=["usual", "same second", "clock"])
def test_an_ancestor_is_older_whatever_the_clocks_said(made: Made, tmp_path: Path, dates: tuple[str, str]) -> None:
    first, second = (Commit(made(at), at) for at in dates)
    root = tmp_path / "project"
    assert older(first, second, root) == f"commit {first.sha[:7]} is an ancestor of {second.sha[:7]}"
    assert older(second, first, root) == ""
    assert older(first, first, root) == ""


def test_dates_decide_between_two_branches(made: Made, tmp_path: Path) -> None:
    first = made()
    ours, theirs = (
        Commit(made(EARLY, on="ours", begun=first), EARLY),
        Commit(made(LATE, on="theirs", begun=first), LATE),
    )
    assert older(ours, theirs, tmp_path / "project") == f"its commit is of {EARLY}, the other of {LATE}"
    assert older(theirs, ours, tmp_path / "project") == ""
    assert older(ours, Commit(theirs.sha, EARLY), tmp_path / "project") == "", "the same second decides nothing"


def test_a_cut_history_denies_nothing(made: Made, tmp_path: Path, gh: Callable[[str], Path]) -> None:
    """A checkout of one commit, as runners have it: the rest of the history is on GitHub."""
    first, second = made(LATE), made(EARLY)
    cut = tmp_path / "cut"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{tmp_path}/project", cut], check=True)
    log = gh('print(json.dumps({"status": "behind"}))')
    assert older(Commit(first, LATE), Commit(second, EARLY), cut) == "", "neither history nor dates say so"
    assert not log.exists(), "without a repository GitHub is not asked"
    said = older(Commit(first, LATE), Commit(second, EARLY), cut, "acme/shop")
    assert said == f"commit {first[:7]} is an ancestor of {second[:7]}"
    ((words, token),) = [json.loads(line) for line in log.read_text().splitlines()]
    assert words == ["api", "--method", "GET", f"repos/acme/shop/compare/{second}...{first}?per_page=1&page=2"]
    assert token == "t"


def test_two_grafted_commits_are_not_taken_for_two_branches(
    made: Made, tmp_path: Path, gh: Callable[[str], Path]
) -> None:
    first, between, second = made(LATE), made(), made(EARLY)
    cut = tmp_path / "cut"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{tmp_path}/project", cut], check=True)
    subprocess.run(["git", "fetch", "--quiet", "--depth=1", "origin", first], cwd=cut, check=True)
    gh('print(json.dumps({"status": "ahead"}))')
    assert older(Commit(second, EARLY), Commit(first, LATE), cut) != "", "dates alone are wrong here"
    assert older(Commit(second, EARLY), Commit(first, LATE), cut, "acme/shop") == ""
    assert between not in subprocess.run(["git", "log", "--all"], cwd=cut, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("answer", "decided"),
    [
        ('print(json.dumps({"status": "behind"}))', "is an ancestor of"),
        ('print(json.dumps({"status": "ahead"}))', ""),
        ('print(json.dumps({"status": "diverged"}))', "its commit is of"),
        ('print(json.dumps({"status": "new"}))', "its commit is of"),
        ("print('[]')", "its commit is of"),
        ("print('no JSON')", "its commit is of"),
        ('sys.exit("gh: Not Found (HTTP 404)")', "its commit is of"),
        ('sys.exit("gh: Resource not accessible by integration (HTTP 403)")', "its commit is of"),
    ],
)
def test_what_github_answers(gh: Callable[[str], Path], answer: str, decided: str) -> None:
    gh(answer)
    said = older(Commit("a" * 40, EARLY), Commit("b" * 40, LATE), github="acme/shop")
    assert decided in said and bool(decided) == bool(said)


def test_without_gh_and_git_dates_are_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert older(Commit("a" * 40, EARLY), Commit("b" * 40, LATE), tmp_path, "acme/shop").startswith("its commit is of")


@pytest.mark.parametrize(
    ("new", "old", "is_older"),
    [
        (EARLY, LATE, True),
        (LATE, EARLY, False),
        (EARLY, EARLY, False),
        ("2026-01-01T23:59:59+02:00", "2026-01-01T22:00:00Z", True),
        ("2026-01-02T00:30:00+02:00", "2026-01-01T22:00:00Z", False),
        ("2026-01-01T00:00:00", LATE, True),
        ("yesterday", LATE, False),
        ("", LATE, False),
        (EARLY, "", False),
    ],
)
def test_dates_are_compared_as_times(new: str, old: str, is_older: bool) -> None:
    assert bool(older(Commit("", new), Commit("", old))) is is_older


@pytest.mark.parametrize(
    ("labels", "version", "sha"),
    [
        ({REVISION: "a" * 40, CREATED: EARLY}, "", "a" * 40),
        ({REVISION: "a" * 40 + "+9d2e"}, "", "a" * 40),
        ({}, "b" * 64, "b" * 64),
        ({REVISION: "--upload-pack=x"}, "", ""),
        ({REVISION: "main"}, "a" * 40, ""),
        ({REVISION: "A" * 40}, "", ""),
        (None, "unknown+9d2e", ""),
    ],
)
def test_the_commit_of_an_image(labels: dict[str, str] | None, version: str, sha: str) -> None:
    """What an image says of itself is text from outside: nothing but a commit's name gets to git or into an address."""
    assert Commit.of(labels, version) == Commit(sha, (labels or {}).get(CREATED, ""))
