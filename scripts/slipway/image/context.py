"""What a build can see: the files of a build context by content, as .dockerignore leaves them."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pathspec

from slipway.errors import UsageError

# Never part of what the app is, even in a repository without a .dockerignore: our own run folder.
_OURS = {".slipway"}


def files_digest(root: Path, files: list[Path]) -> str:
    """SHA-256 over names, modes and contents of files, in order of their names."""
    total = hashlib.sha256()
    for path in sorted(set(files)):
        name = os.fspath(path.relative_to(root) if path.is_relative_to(root) else path)
        if path.is_symlink():
            content = os.fsencode(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        else:
            content = b"\0absent"
        mode = "x" if path.exists() and os.access(path, os.X_OK) else "-"
        total.update(f"{name}\0{mode}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def digest(root: Path, context: str, dockerfile: str) -> str:
    """What the build of a project can see, as one SHA-256; empty where there is no Dockerfile.

    Raises:
        UsageError: the context is not there.
    """
    path = root / dockerfile
    if not (root / context).is_dir():
        raise UsageError(f"the build context {context} is not a folder. Correct [build] context in slipway.toml.")
    return files_digest(root, context_files(root / context, path)) if path.is_file() else ""


def variables(files: list[Path], environ: Mapping[str, str] = os.environ) -> dict[str, str | None]:
    """The environment variables that bake and compose files read, with their values: inputs like the files themselves.

    Bake declares them (`variable "NAME"`), compose interpolates them (`${NAME…}`, `$NAME`).
    """
    text = "\n".join(p.read_text(encoding="utf-8", errors="replace") for p in files if p.is_file())
    names = re.findall(r'\bvariable"?\s*:?\s*\{?\s*"(\w+)"|\$\{?([A-Za-z_]\w*)', text)
    return {name: environ.get(name) for name in sorted({a or b for a, b in names})}


def tree(folder: Path, skip: tuple[str, ...] = ("__pycache__", ".pytest_cache")) -> list[Path]:
    """All files below a folder (a file counts as itself), but for caches that running it leaves behind."""
    if folder.is_file():
        return [folder]
    return [p for p in folder.rglob("*") if not p.is_dir() and not any(part in skip for part in p.parts)]


def context_files(context: Path, dockerfile: Path) -> list[Path]:
    """The files that a build with this context and Dockerfile can read."""
    rules = _rules(context, dockerfile)
    return [context / name for name in _walk(context, "", rules)] + [dockerfile]


@dataclass(frozen=True)
class Rules:
    """A .dockerignore: the last pattern that matches decides."""

    spec: pathspec.PathSpec[pathspec.Pattern]
    exceptions: tuple[str, ...]

    def excluded(self, name: str) -> bool:
        """Whether a path, relative to the context, is left out."""
        return self.spec.match_file(name)

    def prune(self, folder: str) -> bool:
        """Whether nothing below this folder can be in the context; as Docker, an exception below it forbids pruning."""
        return self.excluded(folder) and not any(e.startswith(folder + "/") or "*" in e for e in self.exceptions)


def _rules(context: Path, dockerfile: Path) -> Rules:
    own = dockerfile.with_name(dockerfile.name + ".dockerignore")
    path = own if own.exists() else context / ".dockerignore"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    patterns: list[str] = []
    for line in (raw.strip() for raw in lines):
        if not line or line.startswith("#"):
            continue
        negated, body = line.startswith("!"), line.lstrip("!").strip().strip("/")
        # Docker's patterns are rooted at the context, git's float: a leading slash makes one of the other.
        patterns.append(("!" if negated else "") + "/" + body)
    exceptions = tuple(p[2:] for p in patterns if p.startswith("!"))
    return Rules(pathspec.PathSpec.from_lines("gitwildmatch", patterns), exceptions)


def _walk(context: Path, folder: str, rules: Rules) -> Iterator[str]:
    with os.scandir(context / folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            name = f"{folder}/{entry.name}" if folder else entry.name
            if name in _OURS:
                continue
            if entry.is_dir(follow_symlinks=False):
                if not rules.prune(name):
                    yield from _walk(context, name, rules)
            elif not rules.excluded(name):
                yield name
