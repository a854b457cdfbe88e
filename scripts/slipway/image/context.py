"""What a build can see: the files of a build context by content, as .dockerignore leaves them."""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import UsageError
from slipway.image import ignore, unfetched
from slipway.image.unfetched import Unfetched

# Never part of what the app is, even in a repository without a .dockerignore: our own run folder.
_OURS = {".slipway"}


@dataclass(frozen=True)
class Seen:
    """What the build of a project can see."""

    digest: str = ""  # SHA-256 over all of it; empty where there is no Dockerfile
    unfetched: tuple[Unfetched, ...] = ()  # what the checkout left out


def files_digest(root: Path, files: list[Path], found: Callable[[Path, bytes], None] = lambda *_: None) -> str:
    """SHA-256 over names, modes and contents of files, in order of their names.

    Args:
        found: called with each file that is one, and its content.
    """
    total = hashlib.sha256()
    for path in sorted(set(files)):
        name = os.fspath(path.relative_to(root) if path.is_relative_to(root) else path)
        if path.is_symlink():
            # What it points to counts too: a Dockerfile may be a link to a file that the context leaves out.
            content = os.fsencode(path.readlink()) + b"\0" + (path.read_bytes() if path.is_file() else b"")
        elif path.is_file():
            content = path.read_bytes()
            found(path, content)
        else:
            content = b"\0folder" if path.is_dir() else b"\0absent"
        mode = stat.S_IMODE(path.lstat().st_mode) if os.path.lexists(path) else 0
        total.update(os.fsencode(name) + f"\0{mode:o}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def look(root: Path, context: str, dockerfile: str) -> Seen:
    """What the build of a project can see: all files, as they are sent.

    Raises:
        UsageError: the context is not there.
    """
    path = root / dockerfile
    if not (root / context).is_dir():
        raise UsageError(f"the build context {context} is not a folder. Correct [build] context in slipway.toml.")
    if not path.is_file():
        return Seen()
    pointers: list[Unfetched] = []

    def note(file: Path, content: bytes) -> None:
        if unfetched.is_pointer(content):
            pointers.append(Unfetched(file, "pointer"))

    digest = files_digest(root, context_files(root / context, path), note)
    return Seen(digest, (*pointers, *unfetched.submodules(root / context, _rules(root / context, path))))


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
    """The files (and empty folders) that a build with this context and Dockerfile can read."""
    return [context / name for name in _walk(context, "", _rules(context, dockerfile), ())] + [dockerfile]


def _rules(context: Path, dockerfile: Path) -> ignore.Rules:
    """Return the rules of the .dockerignore that counts for this Dockerfile."""
    own = dockerfile.with_name(dockerfile.name + ".dockerignore")
    path = own if own.exists() else context / ".dockerignore"
    return ignore.parse(path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else "")


def _walk(context: Path, folder: str, rules: ignore.Rules, matched: tuple[bool, ...]) -> Iterator[str]:
    with os.scandir(context / folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            name = f"{folder}/{entry.name}" if folder else entry.name
            if name in _OURS:
                continue
            out, matches = rules.excluded(name, matched)
            if not entry.is_dir(follow_symlinks=False):
                if not out:
                    yield name
            elif not out or rules.exceptions:
                below = list(_walk(context, name, rules, matches))
                yield from below or ([] if out else [name])
