"""Which branch a scan is compared with, where what that branch has is kept, and who may write it."""

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from slipway import github
from slipway.policy import baseline
from slipway.policy.baseline import Baseline
from slipway.policy.exceptions import Accepted
from slipway.policy.finding import Finding
from slipway.stages.base import Context
from slipway.tools import git

FILE = "baseline.json"


@dataclass(frozen=True)
class Base:
    """What a scan is compared with."""

    branch: str
    file: Path | None
    own: bool  # this run is of that branch: what it finds is the next baseline
    kept: Baseline | None
    why: str = ""  # there is none

    def judged(self, found: list[Finding], accepted: list[Accepted]) -> list[Finding]:
        """Without a baseline every finding counts."""
        return baseline.apply(found, self.kept, accepted) if self.kept else found

    def said(self, found: list[Finding]) -> str:
        """What people must know of it, in a few words."""
        if not self.kept:
            later = "; what stops now will not from the next run on" if self.own else ""
            return f"every finding counts: {self.why}{later}"
        known = [f for f in found if f.known]
        if not known:
            return ""
        return f"{len(known)} in {self.branch} already, the worst: {known[0].severity} {known[0].rule}"


async def find(context: Context, platform: str) -> Base:
    """The baseline for an image of this platform."""
    branch, own = await _branch(context)
    file = place(context)
    if not file:
        return Base(branch, None, own, None, "no baseline was handed over (docs/how-to/new-findings.md)")
    try:
        content = file.read_bytes()
        return Base(branch, file, own, baseline.read(content, str(context.repository), platform, branch))
    except FileNotFoundError:
        return Base(branch, file, own, None, f"there is no baseline of {branch} yet")
    except (OSError, ValueError) as error:
        return Base(branch, file, own, None, f"the baseline is not believed: {error}")


def keep(base: Base, context: Context, platform: str, report: dict[str, Any], found: list[Finding]) -> bool:
    """Let a scan of the branch itself be its baseline from now on; returns whether there is a new one.

    What is new and stops never gets in: it would be known at the next run, and nobody would have fixed anything.
    """
    if not base.own or not base.file or (base.kept and any(f.stops for f in found)):
        return False
    made = Baseline(
        schema=1, image=str(context.repository), platform=platform, branch=base.branch, commit=context.source.commit,
        scanned=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        findings=baseline.named(f for f in found if f.stops or f.known),
        accepted=baseline.named(f for f in found if f.accepted), packages=baseline.seen(report),
    )  # fmt: skip
    if base.kept and base.kept.same(made):
        return False
    with contextlib.suppress(OSError):  # a full disk costs the comparison, not the run
        base.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = base.file.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(made))
        fresh.replace(base.file)
        return True
    return False


def place(context: Context) -> Path | None:
    """Where it lies. On a runner only where a workflow says: a change could bring the file in the repository along."""
    if name := context.settings.scan.baseline:
        return context.root / name
    return None if github.on_runner() else context.state / FILE


async def _branch(context: Context) -> tuple[str, bool]:
    if github.on_runner():
        event = github.event()
        return event.default_branch or "the default branch", event.of_default_branch
    default = await git.default_branch(context.root)
    return default or "the last run", context.source.branch == default
