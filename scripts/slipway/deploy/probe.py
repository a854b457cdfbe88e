"""Whether an app answers as what it should be: health and version, several times in a row."""

import asyncio
from dataclasses import dataclass
from secrets import token_hex

from slipway.tools import http

PAUSE, LONGEST_PAUSE = 0.2, 2.0  # seconds between two checks: the first ones, and after many wrong answers
PROBE_SECONDS = 3.0  # connecting may succeed long before anything answers


@dataclass(frozen=True)
class Checks:
    """What must hold before a version counts as live."""

    health: str  # path that must answer 200; empty: / below 500
    version: str  # path whose JSON names the commit; empty: the version stays unproven
    expected: str
    times: int
    timeout: float


async def problem(url: str, checks: Checks, patience: float) -> str:
    """Ask health and version until `times` answers in a row are right.

    Args:
        patience: seconds to go on asking after a wrong answer; 0 gives up at the first.

    Returns:
        what is wrong, or an empty string.
    """
    loop = asyncio.get_running_loop()
    deadline, right, pause = loop.time() + patience, 0, PAUSE
    while True:
        wrong = await _ask(url, checks)
        right = 0 if wrong else right + 1
        if right >= checks.times:
            return ""
        if wrong and loop.time() >= deadline:
            return wrong
        if wrong:
            await asyncio.sleep(pause)
            pause = min(pause * 1.1, max(PAUSE, LONGEST_PAUSE))


async def _ask(url: str, checks: Checks) -> str:
    """What one look finds wrong, or an empty string."""
    base, path = url.rstrip("/"), checks.health or "/"
    try:
        health = await _get(base + path)
        if (checks.health and health.status != 200) or health.status >= 500:
            body = health.body[:200].decode(errors="replace").strip()
            return f"{path} answers {health.status}: {body}"
        if not checks.version:
            return ""
        answer = await _get(base + checks.version)
        said = answer.json().get("commit") if answer.status == 200 else None
    except OSError as error:
        return f"{base} does not answer: {error}"
    except (ValueError, AttributeError, RecursionError):
        return f"{checks.version} does not answer JSON with a commit"
    return "" if said == checks.expected else f"{checks.version} says {said!r}, not {checks.expected!r}"


async def says(url: str, path: str) -> str:
    """Return the commit that an app says it runs; empty where it does not say."""
    try:
        answer = await _get(url.rstrip("/") + path)
        said = answer.json().get("commit") if answer.status == 200 else None
    except (OSError, ValueError, AttributeError, RecursionError):
        return ""
    return said if isinstance(said, str) else ""


async def _get(url: str) -> http.Answer:
    """The app itself, not what a cache on the way remembers of the version before."""
    fresh = f"{url}{'&' if '?' in url else '?'}slipway={token_hex(4)}"
    return await http.arequest("GET", fresh, headers={"Cache-Control": "no-cache"}, timeout=PROBE_SECONDS)
