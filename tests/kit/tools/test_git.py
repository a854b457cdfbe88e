"""What commit this is: real repositories, and branch names from outside."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.image.reference import tag
from slipway.tools import git
from slipway.tools.git import Source

Git = Callable[..., str]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Runs git in a fresh repository with one commit, apart from the user's configuration."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    (tmp_path / "gitconfig").write_text("[user]\nname = x\nemail = x@example.com\n[init]\ndefaultBranch = main\n")
    root = tmp_path / "project"
    root.mkdir()

    def run(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()

    run("init", "--quiet")
    (root / "file").write_text("1")
    (root / ".gitignore").write_text("ignored\n")
    run("add", ".")
    run("commit", "--quiet", "--message", "first")
    return run


def source(tmp_path: Path, folder: str = "project") -> Source:
    """What we say of it."""
    return asyncio.run(git.source(tmp_path / folder))


def test_a_clean_commit(repository: Git, tmp_path: Path) -> None:
    found = source(tmp_path)
    assert (found.commit, found.branch) == (repository("rev-parse", "HEAD"), "main")
    assert found.committed == int(repository("log", "-1", "--format=%ct"))
    assert not found.dirty and found.changed == 0


CHANGES: dict[str, Callable[[Path, Git], object]] = {
    "changed": lambda p, g: (p / "file").write_text("2"),
    "untracked": lambda p, g: (p / "new").write_text(""),
    "deleted": lambda p, g: (p / "file").unlink(),
    "staged": lambda p, g: ((p / "new").write_text(""), g("add", "new")),
    "renamed": lambda p, g: g("mv", "file", "other"),
    "a name with a line break": lambda p, g: (p / "a\nb").write_text(""),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_tree_that_differs_is_dirty(repository: Git, tmp_path: Path, change: str) -> None:
    CHANGES[change](tmp_path / "project", repository)
    assert (source(tmp_path).changed, source(tmp_path).dirty) == (1, True)


def test_ignored_files_do_not_count(repository: Git, tmp_path: Path) -> None:
    (tmp_path / "project" / "ignored").write_text("")
    assert not source(tmp_path).dirty


@pytest.mark.parametrize(
    "branch",
    [
        "feature/login",
        "a$(touch${IFS}pwned)",
        "ünïcode",
        "-x" if False else "x-",
        "a'b\"c",
        "a;b",
        "a`id`",
        "x#1",
        "%s",
    ],
)
def test_branch_names_are_data(repository: Git, tmp_path: Path, branch: str) -> None:
    repository("checkout", "--quiet", "-b", branch)
    assert source(tmp_path).branch == branch
    assert tag(source(tmp_path).branch).isascii()


def test_an_upstream_is_no_part_of_the_name(repository: Git, tmp_path: Path) -> None:
    repository("remote", "add", "origin", str(tmp_path / "project"))
    repository("fetch", "--quiet", "origin")
    repository("branch", "--quiet", "--set-upstream-to", "origin/main")
    repository("commit", "--quiet", "--allow-empty", "--message", "second")
    assert source(tmp_path).branch == "main"
    assert not source(tmp_path).dirty


def test_a_detached_head_has_no_branch(repository: Git, tmp_path: Path) -> None:
    repository("checkout", "--quiet", "--detach")
    found = source(tmp_path)
    assert (found.branch, found.dirty) == ("", False) and found.commit


def test_no_repository_no_commit_no_git(repository: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain").mkdir()
    assert source(tmp_path, "plain") == Source() and Source().dirty
    repository("update-ref", "-d", "HEAD")
    assert source(tmp_path) == Source()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert source(tmp_path) == Source()


@pytest.mark.parametrize(
    "configuration",
    [
        "[status]\nshowUntrackedFiles = no",
        "[log]\nshowSignature = true",
        "[color]\nui = always",
        "[status]\nshort = true\nbranch = false",
    ],
)
def test_nobodys_configuration_changes_the_answer(repository: Git, tmp_path: Path, configuration: str) -> None:
    (tmp_path / "project" / "new").write_text("")
    before = source(tmp_path)
    with (tmp_path / "gitconfig").open("a") as file:
        file.write(configuration)
    assert source(tmp_path) == before and before.changed == 1


def test_a_signed_commit_is_read_whatever_the_configuration(repository: Git, tmp_path: Path) -> None:
    """`log.showSignature` puts what gpg says of a signature before everything else."""
    plain = repository("cat-file", "commit", "HEAD")
    head, _, message = plain.partition("\n\n")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n bm9uZQ==\n -----END PGP SIGNATURE-----"
    (tmp_path / "commit").write_text(f"{head}\n{signature}\n\n{message}\n")
    commit = repository("hash-object", "-t", "commit", "-w", str(tmp_path / "commit"))
    repository("reset", "--quiet", "--soft", commit)
    (tmp_path / "gpg").write_text("#!/bin/sh\ncat >/dev/null\necho gpg: says a lot >&2\nexit 1\n")
    (tmp_path / "gpg").chmod(0o755)
    with (tmp_path / "gitconfig").open("a") as file:
        file.write(f"[log]\nshowSignature = true\n[gpg]\nprogram = {tmp_path}/gpg\n")
    found = source(tmp_path)
    assert (found.commit, found.dirty) == (commit, False)


def test_a_folder_in_a_repository_looks_at_itself(repository: Git, tmp_path: Path) -> None:
    """Two projects in one repository: a change in the other is not this one's."""
    (tmp_path / "project" / "shop").mkdir()
    (tmp_path / "project" / "file").write_text("2")
    found = source(tmp_path, "project/shop")
    assert found.commit and not found.dirty


def test_whether_a_folder_is_part_of_the_repository(repository: Git, tmp_path: Path) -> None:
    def tracked() -> bool:
        return asyncio.run(git.tracks(tmp_path / "project", ".slipway"))

    assert not asyncio.run(git.tracks(tmp_path, ".slipway")), "no repository"
    (tmp_path / "project" / ".slipway").mkdir()
    file = tmp_path / "project" / ".slipway" / "scan.json"
    file.write_text("{}")
    assert not tracked()
    repository("add", "--force", ".slipway")
    assert tracked()
    repository("rm", "--quiet", "--cached", "-r", ".slipway")
    file.unlink()
    file.parent.rmdir()
    file.parent.symlink_to("elsewhere")
    assert not tracked()
    repository("add", ".slipway")
    assert tracked(), "a link too"
