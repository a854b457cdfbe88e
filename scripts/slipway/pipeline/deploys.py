"""What was deployed where, in .slipway/deploys.ndjson: it outlives the folders of the runs that did it."""

import contextlib
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from slipway.pipeline.result import RunResult

NAME = "deploys.ndjson"
KEPT = 200  # the last ones


class Deploy(Struct, frozen=True):
    """A deploy that came to an end."""

    run: str
    at: str  # RFC 3339, UTC
    environment: str
    result: str  # live, rolled-back …
    status: str  # of the stage
    digest: str  # what was to run
    now: str  # what runs since; empty: nothing, or nobody knows
    url: str


def of(run: RunResult) -> list[Deploy]:
    """The deploys of a run; one that never got as far as an environment is none."""
    done = []
    for stage in run.stages:
        if stage.name == "deploy" and stage.facts.get("result"):
            known = {name: str(value) for name, value in stage.facts.items()}
            result, digest = known["result"], run.image.digest
            back = "" if result == "needs-human" else known.get("previous", "").rpartition("@")[2]
            now = digest if result.startswith("live") else back
            place = known.get("environment", ""), result, stage.status, digest, now, known.get("url", "")
            done.append(Deploy(run.id, run.started, *place))
    return done


def record(state: Path, run: RunResult) -> None:
    """Add a run's deploys; without room for them the run is what it was."""
    if done := of(run):
        lines = [msgspec.json.encode(deploy) for deploy in [*read(state), *done][-KEPT:]]
        with contextlib.suppress(OSError):
            fresh = state / f".{NAME}.{os.getpid()}"
            fresh.write_bytes(b"\n".join(lines) + b"\n")
            fresh.replace(state / NAME)


def read(state: Path) -> list[Deploy]:
    """All that are known, oldest first; a line that cannot be read counts as absent."""
    try:
        lines = (state / NAME).read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(msgspec.DecodeError):
            found.append(msgspec.json.decode(line, type=Deploy))
    return found
