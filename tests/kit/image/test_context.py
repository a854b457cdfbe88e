"""What a build can see: .dockerignore as the engine reads it, and a digest that changes with every input."""

import json
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.errors import UsageError
from slipway.image import context, ignore
from slipway.tools.buildx import ALLOWED

# Recorded from real builds; the last test holds some of them against the engine that is here.
RECORDED = json.loads((Path(__file__).parent / "dockerignore.json").read_text())
FILES: list[str] = RECORDED["files"]
SENT = {
    text: {FILES[int(word)] if word.isdigit() else word for word in words.split()}
    for text, words in RECORDED["sent"].items()
}
# Those in which the engine differs from git, fnmatch or common sense.
QUIRKS = [
    "", "**d", "d**", "a**c", "[!a]", "[^a]", " # a", " #x", "\\a", "!!a", "*\n!!d", "./a", "d//a", "d/../b", "\ufeffa",
    "*\n!*/e",
    "d\n!d/e/f/../a", "*.md\n!README.md", "d/**\n!d/e/keep", "**/*\n!**/a", "d/e\n!d/e/f\nd/e/f/g",
]  # fmt: skip


def fill(folder: Path, text: str) -> Path:
    """A build context with the files of the record."""
    for name in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (folder / ".dockerignore").write_text(text)
    return folder


def seen(folder: Path) -> set[str]:
    """What we say that a build of this folder sees."""
    files = context.context_files(folder, folder / "Dockerfile")
    return {str(p.relative_to(folder)) for p in files if not p.is_dir()} - {"Dockerfile"}


def test_every_recorded_dockerignore(tmp_path: Path) -> None:
    folder = fill(tmp_path, "")
    wrong = {}
    for text, sent in SENT.items():
        (folder / ".dockerignore").write_text(text)
        if seen(folder) != sent:
            wrong[text] = seen(folder) ^ sent
    assert wrong == {}
    assert len(SENT) > 100


