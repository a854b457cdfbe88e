"""Results of green stages by the content that they depend on."""

import contextlib
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from slipway.policy.finding import Finding
from slipway.stages.base import Context, Outcome, Stage, Status

GREEN: tuple[Status, ...] = ("passed", "degraded")


class Entry(msgspec.Struct, frozen=True):
    """A green outcome, and what it depended on."""

    key: str
    run: str
    status: Status
    summary: str
    findings: tuple[Finding, ...]
    facts: dict[str, Any]


class Store:
    """One entry a stage, in .slipway/reuse; an unreadable one counts as absent."""

    def __init__(self, folder: Path):
        self._folder = folder

    async def find(self, stage: Stage, context: Context) -> tuple[str | None, Outcome | None]:
        """The stage's key, and the earlier outcome where key and substance still hold."""
        key = await stage.key(context)
        if key is None:
            return None, None
        hashed = hashlib.sha256(key.encode()).hexdigest()
        try:
            entry = msgspec.json.decode(self._path(stage).read_bytes(), type=Entry)
        except (OSError, msgspec.DecodeError):
            return hashed, None
        if entry.key != hashed or entry.status not in GREEN:
            return hashed, None
        earlier = Outcome(entry.status, entry.summary, entry.findings, facts={**entry.facts, "run": entry.run})
        if stage.holds and not await stage.holds(context, earlier):
            return hashed, None
        # A degraded result stays degraded, however often it is reused.
        status: Status = "reused" if entry.status == "passed" else entry.status
        return hashed, replace(earlier, status=status)

    def keep(self, stage: Stage, key: str | None, run: str, outcome: Outcome) -> None:
        """Remember a green outcome; forget the earlier one otherwise."""
        with contextlib.suppress(OSError):  # a full disk costs the reuse, not the run
            if key is None or outcome.status not in GREEN:
                self._path(stage).unlink(missing_ok=True)
                return
            entry = Entry(key, run, outcome.status, outcome.summary, outcome.findings, dict(outcome.facts))
            fresh = self._path(stage).with_suffix(f".{os.getpid()}")
            fresh.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(json.dumps(msgspec.to_builtins(entry)).encode())
            fresh.replace(self._path(stage))

    def _path(self, stage: Stage) -> Path:
        return self._folder / f"{stage.name}.json"
