"""A checkout that left files out: red before the build, and green once the command that the error names was run."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Done, Project

pytestmark = pytest.mark.engine

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4d' * 32}\nsize 12\n"
RUNNER = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_OUTPUT": "/dev/null",
    "GITHUB_STEP_SUMMARY": "/dev/null",
}
HERE = ("-c", "user.name=dev", "-c", "user.email=dev@example.com", "-c", "protocol.file.allow=always")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *HERE, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def committed(folder: Path) -> None:
    git(folder, "init", "-q")
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-qm", "one")


def message(done: Done) -> str:
    """What the build's finding says, and the fix."""
    (finding,) = done.stage("build")["findings"]
    assert done.code == 1, done.text
    assert done.stage("build")["status"] == "failed"
    return f"{finding['rule']}: {finding['message']}. {finding['fix']}"


def not_built(project: Project) -> bool:
    return not (project.root / ".slipway/layout").exists() and project.run_logs() == []


@pytest.mark.parametrize(
    ("environment", "fix"),
    [({}, "git lfs pull"), (RUNNER, "pass `lfs: true` to the workflow")],
    ids=["laptop", "runner"],
)
def test_a_pointer(project: Callable[..., Project], environment: dict[str, str], fix: str) -> None:
    made = project(**{"note.txt": POINTER, ".gitattributes": "note.txt filter=lfs diff=lfs merge=lfs -text\n"})
    committed(made.root)
    done = made.run("test", **environment)
    assert message(done) == f"git-lfs-pointer: note.txt is a Git LFS pointer, not the file. {fix}"
    assert not_built(made)
    made.write("note.txt", "the file itself")  # what `git lfs pull` does
    again = made.run("build", **environment)
    assert again.stage("build")["status"] == "passed", again.text


def test_without_git(project: Callable[..., Project]) -> None:
    done = project(**{"note.txt": POINTER}).run("build")
    assert message(done).startswith("git-lfs-pointer: note.txt ")


@pytest.mark.parametrize("attributes", ["note.txt filter=git-crypt\n", "note.txt text\n", "*.bin filter=lfs\n"])
def test_a_filter_that_is_not_lfs(project: Callable[..., Project], attributes: str) -> None:
    """A file of that very content, which Git hands out as it is: there is nothing to fetch."""
    made = project(**{"note.txt": POINTER, ".gitattributes": attributes})
    git(made.root, "init", "-q")
    done = made.run("build")
    assert done.stage("build")["status"] == "passed", done.text


@pytest.mark.parametrize(
    ("environment", "fix"),
    [
        ({}, "git submodule update --init"),
        (RUNNER, "pass `submodules: true` to the workflow; for a private one see docs/how-to/checkout.md"),
    ],
    ids=["laptop", "runner"],
)
def test_an_empty_submodule(
    project: Callable[..., Project], tmp_path: Path, environment: dict[str, str], fix: str
) -> None:
    """In a project that is a subfolder of its repository."""
    library, top = tmp_path / "lib", tmp_path / "top"
    library.mkdir()
    (library / "code.txt").write_text("x")
    committed(library)
    (top / "services").mkdir(parents=True)
    made = project(top / "services")
    made.replace(".dockerignore", "!server.py", "!server.py\n!lib")
    committed(top)
    git(top, "submodule", "add", "-q", str(library), f"services/{made.root.name}/lib")
    git(top, "commit", "-qm", "two")
    git(top, "submodule", "deinit", "-q", "--all")
    done = made.run("build", **environment)
    assert message(done) == f"empty-submodule: lib is empty: it is a submodule of {library}. {fix}"
    assert not_built(made)
    git(top, "submodule", "update", "--init")
    again = made.run("build", **environment)
    assert again.stage("build")["status"] == "passed", again.text
