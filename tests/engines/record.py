"""What was run on which engine, and when; `docs/reference/engines.md` is made of it.

uv run --project scripts --locked python tests/engines/record.py     writes the page anew from the record
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("recorded.json")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "engines.md"
HEAD = """# Engines

What Slipway's tests asked of each engine, and what they ran there. Made by `make test-engines`; do not edit.

Slipway asks an engine what it can do, it does not read it off a version: an engine that was built from source may call
itself anything. An engine needs the containerd image store, which Docker 28 and earlier bring switched off.
"""
RAN = """
## What was run

| engine | when | what | result |
|---|---|---|---|
"""
NOTE = """
`make test` runs all tests on the engine of the machine. `make test-engines ENGINE=28` (or `29`, or `all`) starts the
other engines in containers whose root is Debian forky, and runs `make run` and every test marked `engine` there.
Docker 29 is moby v2.0.0-beta.24, buildx v0.38.2 and compose v5.5.1, built from source: no release of Docker 29 was run.
"""


def load() -> dict[str, Any]:
    return dict(json.loads(RECORD.read_text()))


def save(record: dict[str, Any]) -> None:
    RECORD.write_text(json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    PAGE.write_text(page(record))


def page(record: dict[str, Any]) -> str:
    """The record as a page for people."""
    names = sorted(record)
    features = sorted({feature for one in record.values() for feature in one["features"]})
    rows = [["", *(record[name]["engine"] for name in names)], ["---"] * (len(names) + 1)]
    rows += [[feature, *(record[name]["features"].get(feature, "") for name in names)] for feature in features]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    ran = "".join(
        f"| {record[name]['engine']} | {run['when']} | {what} | {run['result']} |\n"
        for name in names
        for what, run in sorted(record[name]["ran"].items())
    )
    return f"{HEAD}\n## What each can do\n\n{table}\n{RAN}{ran}{NOTE}"


if __name__ == "__main__":
    save(load())
