"""Which repository on GitHub a folder belongs to, as its git remote says. Files are read; git is not started, since the
configuration of a project can name commands."""

import configparser
import re
from dataclasses import dataclass
from pathlib import Path

LARGEST = 1024 * 1024
# https://host/OWNER/NAME.git, ssh://git@host:22/OWNER/NAME, git@host:OWNER/NAME.git
_URL = re.compile(
    r"(?:(?:https?|ssh|git)://(?:[^@/]*@)?[^/@]+/|[\w.-]+@[^/:@]+:/?)"
    r"(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?",
    re.ASCII,
)


@dataclass(frozen=True)
class Remote:
    """A repository on GitHub and the folder that holds it here."""

    owner: str
    name: str
    folder: Path


def find(project: Path) -> Remote | None:
    """Return the repository that holds a folder; None where no remote names one."""
    for folder in (project, *project.parents):
        if (folder / ".git").exists():
            url = _url(folder / ".git")
            found = _URL.fullmatch(url) if url else None
            return Remote(found["owner"].lower(), found["name"].lower(), folder) if found else None
    return None


def _url(git: Path) -> str:
    """Return the URL of `origin`, or of the only remote."""
    if git.is_file():  # a work tree of its own: `gitdir: PATH`, and there the folder that all of them share
        git = git.parent / _read(git).removeprefix("gitdir:").strip()
        git = git / (_read(git / "commondir").strip() or ".")
    config = configparser.RawConfigParser(strict=False, allow_no_value=True, delimiters="=", interpolation=None)
    try:
        # Indented lines are keys in git, and continuations for configparser.
        config.read_string("\n".join(line.strip() for line in _read(git / "config").splitlines()))
    except configparser.Error:
        return ""
    urls = {
        name: config.get(name, "url", fallback="") or "" for name in config.sections() if name.startswith("remote ")
    }
    return urls.get('remote "origin"') or (next(iter(urls.values())) if len(urls) == 1 else "")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() and _small(path) else ""
    except OSError:
        return ""


def _small(path: Path) -> bool:
    return path.stat().st_size <= LARGEST
