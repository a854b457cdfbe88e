"""The files by which a step speaks to the runner: outputs and the summary."""

import os
import secrets
from pathlib import Path

SUMMARY_LIMIT = 1024 * 1024 - 4096  # bytes a step; GitHub shows nothing of a larger one


def outputs(values: dict[str, str]) -> None:
    """Set outputs of this step. A random delimiter: a value cannot end its own block and set another output."""
    _assign("GITHUB_OUTPUT", values)


def environment(values: dict[str, str]) -> None:
    """Set variables for the steps that follow."""
    _assign("GITHUB_ENV", values)


def _assign(variable: str, values: dict[str, str]) -> None:
    path = os.environ.get(variable)
    if not path:
        return
    with Path(path).open("a", encoding="utf-8") as file:
        for name, value in values.items():
            delimiter = f"end-{secrets.token_hex(16)}"
            file.write(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def summary(markdown: str) -> None:
    """Append to the job summary; what would not fit any more is cut, and said."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    file = Path(path)
    room = SUMMARY_LIMIT - (file.stat().st_size if file.exists() else 0)
    content = markdown.encode()
    if len(content) > room:
        content = content[: max(room, 0)].rpartition(b"\n")[0] + b"\n\nCut here: GitHub shows at most 1 MiB a step.\n"
    with file.open("ab") as target:
        target.write(content)
