"""Where things lie, and what is read from there."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[4]
HERE = Path(__file__).parents[1]
PINS = HERE / "pins"
SELF = "acme/slipway"  # the name under which this repository is executed
COMMIT = "5" * 40  # the commit at which its own `$/` references resolve


def workflow_files(root: Path = REPOSITORY) -> list[Path]:
    """The shipped workflows."""
    folder = root / ".github" / "workflows"
    return sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")])


def action_files(root: Path = REPOSITORY) -> list[Path]:
    """The shipped composite actions."""
    return sorted((root / ".github" / "actions").glob("*/action.y*ml"))


def shipped(root: Path = REPOSITORY) -> list[Path]:
    """All files that GitHub reads as workflows or actions."""
    return workflow_files(root) + action_files(root)
