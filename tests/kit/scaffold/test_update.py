"""`slipway update`: three versions of a copied kit become one, and no line of anybody's is lost."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from scaffold.test_init import contents

from slipway.cli import main
from slipway.scaffold import kit, update

LINES = "".join(f"line {n}\n" for n in range(1, 21))
PROJECT = '[project]\nname = "slipway"\nversion = "{}"\n'
FIRST = {
    "scripts/pyproject.toml": PROJECT.format("1.0.0"),
    "scripts/slipway/stage.py": LINES,
    "scripts/slipway/gone.py": "old\n",
    "scripts/run.sh": "#!/bin/sh\n",
    ".github/workflows/verify.yml": "name: Verify\n",
    ".github/workflows/ci.yml": "name: the kit's own, in no copy\n",
    "CHANGELOG.md": "# Changelog\n",
    "README.md": "the kit's own\n",
}
LOG = """\
# Changelog

## [Unreleased]

### Breaking

- not released yet

## [2.0.0] - 2026-12-01

### Added

- much

### Breaking

- `image` of verify.yml is called `repository`
  from now on.
- Python 3.11 is gone.

## [1.1.0] - 2026-11-24

### Breaking

- exit code 9 is 8

## [1.0.0] - 2026-11-01

### Breaking

- everything
"""
SECOND = FIRST | {
    "scripts/pyproject.toml": PROJECT.format("2.0.0"),
    "scripts/slipway/stage.py": LINES.replace("line 3\n", "line three\n"),
    "scripts/slipway/new.py": "new\n",
    "CHANGELOG.md": LOG,
}
Git = Callable[..., str]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The kit's repository: two releases."""
    root = tmp_path / "kit"
    for tag, files in (("v1.0.0", FIRST), ("v2.0.0", SECOND)):
        root.mkdir(exist_ok=True)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / "scripts/run.sh").chmod(0o755)
        if tag == "v2.0.0":
            (root / "scripts/slipway/gone.py").unlink()
        else:
            git(root, "init", "--quiet")
        git(root, "add", "--all")
        git(root, "-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "--quiet", "--message", tag)
        git(root, "tag", tag)
    return root


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


@pytest.fixture
def copy(tmp_path: Path, source: Path) -> Path:
    """A repository with a copy of the first release."""
    root = tmp_path / "shop"
    for name, text in FIRST.items():
        if name.startswith(kit.PARTS):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    (root / "app.py").write_text("mine\n")
    commit = git(source, "rev-parse", "v1.0.0")
    (root / kit.STAMP).write_text(kit.Kit(str(source), commit, "1.0.0").stamp)
    return root


def call(root: Path, *words: str) -> Result:
    result = CliRunner().invoke(main, ["update", str(root), *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def test_an_untouched_copy_becomes_the_new_version(copy: Path, source: Path) -> None:
    result = call(copy, "--yes")
    assert result.exit_code == 0, result.output
    wanted = {name: text for name, text in SECOND.items() if name.startswith(kit.PARTS)} | {"app.py": "mine\n"}
    del wanted["scripts/slipway/gone.py"]
    found = contents(copy)
    stamp = found.pop(kit.STAMP).decode()
    assert {name: data.decode() for name, data in found.items()} == wanted
    assert 'version = "2.0.0"' in stamp and git(source, "rev-parse", "v2.0.0") in stamp
    assert "1.0.0" in result.output and "→ 2.0.0" in result.output
    assert "+line three" in result.output and "-line 3\n" in result.output
    again = call(copy, "--yes")
    assert "nothing to do" in again.output


def test_nothing_is_written_before_it_was_shown_and_agreed_to(copy: Path) -> None:
    before = contents(copy)
    for words in (["--dry-run"], []):
        result = call(copy, *words)
        assert (result.exit_code, contents(copy)) == (0, before)
        assert "+line three" in result.output
    assert "--yes" in result.output


def test_it_is_said_as_json_and_nothing_is_asked(copy: Path) -> None:
    before = contents(copy)
    shown = call(copy, "--json")
    assert (shown.exit_code, contents(copy)) == (0, before)
    said = json.loads(shown.stdout)["update"]
    assert (said["from"]["version"], said["to"]["version"]) == ("1.0.0", "2.0.0")
    assert {change["path"]: change["kind"] for change in said["changes"]} == {
        "scripts/pyproject.toml": "changed", "scripts/slipway/gone.py": "removed", "scripts/slipway/new.py": "added",
        "scripts/slipway/stage.py": "changed",
    }  # fmt: skip
    assert said["conflicts"] == [] and len(said["breaking"]) == 3
    assert call(copy, "--json", "--yes").exit_code == 0
    assert contents(copy) != before


def test_edits_elsewhere_in_a_file_are_kept(copy: Path) -> None:
    path = copy / "scripts/slipway/stage.py"
    path.write_text(LINES.replace("line 17\n", "my line 17\nand one more\n"))
    assert call(copy, "--yes").exit_code == 0
    assert path.read_text() == LINES.replace("line 17\n", "my line 17\nand one more\n").replace(
        "line 3\n", "line three\n"
    )


def test_the_same_place_is_marked_and_both_sides_are_there(copy: Path) -> None:
    path = copy / "scripts/slipway/stage.py"
    path.write_text(LINES.replace("line 3\n", "my line\n"))
    result = call(copy, "--yes")
    assert result.exit_code == 6, result.output
    text = path.read_text()
    assert text == LINES.replace(
        "line 3\n",
        "<<<<<<< yours\nmy line\n||||||| the version that was copied\nline 3\n"
        "=======\nline three\n>>>>>>> the new version\n",
    )
    refused = call(copy, "--yes")
    assert (refused.exit_code, "Resolve them first" in refused.output) == (2, True)
    assert path.read_text() == text


@pytest.mark.parametrize("case", ["you removed", "they removed", "both added", "no text"])
def test_what_git_cannot_merge_is_left_and_said(copy: Path, source: Path, case: str) -> None:
    stage, gone, new = (copy / f"scripts/slipway/{name}.py" for name in ("stage", "gone", "new"))
    if case == "you removed":
        stage.unlink()
    elif case == "they removed":
        gone.write_text("old, and mine\n")
    elif case == "both added":
        new.write_text("mine\n")
    else:
        stage.write_bytes(b"\0\xff")
    result = call(copy, "--yes")
    assert result.exit_code == (6 if case in ("both added", "no text") else 0), result.output
    if case == "you removed":
        assert not stage.exists() and "you removed it" in result.output
    elif case == "they removed":
        assert gone.read_text() == "old, and mine\n" and "it stays" in result.output
    elif case == "both added":
        assert "mine\n" in new.read_text() and "new\n" in new.read_text() and "<<<<<<< yours" in new.read_text()
    else:
        assert stage.read_bytes() == b"\0\xff" and "by hand" in result.output


def test_breaking_changes_between_the_versions_are_said_and_no_others(copy: Path) -> None:
    shown = call(copy, "--dry-run").output
    part = shown[shown.index("\nbreaking:") :].split("\n\n")[0]
    assert part.splitlines()[2:] == [
        "  2.0.0: `image` of verify.yml is called `repository` from now on.",
        "  2.0.0: Python 3.11 is gone.",
        "  1.1.0: exit code 9 is 8",
    ]


@pytest.mark.parametrize(
    ("stamp", "words", "code", "says"),
    [
        (None, [], 2, "slipway init --mode copy"),
        ("source = 1", [], 2, "needs source, commit and version"),
        ("keep", ["--to", "v9.9.9"], 2, "has no v9.9.9"),
        ("keep", ["--source", "/nowhere/kit"], 3, "cannot be fetched"),
        ("unknown commit", [], 2, "has no"),
    ],
)
def test_what_it_cannot_do_is_an_error_with_the_fix(
    copy: Path, source: Path, stamp: str | None, words: list[str], code: int, says: str
) -> None:
    if stamp is None:
        (copy / kit.STAMP).unlink()
    elif stamp == "unknown commit":
        (copy / kit.STAMP).write_text(kit.Kit(str(source), "1" * 40, "1.0.0").stamp)
    elif stamp != "keep":
        (copy / kit.STAMP).write_text(stamp)
    before = contents(copy)
    result = call(copy, "--yes", *words)
    assert (result.exit_code, contents(copy)) == (code, before), result.output
    assert says in result.output


def test_a_file_that_changes_meanwhile_is_not_overwritten(copy: Path) -> None:
    import asyncio

    planned = asyncio.run(update.plan(copy, "", ""))
    path = copy / "scripts/slipway/stage.py"
    path.write_text("written meanwhile\n")
    with pytest.raises(update.SlipwayError, match="changed meanwhile"):
        update.apply(planned)
    assert path.read_text() == "written meanwhile\n"


EDITS = st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["drop", "add", "both"])), max_size=4)


def edited(lines: list[str], edits: list[tuple[int, str]], whose: str) -> list[str]:
    found = []
    for number, line in enumerate(lines):
        what = {kind for at, kind in edits if at == number}
        if what & {"add", "both"}:
            found.append(f"{whose} before {number}\n")
        if not what & {"drop", "both"}:
            found.append(line)
    return found


@given(mine=EDITS, theirs=EDITS)
def test_no_line_that_either_side_added_is_ever_lost(
    tmp_path_factory: pytest.TempPathFactory, mine: list[tuple[int, str]], theirs: list[tuple[int, str]]
) -> None:
    import asyncio

    base = [f"line {n}\n" for n in range(8)]
    ours, new = edited(base, mine, "mine"), edited(base, theirs, "theirs")
    scratch = tmp_path_factory.mktemp("merge")
    merged, clash = asyncio.run(update.merge(*("".join(side).encode() for side in (ours, base, new)), scratch))
    assert merged is not None
    lines = merged.decode().splitlines(keepends=True)
    for line in {*ours, *new} - {*base}:
        assert line in lines
    # What neither side dropped is there; and without a conflict, nothing that was dropped is back.
    for line in base:
        if line in ours and line in new:
            assert line in lines
        elif not clash:
            assert line not in lines
