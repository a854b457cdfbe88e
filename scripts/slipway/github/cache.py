"""What a runner keeps from one run to the next, under which key, and whether this run may read or write it: the layers
of the build, and what the default branch's last scan found."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from slipway.errors import UsageError
from slipway.github import Event
from slipway.image.context import files_digest

Policy = Literal["auto", "read-only", "off"]
# What the dependency layers are made from; source files change too often to be part of the key.
FILES = ("uv.lock", "poetry.lock", "pdm.lock", "requirements*.txt", "pyproject.toml")


@dataclass(frozen=True)
class LayerCache:
    """What the steps around a build need to know."""

    key: str
    prefix: str  # of older keys that are better than nothing
    restore: bool
    save: bool


def decide(policy: str, event: Event, root: Path, build_files: list[Path], subject: str) -> LayerCache:
    """The layer cache of a run.

    `auto`: a pull request reads, a push to the default branch reads and writes, a tag does neither: what is released
    must not come from a place that a job of less trust could have written.

    Args:
        build_files: what else the layers depend on.
        subject: folder and platform: no project restores another's layers.

    Raises:
        UsageError: there is no such policy.
    """
    if policy not in ("auto", "read-only", "off"):
        raise UsageError(f"cache: {policy!r} is not one of: auto, read-only, off.")
    files = [*build_files, *(path for pattern in FILES for path in root.glob(pattern))]
    prefix = f"slipway-layers-{_short(subject)}-"
    tagged = event.ref.startswith("refs/tags/")
    own = event.name == "push" and event.ref == f"refs/heads/{event.default_branch}"
    restore = policy != "off" and not tagged
    return LayerCache(prefix + files_digest(root, files)[:32], prefix, restore, restore and own and policy == "auto")


def baseline(event: Event, subject: str, attempt: str) -> tuple[str, str]:
    """Key of the entry that this scan may write, and the prefix of those that it may read; empty where it reads none.

    Entries never change, so each has a key of its own. GitHub lets a pull request read those of its base's and of the
    default branch, and shows what it writes to nobody else.

    Args:
        subject: what tells the images of one repository apart.
    """
    if event.ref.startswith("refs/tags/"):
        return "", ""
    prefix = f"slipway-baseline-{_short(subject)}-"
    return prefix + attempt, prefix


def _short(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()[:16]
