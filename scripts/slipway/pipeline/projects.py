"""Several projects, one run after another: each has the machine to itself, so that its time limits hold."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from slipway import config
from slipway.errors import ExitCode, SlipwayError, UsageError
from slipway.pipeline import run as runs
from slipway.pipeline.result import RunResult
from slipway.pipeline.scheduler import Emit
from slipway.tools import interrupts

# As within a run: what a person must know of first.
WORST = (ExitCode.INTERRUPTED, ExitCode.BROKEN, *runs.WORST, ExitCode.PASSED)


@dataclass(frozen=True)
class Project:
    """A folder to run."""

    name: str  # as it was given; empty for the only one
    root: Path
    settings: config.Settings


@dataclass(frozen=True)
class Ended:
    """What came of one project."""

    project: Project
    code: int
    result: RunResult | None = None  # None where nothing could be started
    reason: str = ""  # why that was


def chosen(folders: Iterable[Path]) -> list[Project]:
    """The projects in these folders, each once. All their settings are read before anything starts.

    Raises:
        UsageError: settings are wrong; it says of which project.
    """
    unique: dict[Path, str] = {}
    for folder in folders:
        unique.setdefault(folder.resolve(), str(folder))
    found = []
    for root, name in unique.items():
        try:
            found.append(Project(name if len(unique) > 1 else "", root, config.load(root)))
        except UsageError as error:
            raise (UsageError(f"{name}: {error}") if len(unique) > 1 else error) from None
    return found


def run(
    projects: list[Project], options: runs.Options, listener: Callable[[Project], AbstractContextManager[Emit]]
) -> list[Ended]:
    """Run them all, also after a red one; after an interruption nothing more is started.

    Raises:
        SlipwayError: the only project could not be started.
    """
    ended: list[Ended] = []
    for project in projects:
        if ended and ended[-1].code == ExitCode.INTERRUPTED:
            ended.append(Ended(project, ExitCode.INTERRUPTED, reason="not started"))
            continue
        try:
            with listener(project) as emit:
                result = interrupts.run(runs.run(project.root, project.settings, options, emit))
            ended.append(Ended(project, result.exit_code, result))
        except SlipwayError as error:
            if len(projects) == 1:
                raise
            ended.append(Ended(project, error.code, reason=str(error)))
    return ended


def worst(ended: Iterable[Ended]) -> Ended:
    """The one whose exit code is that of all together."""
    return min(ended, key=lambda one: WORST.index(ExitCode(one.code)))
