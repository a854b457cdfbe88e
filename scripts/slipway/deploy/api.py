"""A platform's HTTP API: what may be asked again is, within bounds; what may not is looked up by the caller.

A read that meets a reset connection, 429 or a 5xx is repeated: after `Retry-After` where the answer says it, else after
growing pauses with jitter. A write is repeated after 429 alone, which says that nothing was done; whether any other
lost answer was a yes nobody knows, and `Unsure` says so.
"""

import asyncio
import contextlib
import itertools
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from slipway import __version__
from slipway.deploy.polling import pauses
from slipway.errors import NotReady
from slipway.tools import http
from slipway.tools.http import Answer

CALL_SECONDS = 30.0
PATIENCE = 120.0  # seconds of repeating one call
FIRST, LONGEST = 1.0, 30.0  # seconds between repetitions
# Python's own name is refused by the shield in front of Railway (error 1010).
AGENT = f"slipway/{__version__}"


class Unsure(NotReady):
    """A write of which nobody knows whether it was done."""


class Refused(NotReady):
    """The platform does not accept the credential."""


@dataclass(frozen=True)
class Api:
    """One platform, with the credential that it is asked with."""

    name: str  # for people
    base: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    async def call(self, method: str, path: str, body: Any = None, *, again: bool) -> Answer:
        """Send one request; answers below 500 come back as they are, but for 429.

        Args:
            body: sent as JSON.
            again: whether it may be sent twice.

        Raises:
            NotReady: it cannot be reached, or not within its patience.
            Unsure: not `again`, and the answer was lost.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        content = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json", "User-Agent": AGENT, **self.headers}
        headers |= {"Content-Type": "application/json"} if content else {}
        for number, pause in zip(itertools.count(1), pauses(FIRST, LONGEST, 2), strict=False):
            asked = 0.0
            try:
                answer = await http.arequest(
                    method, self.base + path, headers=headers, body=content, timeout=CALL_SECONDS
                )
            except OSError as error:
                why, safe = self._unreachable(error), isinstance(error, ConnectionRefusedError | ssl.SSLError)
            else:
                if answer.status != 429 and answer.status < 500:
                    return answer
                why, safe = f"{self.name} answers {answer.status}{_tracing(answer)}", answer.status == 429
                asked = _asked(answer)
            if not again and not safe:
                raise Unsure(why)
            wait = max(asked, pause)
            if loop.time() + wait > deadline:
                times = f" ({number} times)" if number > 1 else ""
                raise NotReady(f"{why}{times}. Run again when it does.")
            await asyncio.sleep(wait)
        raise AssertionError("pauses do not end")

    def _unreachable(self, error: OSError) -> str:
        host = urlsplit(self.base).netloc
        reason = "" if isinstance(error, TimeoutError) else f": {error.strerror or error}"
        return f"{self.name} cannot be reached at {host}{reason or ': no answer in time'}"


def said(answer: Answer) -> str:
    """What a refusal says of itself, for people: one line, never the whole of a page."""
    try:
        content = answer.json()
        text = str(content.get("message") or content.get("code") or "") if isinstance(content, dict) else ""
    except ValueError:
        text = ""
    return " ".join(text.split())[:300] or f"status {answer.status}, without a reason"


def content(answer: Answer, name: str) -> Any:
    """The JSON of an answer. Raises NotReady where it is none, as of a proxy in between."""
    try:
        return answer.json()
    except ValueError as error:
        start = answer.body[:60].decode(errors="replace")
        raise NotReady(f"{name} does not answer JSON (status {answer.status}): {start!r}.") from error


@contextlib.contextmanager
def understood(name: str) -> Iterator[None]:
    """Turns an answer of another shape than was agreed into an error. Raises NotReady."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NotReady(
            f"{name} does not answer as its contract says ({error!r}). Run again; else report it."
        ) from error


def _tracing(answer: Answer) -> str:
    request = answer.headers.get("render-request-id", "")
    return f" (request {request})" if request else ""


def _asked(answer: Answer) -> float:
    """Seconds that a platform asks to wait; 0 where it names none (a date counts as none)."""
    for name in ("retry-after", "ratelimit-reset"):
        value = answer.headers.get(name, "")
        if value.isdecimal():
            return float(value)
    return 0.0
