"""A rollout, the same for every platform: deploy a digest, prove that it answers as itself, or go back."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from slipway.deploy.target import Attempt, Result, Target
from slipway.errors import SlipwayError
from slipway.tools import http

PAUSE = 0.2  # seconds between two checks
PROBE_SECONDS = 3.0  # connecting may succeed long before anything answers
T = TypeVar("T")


@dataclass(frozen=True)
class Checks:
    """What must hold before a version counts as live."""

    health: str  # path that must answer 200; empty: / below 500
    version: str  # path whose JSON names the commit; empty: the version stays unproven
    expected: str
    times: int
    timeout: float


@dataclass(frozen=True)
class Report:
    """What a rollout came to."""

    result: Result
    reason: str
    previous: str
    proven: bool = False
    diagnosis: str = ""


async def roll_out(target: Target, reference: str, checks: Checks, doing: Callable[[str], None]) -> Report:
    """Deploy `reference` and verify it; bring the previous digest back when it fails."""
    previous = await target.current()
    if previous == reference and not await problem(target.url, checks, patience=0):
        return Report(Result.UNCHANGED, "", previous, proven=bool(checks.version))
    await target.preflight()
    doing(f"deploying {reference.rpartition('@')[2][:19]}")
    try:
        attempt = await _attempt(target, reference, migrate=True)
        why = attempt.reason
        if attempt.ok:
            doing("verifying")
            why = await problem(target.url, checks, patience=checks.timeout)
            if not why:
                return Report(Result.LIVE, "", previous, proven=bool(checks.version))
    except asyncio.CancelledError:
        # Halfway, neither version is whole: what ran before comes back, or nothing stays.
        doing("interrupted: undoing")
        await _to_the_end(target.deploy(previous, migrate=False) if previous else target.stop())
        raise
    return await _to_the_end(_back(target, previous, reference, attempt, why, checks, doing))


async def _attempt(target: Target, reference: str, *, migrate: bool) -> Attempt:
    """A platform that fails oddly has failed: how far it got is not known, so the way back is taken."""
    try:
        return await target.deploy(reference, migrate=migrate)
    except (SlipwayError, OSError) as error:
        return Attempt(False, str(error) or type(error).__name__)


async def _to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await what must not stop halfway: interrupts are taken note of, and raised when it is done."""
    task, interrupted = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            interrupted = True
    if interrupted:
        raise asyncio.CancelledError
    return task.result()


async def _back(
    target: Target,
    previous: str,
    reference: str,
    attempt: Attempt,
    why: str,
    checks: Checks,
    doing: Callable[[str], None],
) -> Report:
    diagnosis = ""
    with contextlib.suppress(SlipwayError, OSError):  # without the last lines we still go back
        diagnosis = await target.diagnose()
    if not previous:
        await target.stop()
        return Report(Result.KEPT_OLD, f"{why}; nothing ran before, so it was stopped", "", diagnosis=diagnosis)
    if not attempt.traffic_moved:
        return Report(Result.KEPT_OLD, why, previous, diagnosis=diagnosis)
    if previous == reference:
        why = f"{why}; it is what ran before, so there is nothing to go back to"
        return Report(Result.NEEDS_HUMAN, why, previous, diagnosis=diagnosis)
    doing(f"rolling back to {previous.rpartition('@')[2][:19]}")
    again = await _attempt(target, previous, migrate=False)
    unproven = Checks(checks.health, "", "", checks.times, checks.timeout)
    ill = (
        await problem(target.url, unproven, patience=checks.timeout) if again.ok else again.reason or "no reason given"
    )
    if ill:
        why = f"{why}; and the previous version did not come back: {ill}"
        return Report(Result.NEEDS_HUMAN, why, previous, diagnosis=diagnosis)
    return Report(Result.ROLLED_BACK, why, previous, diagnosis=diagnosis)


async def problem(url: str, checks: Checks, patience: float) -> str:
    """Ask health and version until `times` answers in a row are right.

    Args:
        patience: seconds to go on asking after a wrong answer; 0 gives up at the first.

    Returns:
        what is wrong, or an empty string.
    """
    loop = asyncio.get_running_loop()
    deadline, right = loop.time() + patience, 0
    while True:
        wrong = await _ask(url, checks)
        right = 0 if wrong else right + 1
        if right >= checks.times:
            return ""
        if wrong and loop.time() >= deadline:
            return wrong
        if wrong:
            await asyncio.sleep(PAUSE)


async def _ask(url: str, checks: Checks) -> str:
    """What one look finds wrong, or an empty string."""
    base, path = url.rstrip("/"), checks.health or "/"
    try:
        health = await http.arequest("GET", base + path, timeout=PROBE_SECONDS)
        if (checks.health and health.status != 200) or health.status >= 500:
            body = health.body[:200].decode(errors="replace").strip()
            return f"{path} answers {health.status}: {body}"
        if not checks.version:
            return ""
        version = await http.arequest("GET", base + checks.version, timeout=PROBE_SECONDS)
        said = version.json().get("commit") if version.status == 200 else None
    except OSError as error:
        return f"{base} does not answer: {error}"
    except (ValueError, AttributeError, RecursionError):
        return f"{checks.version} does not answer JSON with a commit"
    return "" if said == checks.expected else f"{checks.version} says {said!r}, not {checks.expected!r}"
