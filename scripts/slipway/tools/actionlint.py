"""Runs actionlint where it is installed: never one that lies in the project, and never with the project's settings."""

import json
import os
from pathlib import Path
from typing import Any

from slipway.errors import SlipwayError
from slipway.tools import process

# No shellcheck or pyflakes: whatever lies on PATH would be run. An empty configuration stands in for the project's own,
# which could silence every finding.
OPTIONS = ("-no-color", "-shellcheck=", "-pyflakes=", "-config-file", os.devnull, "-format", "{{json .}}")


def find(top: Path) -> Path | None:
    """Return the program on PATH; one in the repository itself is passed over, by its place and behind its links."""
    top = top.resolve()
    for folder in map(Path, os.environ.get("PATH", "").split(os.pathsep)):
        program = folder / "actionlint"
        if not folder.is_absolute() or not os.access(program, os.X_OK) or not program.is_file():
            continue
        real = program.resolve()
        if not (real.is_relative_to(top) or program.parent.resolve().is_relative_to(top)):
            return real
    return None


async def lint(program: Path, files: list[Path], folder: Path) -> tuple[str, list[dict[str, Any]]]:
    """Return the version, and what it says of workflow files: message, filepath, line, column, kind.

    Raises:
        SlipwayError: it could not check them.
    """
    version, done = await process.together(
        process.run(program, "-version", cwd=folder, timeout=20),
        process.run(program, *OPTIONS, *files, cwd=folder, timeout=120),
    )
    try:
        found = json.loads(done.out)
    except ValueError:
        found = None
    if done.code not in (0, 1) or not isinstance(found, list):
        raise SlipwayError(f"{program} could not check the workflows: {done.last_line()[:200]}")
    return version.out.split("\n")[0].strip().removeprefix("v"), found
