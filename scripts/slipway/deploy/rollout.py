"""A rollout, the same for every platform: deploy a digest, prove that it answers as itself, or go back."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from slipway.deploy.probe import Checks, problem
from slipway.deploy.target import Attempt, Result, Target
from slipway.errors import SlipwayError, UsageError
from slipway.tools.interrupts import to_the_end

OLD_SECONDS = 10.0  # how long the version before may take to answer where nobody touched it
SENT_AGAIN = "it was sent again, and what it answers as is not known"


@dataclass(frozen=True)
class Report:
    """What a rollout came to."""

    result: Result
    reason: str
    previous: str
    proven: bool = False
    diagnosis: str = ""
    notes: tuple[str, ...] = ()
    sent: bool = True  # something was asked of the platform


@dataclass(frozen=True)
class Before:
    """What is known of the version that ran before."""

    version: str = ""  # what its version path must say; empty: not known
    newer: str = ""  # why it is newer than what is to be deployed
    refusal: str = ""  # why it must not be replaced
    forbidden: str = ""  # why it must not be brought back: a breaking migration, the user's word


class Interrupted(asyncio.CancelledError):
    """The end of a rollout that was interrupted, with what it came to."""

    def __init__(self, report: Report):
        super().__init__(report.reason)
        self.report = report


async def _unknown(_: str) -> Before:
    return Before()


async def roll_out(
    target: Target,
    reference: str,
    checks: Checks,
    doing: Callable[[str], None],
    look: Callable[[str], Awaitable[Before]] = _unknown,
    noted: Callable[[Report], object] = lambda _: None,
) -> Report:
    """Deploy `reference` and verify it; bring the previous digest back when it fails.

    Args:
        look: at the version before (empty: the target does not know it), while nothing has changed yet.
        noted: told at once when the rollout is interrupted; what it comes to follows, if there is time for it.

    Raises:
        Interrupted: it was interrupted, and what ran before runs again or needs a human.
        SlipwayError: it was refused before anything changed.
    """
    previous = await target.current()
    if previous == reference and not await problem(target.url, checks, patience=0):
        return Report(Result.UNCHANGED, "", previous, proven=bool(checks.version))
    doing("preflight")
    before = await look(previous)
    if before.newer:
        return Report(Result.SUPERSEDED, before.newer, previous, sent=False)
    if before.refusal:
        raise UsageError(before.refusal)
    notes = tuple(await target.preflight())
    old = replace(checks, version=checks.version if before.version else "", expected=before.version)
    rollout = _Rollout(target, reference, previous, checks, old, before.forbidden, doing, noted)
    return replace(await rollout.run(), notes=notes)


@dataclass(frozen=True)
class _Rollout:
    """One rollout, from here on without refusals."""

    target: Target
    reference: str
    previous: str
    checks: Checks
    old: Checks  # of the version before
    no_way_back: str
    doing: Callable[[str], None]
    noted: Callable[[Report], object]

    async def run(self) -> Report:
        """Deploy and verify, or go back."""
        target, checks = self.target, self.checks
        self.doing(f"deploying {self.reference.rpartition('@')[2][:19]}")
        try:
            attempt = await _attempt(target, self.reference, migrate=True)
            why = attempt.reason
            if attempt.ok:
                self.doing("verifying")
                why = await problem(target.url, checks, patience=checks.timeout + target.patience)
                if not why:
                    return self._report(Result.LIVE, "", proven=bool(checks.version))
        except asyncio.CancelledError:
            # Halfway, neither version is whole: what ran before comes back, or nothing stays.
            self._interrupted()
            report, _ = await to_the_end(self._undone())
            raise Interrupted(report) from None
        report, interrupted = await to_the_end(self._back(attempt, why), self._interrupted)
        if interrupted:
            raise Interrupted(report)
        return report

    def _interrupted(self) -> None:
        """Have it on record at once: whoever interrupts may kill soon after."""
        self.noted(self._report(Result.NEEDS_HUMAN, "interrupted, and ended before it was known what runs"))

    async def _undone(self) -> Report:
        """Bring back what ran before, and prove it."""
        target, previous, ill = self.target, self.previous, ""
        try:
            await target.abandon(previous)
            if (runs := await target.current()) != previous:
                ill = f"{runs or 'nothing'} runs"
            elif previous and target.patience and not self.old.version:
                ill = SENT_AGAIN
            elif previous:
                ill = await problem(target.url, self.old, patience=self.checks.timeout + target.patience)
        except (SlipwayError, OSError) as error:
            ill = str(error) or type(error).__name__
        if ill:
            return self._report(Result.NEEDS_HUMAN, f"interrupted, and the version before did not come back: {ill}")
        end = "the version before runs" if previous else "nothing ran before, and nothing runs"
        return self._report(Result.KEPT_OLD, f"interrupted; {end}")

    def _report(self, result: Result, reason: str, diagnosis: str = "", proven: bool = False) -> Report:
        return Report(result, reason, self.previous, proven, diagnosis)

    async def _back(self, attempt: Attempt, why: str) -> Report:
        target, previous = self.target, self.previous
        diagnosis, newer = "", ""
        with contextlib.suppress(SlipwayError, OSError):  # without the last lines we still go back
            diagnosis = await target.diagnose()
        with contextlib.suppress(SlipwayError, OSError):
            newer = await target.superseded()
        if newer or attempt.result is Result.SUPERSEDED:
            return self._report(Result.SUPERSEDED, "; ".join(part for part in (why, newer) if part), diagnosis)
        if attempt.result is Result.NEEDS_HUMAN:
            return self._report(Result.NEEDS_HUMAN, why, diagnosis)
        if not previous:
            stopped = await target.stop()
            end = "nothing ran before, so it was stopped" if stopped else "there is no version before to bring back"
            return self._report(Result.KEPT_OLD if stopped else Result.NEEDS_HUMAN, f"{why}; {end}", diagnosis)
        if not attempt.traffic_moved and not await problem(target.url, self.old, patience=OLD_SECONDS):
            return self._report(attempt.result or Result.KEPT_OLD, why, diagnosis)
        if previous == self.reference:
            end = "it is what ran before, so there is nothing to go back to"
            return self._report(Result.NEEDS_HUMAN, f"{why}; {end}", diagnosis)
        if self.no_way_back:
            return self._report(Result.NEEDS_HUMAN, f"{why}; not rolled back: {self.no_way_back}", diagnosis)
        self.doing(f"rolling back to {previous.rpartition('@')[2][:19]}")
        again = await _attempt(target, previous, migrate=False)
        ill = again.reason or "no reason given"
        if again.ok and target.patience and not self.old.version:  # nobody says when it runs, and nothing can tell
            ill = SENT_AGAIN
        elif again.ok:
            ill = await problem(target.url, self.old, patience=self.checks.timeout + target.patience)
        if ill:
            why = f"{why}; and the previous version did not come back: {ill}"
            return self._report(Result.NEEDS_HUMAN, why, diagnosis)
        return self._report(Result.ROLLED_BACK, why, diagnosis)


async def _attempt(target: Target, reference: str, *, migrate: bool) -> Attempt:
    """A platform that fails oddly has failed: how far it got is not known, so the way back is taken."""
    try:
        return await target.deploy(reference, migrate=migrate)
    except (SlipwayError, OSError) as error:
        return Attempt(False, str(error) or type(error).__name__)
