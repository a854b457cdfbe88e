"""The command that fills the kit's address in, in a clone of this repository."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import REPOSITORY


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(folder / "docs/fill_in.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that git tracks here, as they are in the working tree."""
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", str(REPOSITORY), str(folder)], check=True)
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((REPOSITORY / name).read_bytes())
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    return folder


def test_every_file_gets_the_address(clone: Path) -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True, check=True)
    done = run(clone, "acme")
    assert done.returncode == 0, done.stderr
    assert "README.md" in done.stdout.splitlines()
    left = subprocess.run(
        ["git", "grep", "-l", "OWNER/slipway"], cwd=clone, capture_output=True, text=True, check=False
    )
    assert left.stdout.split() == ["docs/fill_in.py"]
    page = (clone / "docs/how-to/push-to-deploy.md").read_text()
    assert re.findall(r"acme/slipway/\.github/\S+?@(\w+)", page) == [head.stdout.strip()] * 5
    again = run(clone, "acme")
    assert again.stdout.startswith("0 files")


@pytest.mark.parametrize("words", [(), ("-acme",), ("acme/shop",), ("acme", "v1"), ("acme", "f" * 39), ("a", "b", "c")])
def test_what_is_no_address_changes_nothing(words: tuple[str, ...]) -> None:
    done = run(REPOSITORY, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")
