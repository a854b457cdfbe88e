"""Which of two commits is the older one: the repository's history tells, otherwise the dates of the commits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from slipway.errors import NotReady
from slipway.tools import gh, process

REVISION = "org.opencontainers.image.revision"  # label: the commit of an image, and what /version must say
CREATED = "org.opencontainers.image.created"  # label: when that commit was made, RFC 3339
Relation = Literal["ancestor", "descendant", "diverged", "unknown"]


@dataclass(frozen=True)
class Commit:
    """The commit of an image, as far as the image tells it."""

    sha: str  # 40 or 64 hexadecimal digits; empty: not known
    date: str = ""  # RFC 3339; empty: not known

    @classmethod
    def of(cls, labels: Mapping[str, str] | None, version: str = "") -> "Commit":
        """Return the commit that labels name, or the version that an image called itself.

        A version is a commit, and a plus sign and a mark where files differed from it: `3f2c…+9d2e…`.
        """
        found = labels or {}
        named = (found.get(REVISION) or version).partition("+")[0]
        return cls(named if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", named) else "", found.get(CREATED, ""))


@dataclass(frozen=True)
class Repository:
    """Where the history is looked up: in the checkout first, then on GitHub."""

    checkout: Path | None = None
    github: str = ""  # owner/name; empty: GitHub is not asked
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # of `gh`, such as its token


async def older(new: Commit, old: Commit, repository: Repository) -> str:
    """Return why `new` is older than `old`; an empty string where it is not, or where nothing tells.

    An ancestor is older whatever the clocks of their authors said. Dates decide only where neither commit is an
    ancestor of the other, or where no history is at hand; they have whole seconds, and two equal ones decide nothing.
    """
    relation = await _relation(new.sha, old.sha, repository) if new.sha and old.sha else "unknown"
    if relation == "ancestor":
        return f"commit {new.sha[:7]} is an ancestor of {old.sha[:7]}"
    if relation == "descendant" or (new.sha and new.sha == old.sha):
        return ""
    dates = _time(new.date), _time(old.date)
    if dates[0] and dates[1] and dates[0] < dates[1]:
        return f"its commit is of {new.date}, the other of {old.date}"
    return ""


async def _relation(new: str, old: str, repository: Repository) -> Relation:
    relation: Relation = "unknown"
    if new != old and repository.checkout:
        relation = await _in_checkout(repository.checkout, new, old)
    if new != old and relation == "unknown" and repository.github:
        relation = await _on_github(repository, new, old)
    return relation


async def _in_checkout(root: Path, new: str, old: str) -> Relation:
    """Ask git. A checkout of one commit, as runners have it, knows little; a cut history can only confirm."""
    ancestor = ("git", "merge-base", "--is-ancestor")
    try:
        behind, ahead, shallow = await process.together(
            process.run(*ancestor, new, old, cwd=root, timeout=20),
            process.run(*ancestor, old, new, cwd=root, timeout=20),
            process.run("git", "rev-parse", "--is-shallow-repository", cwd=root, timeout=20),
        )
    except FileNotFoundError:
        return "unknown"
    if behind.ok:
        return "ancestor"
    if ahead.ok:
        return "descendant"
    whole = shallow.out.strip() == "false"
    return "diverged" if whole and (behind.code, ahead.code) == (1, 1) else "unknown"


async def _on_github(repository: Repository, new: str, old: str) -> Relation:
    """Ask GitHub how `new` stands to `old`: https://docs.github.com/en/rest/commits/commits#compare-two-commits."""
    # The second page, since the first one holds every changed file.
    path = f"repos/{repository.github}/compare/{old}...{new}?per_page=1&page=2"
    try:
        found = await gh.api("GET", path, needs="contents: read", environment=repository.environment)
    except NotReady:  # no gh, no token, no such commit there: dates are what is left
        return "unknown"
    answers: dict[str, Relation] = {"behind": "ancestor", "ahead": "descendant", "diverged": "diverged"}
    return answers.get(str(found.get("status")), "unknown") if isinstance(found, dict) else "unknown"


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