@pytest.mark.engine
def test_the_engine_here_sends_the_same(tmp_path: Path) -> None:
    """One bake, a target for each quirk: what arrives is what we say."""
    targets = {
        f"t{number}": {
            "context": str(fill(tmp_path / f"c{number}", text)),
            "dockerfile-inline": "FROM scratch\nCOPY . /\n",
            "output": [f"type=local,dest={tmp_path}/o{number}"],
        }
        for number, text in enumerate(QUIRKS)
    }
    done = subprocess.run(
        ["docker", "buildx", "bake", "--file", "-", "--provenance=false", *targets],
        input=json.dumps({"target": targets}), text=True, capture_output=True, check=False, timeout=200,
        env=os.environ | ALLOWED,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for number, text in enumerate(QUIRKS):
        out = tmp_path / f"o{number}"
        assert {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} == seen(tmp_path / f"c{number}"), text


def test_a_pattern_that_the_engine_refuses_is_no_crash() -> None:
    for text in ("[", "[a", "a\\", "!", "! ", "**[", "[]", "[z-a]"):
        ignore.parse(text).excluded("a")


def test_a_dockerfile_may_have_an_ignore_file_of_its_own(tmp_path: Path) -> None:
    fill(tmp_path, "d")
    (tmp_path / "Dockerfile.dockerignore").write_text("*\n!a")
    assert seen(tmp_path) == {"a"}


def test_our_own_folder_is_never_an_input(tmp_path: Path) -> None:
    (tmp_path / ".slipway" / "runs").mkdir(parents=True)
    (tmp_path / ".slipway" / "runs" / "log").write_text("x")
    (tmp_path / "sub" / ".slipway").mkdir(parents=True)
    (tmp_path / "sub" / ".slipway" / "theirs").write_text("x")
    assert seen(tmp_path) == {"sub/.slipway/theirs"}


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda p: (p / "a").write_text("other"),
    "a new file": lambda p: (p / "new").write_text(""),
    "a new file in a folder": lambda p: (p / "d" / "new").write_text(""),
    "a file gone": lambda p: (p / "a").unlink(),
    "a name": lambda p: (p / "a").rename(p / "aa"),
    "executable": lambda p: (p / "a").chmod(0o755),
    "unreadable for others": lambda p: (p / "a").chmod(0o600),
    "a link instead of its content": lambda p: (
        (p / "b").write_text("a"),
        (p / "a").unlink(),
        (p / "a").symlink_to("b"),
    ),
    "where a link points": lambda p: ((p / "link").unlink(), (p / "link").symlink_to("b")),
    "an empty folder": lambda p: (p / "empty").mkdir(),
    "two contents swapped": lambda p: ((p / "a").write_text("b"), (p / "b").write_text("a")),
    "a boundary between two files": lambda p: ((p / "a").write_text("ab"), (p / "b").write_text("")),
    "the Dockerfile": lambda p: (p / "Dockerfile").write_text("FROM other"),
    "a name that is no UTF-8": lambda p: (p / os.fsdecode(b"\xff")).write_text(""),
    "an exception": lambda p: (p / ".dockerignore").write_text("ignored/*\n!ignored/x"),
}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A small build context with a link and an ignored folder."""
    for name in ("a", "b", "d/c", "ignored/x", "ignored/y"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(0o644)
    (tmp_path / "link").symlink_to("a")
    (tmp_path / ".dockerignore").write_text("ignored")
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    return tmp_path


@pytest.mark.parametrize("change", CHANGES)
def test_the_digest_changes_with(small: Path, change: str) -> None:
    before = context.look(small, ".", "Dockerfile").digest
    CHANGES[change](small)
    assert context.look(small, ".", "Dockerfile").digest != before


STAYS: dict[str, Callable[[Path], object]] = {
    "nothing": lambda _: None,
    "times": lambda p: os.utime(p / "a", (1, 1)),
    "an ignored file": lambda p: (p / "ignored" / "x").write_text("other"),
    "our own folder": lambda p: ((p / ".slipway").mkdir(), (p / ".slipway" / "x").write_text("x")),
}


@pytest.mark.parametrize("change", STAYS)
def test_the_digest_stays_with(small: Path, change: str) -> None:
    before = context.look(small, ".", "Dockerfile").digest
    STAYS[change](small)
    assert context.look(small, ".", "Dockerfile").digest == before


def test_a_socket_or_pipe_in_the_context_does_not_hang(small: Path) -> None:
    os.mkfifo(small / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(small / "socket"))
        assert context.look(small, ".", "Dockerfile").digest


def test_a_loop_of_links_is_a_link_and_no_more(small: Path) -> None:
    (small / "loop").symlink_to(".")
    (small / "self").symlink_to("self")
    names = {str(p.relative_to(small)) for p in context.context_files(small, small / "Dockerfile")}
    assert {"loop", "self"} <= names and not [n for n in names if n.startswith("loop/")]


def test_without_a_dockerfile_there_is_no_digest(small: Path) -> None:
    (small / "Dockerfile").unlink()
    assert context.look(small, ".", "Dockerfile").digest == ""


def test_a_context_that_is_not_there_is_said(small: Path) -> None:
    with pytest.raises(UsageError, match=r"the build context nowhere is not a folder.*\[build\] context"):
        context.look(small, "nowhere", "Dockerfile")


def test_a_dockerfile_outside_of_its_context(small: Path) -> None:
    (small / "d" / "Dockerfile").write_text("FROM scratch")
    first = context.look(small, "d", "Dockerfile").digest
    (small / "Dockerfile").write_text("FROM other")
    assert context.look(small, "d", "Dockerfile").digest != first


def test_caches_of_a_test_run_do_not_count(small: Path) -> None:
    before = context.tree(small / "d")
    (small / "d" / "__pycache__").mkdir()
    (small / "d" / "__pycache__" / "c.pyc").write_text("")
    assert context.tree(small / "d") == before == [small / "d" / "c"]
    assert context.tree(small / "a") == [small / "a"]


def test_variables_that_a_bake_or_compose_file_reads(tmp_path: Path) -> None:
    bake, compose = tmp_path / "docker-bake.hcl", tmp_path / "docker-compose.yml"
    bake.write_text('variable "COMMIT" {\n  default = "x"\n}\n')
    compose.write_text("image: ${IMAGE:-x}\ncommand: $NAME\nliteral: $5\n")
    found = context.variables([bake, compose, tmp_path / "absent"], {"COMMIT": "c", "NAME": "", "HOME": "/root"})
    assert found == {"COMMIT": "c", "IMAGE": None, "NAME": ""}
