"""The JSON Schemas of result.json and of `--json`, made from their types: `python -m slipway.report.schema`."""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from slipway.pipeline.result import Event, RunResult

FOLDER = Path(__file__).parents[3] / "docs" / "reference"
KINDS = {
    "result.schema.json": (RunResult, "A whole run: .slipway/runs/<id>/result.json."),
    "events.schema.json": (Event, "One line of `slipway run --json`."),
}


def schema(kind: type[Any], about: str) -> str:
    """The schema of a type, as its file holds it."""
    made = msgspec.json.schema(kind)
    top = made["$defs"][kind.__name__]
    # Written always, though it has a default here: who reads a result looks at it first.
    top["required"] = ["schema", *top.get("required", [])]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": kind.__name__, "description": about}
    return json.dumps(head | made, indent=2) + "\n"


def main(folder: Path = FOLDER) -> None:
    """Write both files."""
    for name, (kind, about) in KINDS.items():
        (folder / name).write_text(schema(kind, about), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
