"""The stages, what each needs, and which of them a command line asks for."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from slipway.errors import UsageError
from slipway.stages import build, deploy, integration, lint, publish, scan, test
from slipway.stages.base import Stage

STAGES: tuple[Stage, ...] = (
    lint.STAGE, build.STAGE, test.STAGE, scan.STAGE, integration.STAGE, publish.STAGE, deploy.STAGE,
)  # fmt: skip
NAMES = tuple(stage.name for stage in STAGES)


@dataclass(frozen=True)
class Selection:
    """What a run is asked to do."""

    stages: tuple[Stage, ...]  # in order
    skipped: frozenset[str] = frozenset()  # by request
    afresh: frozenset[str] = frozenset()  # not to be reused


def select(
    named: Iterable[str] = (),
    until: str | None = None,
    skip: Iterable[str] = (),
    start: str | None = None,
    fresh: bool = False,
) -> Selection:
    """The stages named and all that they need; everything where none is named.

    Args:
        until: nothing after this stage.
        skip: stages to leave out although others need them.
        start: this stage and those after it run again even if nothing changed.
        fresh: all of them do.

    Raises:
        UsageError: there is no such stage.
    """
    named, skip = tuple(named), tuple(skip)
    for name in (*named, *skip, *(n for n in (until, start) if n)):
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, 1)
            hint = f'Did you mean "{near[0]}"?' if near else ""
            raise UsageError(f"unknown stage {name!r}. {hint} Stages: {', '.join(NAMES)}.".replace("  ", " "))
    wanted = set(named) or set(NAMES)
    if until:
        wanted &= set(NAMES[: NAMES.index(until) + 1]) if not named else wanted
        wanted |= {until}
    while more := {need for stage in STAGES if stage.name in wanted for need in stage.needs} - wanted:
        wanted |= more
    afresh = set(NAMES) if fresh else set(NAMES[NAMES.index(start) :]) if start else set()
    return Selection(tuple(s for s in STAGES if s.name in wanted), frozenset(skip), frozenset(afresh))
