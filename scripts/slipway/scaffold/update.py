"""`slipway update`: brings a copied kit to a newer version by a three-way merge, and loses no line of the user's.

The base is the version that the copy was made from, by its stamp; git does the merging. What both sides changed in the
same place is marked in the file, as git marks it.
"""

import difflib
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.version import InvalidVersion, Version

from slipway.errors import SlipwayError, UsageError
from slipway.scaffold import kit
from slipway.scaffold.kit import File, Kit
from slipway.tools import process

Kind = Literal["added", "changed", "removed", "merged", "conflict", "kept"]
MARK = re.compile(rb"^<{7} yours$", re.M)
LABELS = ("yours", "the version that was copied", "the new version")


@dataclass(frozen=True)
class Change:
    """What becomes of one file."""

    path: str
    kind: Kind
    before: bytes
    after: bytes | None  # None: the file goes
    executable: bool = False
    says: str = ""

    @property
    def diff(self) -> str:
        """As `git diff` would show it; one line for what is no text."""
        if self.kind == "kept":
            return ""
        try:
            old, new = self.before.decode(), (self.after or b"").decode()
        except UnicodeDecodeError:
            return f"{self.path}: not text, {len(self.before)} bytes before and {len(self.after or b'')} after\n"
        lines = difflib.unified_diff(
            old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{self.path}", f"b/{self.path}"
        )
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


@dataclass(frozen=True)
class Update:
    """What an update would do."""

    top: Path
    old: Kit
    new: Kit
    changes: tuple[Change, ...]
    breaking: tuple[str, ...]  # what the changelog says between the two versions

    @property
    def conflicts(self) -> list[str]:
        """Files in which both sides changed the same place."""
        return [change.path for change in self.changes if change.kind == "conflict"]


async def plan(top: Path, source: str, ref: str) -> Update:
    """Compare the copy with the version it was made from and with a newer one.

    Args:
        source: folder or URL of the kit's repository; empty: the one of the stamp.
        ref: tag, branch or commit to go to; empty: the newest release.

    Raises:
        UsageError: there is no copy, or conflicts of an earlier update are still in it.
        NotReady: the kit's repository cannot be had, or does not hold the version that was copied.
    """
    old = kit.stamped(top)
    with tempfile.TemporaryDirectory(prefix="slipway-update-") as scratch:
        repository = await kit.repository(source or old.source, Path(scratch))
        commit = await kit.resolve(repository, ref or await kit.newest(repository))
        base = kit.parts(await kit.files(repository, await kit.resolve(repository, old.commit)))
        newer = await kit.files(repository, commit)
        theirs = kit.parts(newer)
        unresolved = [name for name in {**base, **theirs} if MARK.search(_bytes(top / name) or b"")]
        if unresolved:
            raise UsageError(f"{unresolved[0]}: conflicts of an earlier update are still marked. Resolve them first.")
        changes = [
            change
            for name in sorted({**base, **theirs})
            if (change := await _change(name, _bytes(top / name), base.get(name), theirs.get(name), Path(scratch)))
        ]
    new = Kit(source or old.source, commit, kit.version(newer))
    log = newer[kit.CHANGELOG].content.decode(errors="replace") if kit.CHANGELOG in newer else ""
    return Update(top, old, new, tuple(changes), tuple(breaking(log, old.version, new.version)))


def apply(update: Update) -> None:
    """Write what the plan says; the stamp last, so that an interrupted update is simply done again."""
    for change in update.changes:
        path = update.top / change.path
        if change.kind == "kept":
            continue
        if (_bytes(path) or b"") != change.before:
            raise SlipwayError(f"{change.path} was changed meanwhile, and is left so. Call `slipway update` again.")
        if change.after is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.slipway-update")
        fresh.write_bytes(change.after)
        fresh.chmod(0o755 if change.executable else 0o644)
        fresh.replace(path)
    (update.top / kit.STAMP).write_text(update.new.stamp, encoding="utf-8")


async def _change(
    name: str, ours: bytes | None, base: File | None, theirs: File | None, scratch: Path
) -> Change | None:
    """What becomes of one file, given three versions of it; None: nothing."""
    old, new = base.content if base else None, theirs.content if theirs else None
    if new == old or ours == new:
        return None
    if ours is None:
        if old is not None:
            return Change(name, "kept", b"", None, says="you removed it; the new version changes it")
        assert theirs
        return Change(name, "added", b"", new, theirs.executable)
    if theirs is None:
        if ours == old:
            return Change(name, "removed", ours, None)
        return Change(name, "kept", ours, ours, says="the new version has it no more, and you changed it: it stays")
    if ours == old:
        return Change(name, "changed", ours, new, theirs.executable)
    merged, clashes = await merge(ours, old or b"", theirs.content, scratch)
    if merged is None:
        return Change(name, "conflict", ours, ours, theirs.executable, "no text: yours stays; take theirs over by hand")
    return Change(name, "conflict" if clashes else "merged", ours, merged, theirs.executable)


async def merge(ours: bytes, base: bytes, theirs: bytes, scratch: Path) -> tuple[bytes | None, bool]:
    """Three versions of a file as one, and whether a place of it is in conflict; None where git cannot merge it."""
    paths = [scratch / name for name in ("ours", "base", "theirs")]
    for path, content in zip(paths, (ours, base, theirs), strict=True):
        path.write_bytes(content)
    words = [word for label in LABELS for word in ("-L", label)]
    done = await process.run("git", "merge-file", "--diff3", *words, *paths, timeout=60)
    if done.code < 0 or done.code >= 128:
        return None, True
    return paths[0].read_bytes(), done.code > 0


def breaking(changelog: str, old: str, new: str) -> Iterator[str]:
    """What a changelog lists under `Breaking` in the versions after `old`, up to `new`, newest first."""
    for heading, body in re.findall(r"(?ms)^## \[?v?([^\]\s]+)\]?.*?$\n(.*?)(?=^## |\Z)", changelog):
        try:
            within = Version(old) < Version(heading) <= Version(new)
        except InvalidVersion:
            continue  # `Unreleased`
        if within and (part := re.search(r"(?ms)^### Breaking.*?$\n(.*?)(?=^### |\Z)", body)):
            entries = re.split(r"(?m)^[-*] ", part[1])[1:]
            yield from (f"{heading}: {' '.join(entry.split())}" for entry in entries)


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def counts(changes: Mapping[str, int]) -> str:
    """Numbers of files as a sentence: `2 changed, 1 in conflict`."""
    words = {"conflict": "in conflict", "kept": "left alone"}
    return ", ".join(f"{number} {words.get(kind, kind)}" for kind, number in changes.items())
