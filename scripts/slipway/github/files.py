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


def path(folder: Path) -> None:
    """Put a folder before all others on the PATH of the steps that follow."""
    if target := os.environ.get("GITHUB_PATH"):
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(f"{folder}\n")


def _assign(variable: str, values: dict[str, str]) -> None:
    path = os.environ.get(variable)
    if not path:
        return
    with Path(path).open("a", encoding="utf-8") as file:
        for name, value in values.items():
            delimiter = f"end-{secrets.token_hex(16)}"
            file.write(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def place(root: Path, file: str) -> str:
    """A file of the project in `root` as GitHub names it: from the top of the repository, of which the project may be
    one folder. What is not there (a path in the image) stays as it is."""
    top = os.environ.get("GITHUB_WORKSPACE")
    if not top or not file or not (root / file).is_file():
        return file
    found = (root / file).resolve()
    return found.relative_to(Path(top).resolve()).as_posix() if found.is_relative_to(Path(top).resolve()) else file


def inside(root: Path) -> str:
    """Return the folder of the project in `root` within its repository; empty where it is the repository."""
    top = os.environ.get("GITHUB_WORKSPACE")
    if not top or not root.resolve().is_relative_to(Path(top).resolve()):
        return ""
    found = root.resolve().relative_to(Path(top).resolve()).as_posix()
    return "" if found == "." else found


def summary_room() -> int:
    """How many bytes the job summary of this step still takes."""
    file = Path(os.environ.get("GITHUB_STEP_SUMMARY") or os.devnull)
    return SUMMARY_LIMIT - (file.stat().st_size if file.exists() else 0)


def summary(markdown: str) -> None:
    """Append to the job summary; what would not fit any more is cut, and said."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    file, room = Path(path), summary_room()
    content = markdown.encode()
    if len(content) > room:
        content = content[: max(room, 0)].rpartition(b"\n")[0] + b"\n\nCut here: GitHub shows at most 1 MiB a step.\n"
    with file.open("ab") as target:
        target.write(content)
