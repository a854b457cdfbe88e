"""What the set-up tells its user: plain lines, and errors of three parts (what, where, what to do)."""

from __future__ import annotations

import sys
import time

_begun = time.monotonic()


def say(text: str) -> None:
    """One line of progress, with the seconds since the start: a first run takes minutes."""
    print(f"slipway: {time.monotonic() - _begun:5.1f} s  {text}", file=sys.stderr, flush=True)


class NotReady(Exception):
    """This machine lacks something. `fix` says what to do, in at most two lines."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(f"{what}\n{fix}".rstrip())
