"""What a checkout left out of a build context: files that are Git LFS pointers, and submodules that are empty folders.

A build takes both for what they look like, and ships a pointer, or nothing. Sources: the LFS specification
(git-lfs/docs/spec.md) for pointers; gitmodules(5).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from slipway.image import ignore

LARGEST = 1023  # bytes of a pointer
POINTER = re.compile(
    rb"version https://(?:git-lfs|hawser)\.github\.com/spec/v1\n"
    rb"(?:ext-\d-[a-z0-9.-]+ sha256:[0-9a-f]{64}\n)*"
    rb"oid sha256:[0-9a-f]{64}\n"
    rb"size \d+\n"
)


@dataclass(frozen=True)
class Unfetched:
    """A file or folder of the context that the checkout left as a placeholder."""

    path: Path
    kind: Literal["pointer", "submodule"]
    url: str = ""  # of a submodule, without a password
    nested: bool = False  # a submodule of a submodule


def is_pointer(content: bytes) -> bool:
    """Return whether a file's content is a pointer, by the letter of the specification."""
    return len(content) <= LARGEST and POINTER.fullmatch(content) is not None


def submodules(context: Path, rules: ignore.Rules) -> Iterator[Unfetched]:
    """Return the empty submodules below a build context, or around it, from which the build takes something."""
    for path, url, nested in _declared(_top(context.resolve()), nested=False):
        if path.is_dir() and not any(path.iterdir()) and _sent(context.resolve(), path, rules):
            yield Unfetched(path, "submodule", url, nested)


def _top(folder: Path) -> Path:
    """Return the nearest folder above that declares submodules or is a work tree's root; itself without one."""
    for place in (folder, *folder.parents):
        if (place / ".gitmodules").is_file() or (place / ".git").exists():
            return place
    return folder


def _declared(top: Path, *, nested: bool) -> Iterator[tuple[Path, str, bool]]:
    """Return the submodules of a work tree, and those of its submodules: path, URL, whether it is one of those."""
    try:
        text = (top / ".gitmodules").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    for section in re.split(r"(?m)^\s*\[", text):
        said = dict(re.findall(r'(?m)^\s*(path|url)\s*=\s*"?(.*?)"?\s*$', section))
        path = top / said.get("path", "")
        if path != top and path.resolve().is_relative_to(top) and not path.is_symlink():
            yield path, re.sub(r"//[^/@]*@", "//", said.get("url", "")), nested
            yield from _declared(path, nested=True)


def _sent(context: Path, path: Path, rules: ignore.Rules) -> bool:
    """Return whether a build with this context and these rules takes a folder, or something below it."""
    if context == path or context.is_relative_to(path):
        return True  # the context is in the submodule
    if not path.is_relative_to(context):
        return False
    parts = path.relative_to(context).parts
    out = False
    matched: tuple[bool, ...] = ()
    for number in range(len(parts)):
        out, matched = rules.excluded("/".join(parts[: number + 1]), matched)
    return not out or rules.reaches("/".join(parts))
