"""Every block of the documentation is read by what reads it in earnest: no command, option, key or file that is not."""

import ast
import asyncio
import re
import shlex
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
import pytest
import yaml
from docs import blocks
from docs.blocks import Block
from house.test_help import PAGES
from support import REPOSITORY, real
from workflows.harness import static, yaml_text

from slipway import config
from slipway.policy import exceptions
from slipway.tools import hadolint

LANGUAGES = {
    "sh",
    "console",
    "yaml",
    "toml",
    "dockerfile",
    "python",
    "text",
    "",
}  # without a language: what a program says
# What commands in the docs may start with, besides `slipway` and `make`: their words are not ours to check.
PROGRAMS = {"git", "docker", "gh", "oras", "uv", "cd", "mkdir", "printf", "echo", "mv", "grep", "sed", "tar"}
# The workflow that a single job of the docs belongs into.
BEFORE = """\
on: push
permissions: {}
jobs:
  verify:
    uses: OWNER/slipway/.github/workflows/verify.yml@0000000000000000000000000000000000000000
    permissions: {contents: read}
  publish:
    needs: verify
    uses: OWNER/slipway/.github/workflows/publish.yml@0000000000000000000000000000000000000000
    permissions: {contents: read, packages: write, id-token: write, attestations: write}
    with: {digest: "${{ needs.verify.outputs.digest }}", artifact-id: "${{ needs.verify.outputs.artifact-id }}"}
"""
ASSIGNED = re.compile(r"[A-Z_]+=\S*")


def test_no_block_is_of_a_language_that_nobody_checks() -> None:
    assert {str(block): block.language for block in blocks.ALL if block.language not in LANGUAGES} == {}
    assert len(blocks.ALL) > 60


def commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell block, as words."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.commenters, lexer.whitespace_split, words = "", True, []
        for word in lexer:
            if word == "#":
                break
            if word in ("&&", "||", "|", ";"):
                yield words
                words = []
            else:
                words.append(word)
        if words:
            yield words


def own(words: list[str]) -> list[str]:
    """What `slipway` is told, if this is a call of it."""
    if words[:2] == ["uv", "run"] and "slipway" in words:
        words = words[words.index("slipway") :]
    return words[1:] if words[0] == "slipway" else []


def check_call(words: list[str]) -> None:
    """Parse a call as the command itself would."""
    names = [page for page in PAGES if words[: len(page.split())] == page.split()]
    assert names, f"there is no `slipway {words[0]}`"
    name = max(names, key=len)
    command, rest = PAGES[name], words[len(name.split()) :]
    given, over, _ = command.make_parser(click.Context(command)).parse_args(rest)
    assert not over, f"`slipway {name}` takes no {over}"
    for parameter in command.params:
        if isinstance(parameter.type, click.Choice) and (value := given.get(str(parameter.name))):
            assert value in parameter.type.choices, f"{parameter.name} {value}"


def typed(block: Block) -> str:
    """What is typed: all of a shell block, and the lines after a prompt."""
    return block.text if block.language == "sh" else "".join(re.findall(r"(?m)^\$ (.*\n)", block.text))


@pytest.mark.parametrize("block", [*blocks.written("sh"), *blocks.written("console")], ids=str)
def test_a_command_in_the_docs_exists(block: Block) -> None:
    text = typed(block)
    assert text
    checked = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    targets = set(re.findall(r"(?m)^([a-z-]+):", (REPOSITORY / "Makefile").read_text()))
    for words in commands(text):
        while words and ASSIGNED.fullmatch(words[0]):
            words = words[1:]
        if call := own(words):
            check_call(call)
        elif words[0] == "make":
            named = {w for w in words[1:] if not ASSIGNED.match(w)} - {"secrets/secret_key", "secrets/db_password"}
            assert named <= targets, words
        elif words[0] == "python3" or words[:2] == ["uv", "run"]:
            scripts = [word for word in words if word.endswith(".py")]
            assert all((REPOSITORY / script).is_file() for script in scripts), words
        else:
            assert words[0] in PROGRAMS, words


def test_a_command_that_does_not_exist_is_seen() -> None:
    for wrong in ("slipway runn", "slipway run --untill scan", "slipway init --mode cpy", "slipway init one two"):
        with pytest.raises((AssertionError, click.ClickException)):
            check_call(own(shlex.split(wrong)))


@pytest.mark.parametrize("block", blocks.written("toml"), ids=str)
def test_settings_in_the_docs_are_settings(tmp_path: Path, block: Block) -> None:
    (tmp_path / config.FILE).write_text(block.text)
    config.load(tmp_path, {})


@pytest.mark.parametrize("block", blocks.written("python"), ids=str)
def test_python_in_the_docs_compiles(block: Block) -> None:
    compile(ast.parse(block.text), str(block), "exec")


@pytest.mark.parametrize("block", blocks.written("dockerfile"), ids=str)
def test_a_dockerfile_in_the_docs_is_one(tmp_path: Path, block: Block) -> None:
    """A right one has no finding; a wrong one is read, and a part of one is read as a part."""
    whole = block.text.startswith("FROM python")
    path = tmp_path / "Dockerfile"
    path.write_text(block.text if whole else f"FROM scratch AS app\nWORKDIR /app\n{block.text}")
    remarks = asyncio.run(hadolint.lint(real("hadolint"), path, tmp_path / "log", ()))
    stopping = {r["code"]: r["message"] for r in remarks if r["level"] in ("error", "warning")}
    if block.mark != "wrong" and whole:
        assert stopping == {}
    assert "DL1000" not in stopping, stopping  # cannot be read at all


def kind(block: Block) -> str:
    """What a YAML block is a part of."""
    content = yaml.safe_load(textwrap.dedent(block.text))
    if isinstance(content, list):
        return "exceptions"
    if all(isinstance(value, dict) and {"runs-on", "uses"} & set(value) for value in content.values()):
        return "job"
    return next((name for name in ("jobs", "services", "updates", "secrets", "with") if name in content), "")


@pytest.mark.parametrize("block", blocks.written("yaml"), ids=str)
def test_yaml_in_the_docs_is_what_it_is_for(tmp_path: Path, block: Block) -> None:
    what, content = kind(block), yaml.safe_load(textwrap.dedent(block.text))
    if what == "exceptions":
        assert exceptions.read(block.text, date(2026, 11, 21))
    elif what in ("jobs", "job"):
        file = tmp_path / ".github/workflows/example.yml"
        file.parent.mkdir(parents=True)
        text = block.text if what == "jobs" else BEFORE + textwrap.indent(textwrap.dedent(block.text), "  ")
        file.write_text(text.replace("OWNER/slipway", "slipway-kit/slipway"))
        assert static.schemas(tmp_path) == []
        assert static.slipway_check(tmp_path) == []
    elif what == "updates":
        (tmp_path / ".github").mkdir()
        (tmp_path / ".github/dependabot.yml").write_text(block.text)
        assert static.schemas(tmp_path) == []
    elif what == "services":
        if not shutil.which("docker"):
            pytest.skip("no docker compose here to read it")
        (tmp_path / "docker-compose.yml").write_text(block.text)
        read = subprocess.run(
            ["docker", "compose", "config", "--quiet"], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "SLIPWAY_IMAGE": "x"},
        )  # fmt: skip
        assert read.returncode == 0, read.stderr
    else:
        call = yaml_text.read(REPOSITORY / ".github/workflows/verify.yml")["on"]["workflow_call"]
        assert what and set(content[what]) <= set(call["inputs" if what == "with" else "secrets"])
