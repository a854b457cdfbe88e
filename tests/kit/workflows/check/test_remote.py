"""Which repository a folder belongs to: read from git's files as data, and nothing that they name is started."""

import subprocess
from pathlib import Path

import pytest

from slipway.workflows import remote


def configured(folder: Path, text: str) -> Path:
    (folder / ".git").mkdir(parents=True)
    (folder / ".git/config").write_text(text)
    return folder


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/Acme/Shop",
        "https://github.com/acme/shop.git",
        "https://github.com/acme/shop/",
        "https://x-access-token:secret@github.com/acme/shop.git",
        "git@github.com:acme/shop.git",
        "git@github-work:acme/shop",
        "ssh://git@github.com/acme/shop.git",
        "ssh://git@ssh.github.com:443/acme/shop.git",
        "https://github.example.com/acme/shop.git",
    ],
)
def test_forms_of_a_remote(url: str, tmp_path: Path) -> None:
    found = remote.find(configured(tmp_path, f'[core]\n\tbare = false\n[remote "origin"]\n\turl = {url}\n'))
    assert found == remote.Remote("acme", "shop", tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[core]\n\tbare = false\n",
        '[remote "origin"]\n\turl = /srv/git/acme/shop.git\n',
        '[remote "origin"]\n\turl = ../acme/shop\n',
        '[remote "origin"]\n\turl = file:///srv/acme/shop\n',
        '[remote "origin"]\n\turl = https://github.com/acme\n',
        '[remote "origin"]\n\turl = https://github.com/acme/shop/more\n',
        '[remote "origin"]\n\turl\n',
        '[remote "a"]\n\turl = https://github.com/a/x\n[remote "b"]\n\turl = https://github.com/b/x\n',
        'no section\n[remote "origin"]\n\turl = https://github.com/acme/shop\n',
        "[remote\n",
    ],
)
def test_what_names_no_repository(text: str, tmp_path: Path) -> None:
    assert remote.find(configured(tmp_path, text)) is None


def test_the_only_remote_counts_under_any_name(tmp_path: Path) -> None:
    found = remote.find(configured(tmp_path, '[remote "upstream"]\n\turl = https://github.com/acme/shop\n'))
    assert found and found.name == "shop"


def test_from_below_and_from_a_work_tree(tmp_path: Path) -> None:
    """What git itself writes: a clone, a folder in it, a second work tree, a submodule's kind of `.git` file."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "-C", str(tmp_path / "one")]
    subprocess.run(["git", "init", "-q", str(tmp_path / "one")], check=True)
    subprocess.run([*git, "remote", "add", "origin", "https://github.com/acme/shop.git"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(tmp_path / "two")], check=True, capture_output=True)
    (tmp_path / "one/services/shop").mkdir(parents=True)
    for folder, top in (("one", "one"), ("one/services/shop", "one"), ("two", "two")):
        assert remote.find(tmp_path / folder) == remote.Remote("acme", "shop", tmp_path / top)


def test_nothing_that_the_configuration_names_is_started(tmp_path: Path) -> None:
    text = f"""[core]
	fsmonitor = "touch {tmp_path}/started; false"
	sshCommand = touch {tmp_path}/started
[include]
	path = {tmp_path}/other
[remote "origin"]
	url = https://github.com/acme/shop
"""
    assert remote.find(configured(tmp_path / "project", text))
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("content", ["gitdir: /dev/zero", "gitdir: /nowhere", "gitdir:", "", "\x00"])
def test_a_git_file_that_leads_nowhere(content: str, tmp_path: Path) -> None:
    (tmp_path / ".git").write_text(content)
    assert remote.find(tmp_path) is None


def test_a_configuration_that_is_too_large(tmp_path: Path) -> None:
    text = '[remote "origin"]\n\turl = https://github.com/acme/shop\n' + "# x\n" * 300_000
    assert remote.find(configured(tmp_path, text)) is None
