"""Text from outside is data: paths and branches that a shell would run."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Project

pytestmark = pytest.mark.engine


def git(root: Path, *args: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *identity, *args], cwd=root, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()


def nothing_ran(*folders: Path) -> None:
    assert [p for folder in folders for p in folder.rglob("*") if p.name.lower() == "pwned"] == []


def test_a_path(project: Callable[..., Project], tmp_path: Path) -> None:
    shop = project(tmp_path / "a b, $(touch PWNED) `touch PWNED` ;touch PWNED& 'c' %s {d} [e] ü").with_integration()
    done = shop.run()
    assert done.code == 0, done.text
    assert shop.deployed() == done.record["image"]["digest"]
    again = shop.run()
    assert again.statuses()["integration"] == "reused", again.text
    nothing_ran(tmp_path, Path(shop.environment["TMPDIR"]), Path.cwd())


def test_a_folder_without_a_usable_letter(project: Callable[..., Project]) -> None:
    shop = project()
    shop.root = shop.root.rename(shop.root.with_name("$(touch PWNED) é"))
    done = shop.run("build")
    assert done.code == 0, done.text
    nothing_ran(shop.root.parent)


def test_a_branch(project: Callable[..., Project]) -> None:
    shop = project(**{".gitignore": "pwned-too\n"})
    git(shop.root, "init")
    git(shop.root, "checkout", "-b", "a$(touch${IFS}pwned)")
    git(shop.root, "add", ".")
    git(shop.root, "commit", "--message", "$(touch pwned); `touch pwned`")
    commit = git(shop.root, "rev-parse", "HEAD")
    done = shop.run("deploy", "--skip", "scan")
    assert done.code == 0, done.text
    assert done.record["source"] == {"commit": commit, "branch": "a$(touch${IFS}pwned)", "dirty": False}
    assert {"a-touch-IFS-pwned-", f"sha-{commit[:12]}"} <= set(shop.tags())
    assert shop.get("/version")["commit"] == commit
    nothing_ran(shop.root, Path(shop.environment["TMPDIR"]), Path.cwd())


def test_a_detached_head_and_a_change(project: Callable[..., Project]) -> None:
    shop = project()
    git(shop.root, "init")
    git(shop.root, "add", ".")
    git(shop.root, "commit", "--message", "one")
    git(shop.root, "checkout", "--detach")
    shop.write("checks.txt", "pass ")
    done = shop.run("lint")
    assert done.code == 0, done.text
    assert done.record["source"]["branch"] == ""
    assert done.record["source"]["dirty"] is True


def test_through_a_symbolic_link(project: Callable[..., Project], tmp_path: Path) -> None:
    """The project and its Dockerfile are links; what they point to counts."""
    shop = project()
    link = tmp_path / "link"
    link.symlink_to(shop.root)
    real, shop.root = shop.root, link
    (real / "Dockerfile").rename(real / "Dockerfile.app")
    (real / "Dockerfile").symlink_to("Dockerfile.app")
    first, again = shop.run("build"), shop.run("build")
    assert [done.stage("build")["status"] for done in (first, again)] == ["passed", "reused"], first.text + again.text
    shop.write("Dockerfile.app", (real / "Dockerfile.app").read_text() + "ENV CHANGED=1\n")
    changed = shop.run("build")
    shop.root = real
    assert changed.stage("build")["status"] == "passed", changed.text
    assert changed.record["image"]["digest"] != first.record["image"]["digest"]
