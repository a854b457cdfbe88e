"""Processes that outlive a run: found by a mark in their environment, and ended by process id."""

import contextlib
import os
import signal
import time
from pathlib import Path

MARK = "SLIPWAY_ACT_RUN"  # in the environment of everything that a run starts


def strays(folder: Path) -> list[str]:
    """Processes that still carry the mark of a run: a `setsid` child outlives even act's death by SIGKILL."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={folder}\0".encode() in (entry / "environ").read_bytes() + b"\0":
                found.append(f"{entry.name} {(entry / 'cmdline').read_bytes().replace(bytes(1), b' ').decode()[:200]}")
    return found


def end(survivors: list[str]) -> None:
    """Kills what `strays` found, by process id, and waits until each is gone."""
    deadline = time.monotonic() + 5
    for number in (int(stray.split()[0]) for stray in survivors):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
        while time.monotonic() < deadline and _lives(number):
            time.sleep(0.02)


def _lives(number: int) -> bool:
    """Whether a process runs; one that is dead and not yet waited for has no command line any more."""
    try:
        return bool(Path(f"/proc/{number}/cmdline").read_bytes())
    except OSError:
        return False
