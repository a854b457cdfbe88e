"""Which Slipway this is, and where its files come from: the commit that a project refers to or copies."""

import json
import re
import tarfile
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from slipway import __version__
from slipway.errors import NotReady, UsageError
from slipway.tools import process
from slipway.workflows.check import installed_kit

CALLABLE = (
    "lint", "test", "build", "scan", "integration", "verify", "publish", "deploy", "preview", "code-scanning", "rescan",
)  # fmt: skip
# What a copy holds: the command, and what callers refer to.
PARTS = ("scripts/", ".github/actions/", *(f".github/workflows/{name}.yml" for name in CALLABLE))
STAMP = ".github/slipway-kit.toml"
CHANGELOG = "CHANGELOG.md"
_GITHUB = re.compile(r"(?:https://|ssh://git@|git@)github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?$")
_COMMIT = re.compile(r"[0-9a-f]{40}")
GIT_SECONDS = 300.0


@dataclass(frozen=True)
class File:
    """A file of the kit."""

    content: bytes
    executable: bool


@dataclass(frozen=True)
class Kit:
    """One version of the kit."""

    source: str  # folder or URL of its repository
    commit: str
    version: str

    @property
    def stamp(self) -> str:
        """What a copy says of where it came from."""
        return (
            "# Where the copy of Slipway in this repository came from; `slipway update` merges from there.\n"
            f'source = "{self.source}"\ncommit = "{self.commit}"\nversion = "{self.version}"\n'
        )


def stamped(top: Path) -> Kit:
    """The version that a repository's copy was made from.

    Raises:
        UsageError: there is no copy, or its stamp was changed.
    """
    path = top / STAMP
    if not path.is_file():
        raise UsageError(
            f"{top} holds no copy of Slipway (no {STAMP}). References to it by commit are raised by Dependabot; "
            "a copy is made by `slipway init --mode copy`."
        )
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
        kit = Kit(str(said["source"]), str(said["commit"]), str(said["version"]))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
        raise UsageError(f"{STAMP}: cannot be read: {error}. It needs source, commit and version.") from error
    if not _COMMIT.fullmatch(kit.commit):
        raise UsageError(f"{STAMP}: commit is {kit.commit!r}, not 40 hex digits. Write the one that was copied.")
    return kit


async def installed(wanted: str = "") -> Kit:
    """The kit that this command belongs to.

    Args:
        wanted: OWNER/slipway, OWNER/slipway@COMMIT or empty: as a caller names it.

    Raises:
        UsageError: it cannot be told, or `wanted` is of another form.
    """
    name, _, commit = wanted.partition("@")
    if wanted and not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise UsageError(f"--uses {wanted!r} is not OWNER/slipway or OWNER/slipway@<40 hex digits>.")
    source, own = await _origin()
    if commit and not _COMMIT.fullmatch(commit):
        raise UsageError(
            f"--uses: {commit!r} is not a whole commit of 40 hex digits: a tag can be moved to other code."
        )
    if not (commit or own):
        raise UsageError(
            "which commit of the kit is this? It was not installed from Git: --uses OWNER/slipway@<commit>"
        )
    return Kit(f"https://github.com/{name}" if name else source, commit or own, __version__)


def owner(kit: Kit) -> str:
    """OWNER/slipway: how a workflow names the kit.

    Raises:
        UsageError: it did not come from GitHub.
    """
    if not (found := _GITHUB.search(kit.source)):
        raise UsageError(
            f"where on GitHub is the kit? It came from {kit.source or 'nowhere'}. Name it: --uses OWNER/slipway"
        )
    return found[1]


def folder() -> str:
    """The checkout that this command runs from; empty where it was installed as a package."""
    root = installed_kit()
    return str(root) if root and (root / ".git").exists() else ""


async def _origin() -> tuple[str, str]:
    """URL and commit: of the checkout, else as pip and uv wrote them down (PEP 610)."""
    if root := folder():
        head = await _git(Path(root), "rev-parse", "HEAD")
        url = await process.run("git", "-C", root, "remote", "get-url", "origin", timeout=20)
        return url.out.strip() if url.ok else root, head
    try:
        said = json.loads(metadata.distribution("slipway").read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return "", ""
    return str(said.get("url", "")), str(said.get("vcs_info", {}).get("commit_id", ""))


async def repository(source: str, into: Path) -> Path:
    """A Git repository with all of the kit's history: the folder itself, or a clone of the URL.

    Raises:
        NotReady: it cannot be had.
    """
    if Path(source).is_dir():
        return Path(source)
    target = into / "kit.git"
    done = await process.run("git", "clone", "--quiet", "--bare", "--", source, target, timeout=GIT_SECONDS)
    if not done.ok:
        raise NotReady(f"{source} cannot be fetched: {done.last_line()}. Name a clone of it: --from FOLDER")
    return target


async def newest(repository: Path) -> str:
    """The newest release's tag, else the branch that the repository stands on."""
    tags = await _git(repository, "tag", "--list", "v*.*.*", "--sort=-version:refname")
    return next((tag for tag in tags.split() if re.fullmatch(r"v\d+\.\d+\.\d+", tag)), "HEAD")


async def resolve(repository: Path, ref: str) -> str:
    """The commit of a tag, branch or commit.

    Raises:
        UsageError: the repository has no such thing.
    """
    done = await process.run("git", "-C", repository, "rev-parse", "--verify", "--quiet", "--end-of-options",
                             f"{ref}^{{commit}}", timeout=60)  # fmt: skip
    if not done.ok:
        raise UsageError(f"{repository} has no {ref}. Name another place: --from, or another version: --to")
    return done.out.strip()


async def files(repository: Path, commit: str) -> Mapping[str, File]:
    """All files of one commit, by path; links are left out."""
    with tempfile.TemporaryDirectory(prefix="slipway-kit-") as scratch:
        tar = Path(scratch) / "kit.tar"
        await _git(repository, "archive", "--format=tar", f"--output={tar}", commit)
        with tarfile.open(tar) as archive:
            members = [member for member in archive if member.isfile()]
            return {
                member.name: File(reader.read(), bool(member.mode & 0o100))
                for member in members
                if (reader := archive.extractfile(member))
            }


def parts(found: Mapping[str, File]) -> dict[str, File]:
    """Those files that a copy holds."""
    return {name: file for name, file in found.items() if name.startswith(PARTS)}


def version(found: Mapping[str, File]) -> str:
    """The kit's version at a commit, from its package."""
    text = found["scripts/pyproject.toml"].content.decode() if "scripts/pyproject.toml" in found else ""
    try:
        return str(tomllib.loads(text)["project"]["version"])
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise UsageError("that commit holds no Slipway: scripts/pyproject.toml names no version.") from error


async def _git(repository: Path, *words: str) -> str:
    done = await process.run("git", "-C", repository, *words, timeout=GIT_SECONDS)
    if not done.ok:
        raise NotReady(f"git {words[0]} in {repository}: {done.last_line()}")
    return done.out.strip()
