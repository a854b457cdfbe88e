"""What was deployed where and when, by whom, and what came of it: .slipway/deployments, a line each."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

NAME = "deployments"


class Record(Struct, frozen=True):
    """One deploy."""

    time: str  # RFC 3339, UTC
    environment: str
    target: str
    reference: str  # by digest
    version: str
    result: str  # a Result's word
    previous: str
    url: str
    by: str
    provenance: str = ""
    reason: str = ""
    sent: bool = True  # False: something newer ran, and was left alone


def now() -> str:
    """The time of a record that is made now."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def append(state: Path, record: Record, instead: Record | None = None) -> None:
    """Add a record. Raises OSError.

    Args:
        instead: one of the same deploy that stands last and is taken out.
    """
    line = msgspec.json.encode(record) + b"\n"
    if instead is None:
        with (state / NAME).open("ab") as file:
            file.write(line)
        return
    earlier = (state / NAME).read_bytes().removesuffix(msgspec.json.encode(instead) + b"\n")
    fresh = state / f".{NAME}"
    fresh.write_bytes(earlier + line)
    fresh.replace(state / NAME)


def read(state: Path, environment: str = "") -> list[Record]:
    """The records of an environment, or all, oldest first; a line that is damaged is left out."""
    found = []
    try:
        lines = (state / NAME).read_bytes().splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            record = msgspec.convert(json.loads(line), Record)
        except (ValueError, msgspec.ValidationError):
            continue
        if environment in ("", record.environment):
            found.append(record)
    return found


def version(state: Path, reference: str) -> str:
    """What an image called itself when it was deployed from here; empty where it was not."""
    return next((one.version for one in reversed(read(state)) if one.reference == reference), "")


def running(state: Path, environment: str) -> str:
    """What runs in an environment, by what was deployed from here last; empty where that is not known."""
    return left_running(read(state, environment))


def left_running(records: list[Record]) -> str:
    """The reference that the last of an environment's records leaves running; empty where that is not known."""
    for record in reversed(records):
        if record.result in ("live", "unchanged"):
            return record.reference
        if record.result in ("kept-old", "rolled-back") and record.previous:
            return record.previous
        if record.sent:
            return ""
    return ""
