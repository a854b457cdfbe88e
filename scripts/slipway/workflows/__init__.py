"""Reads workflow files, and says what GitHub would refuse in them, or silently do otherwise, before the push."""

from pathlib import Path

FOLDER = ".github/workflows"


def default_files(project: Path) -> list[Path]:
    """The workflows and actions of a project."""
    found = [*sorted((project / FOLDER).glob("*")), *sorted((project / ".github/actions").glob("*/action.*"))]
    return [path for path in found if path.suffix in (".yml", ".yaml")]
