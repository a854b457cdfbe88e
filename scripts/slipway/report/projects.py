"""What stands below the runs of several projects: a line for each, and where to look at those that are red."""

import os

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from slipway.errors import ExitCode
from slipway.pipeline.folder import NAME
from slipway.pipeline.projects import Ended
from slipway.report import console, page
from slipway.report.text import count, plain

MARKS = console.MARKS | {"not-ready": console.MARKS["failed"]}
WIDEST = 40  # columns that the longest name gets; one that is longer pushes its own line out


def status(one: Ended) -> str:
    """A word for how a project ended; one that could not be started has no status of its own."""
    if one.result:
        return one.result.status
    return "cancelled" if one.code == ExitCode.INTERRUPTED else "not-ready"


def headline(ended: list[Ended]) -> str:
    """How many of them ended how."""
    found = [status(one) for one in ended]
    said = ", ".join(f"{found.count(word)} {word}" for word in dict.fromkeys(found))
    return f"{count(len(ended), 'project')}: {said}"


def closing(ended: list[Ended]) -> RenderableType:
    """A line for each project, in their order; below what is not well, why, and where all of it is."""
    width = max(cell_len(one.project.name) for one in ended)
    return Group(Text(headline(ended), "bold"), Text(), *(line for one in ended for line in _lines(one, width)))


def _lines(one: Ended, width: int) -> list[RenderableType]:
    mark, style = MARKS[status(one)]
    run, name = one.result, plain(one.project.name)
    took = Text(f"{run.seconds:.1f} s" if run else "", "dim")
    took.align("right", 10)
    url = plain(run.url) if run and run.status in ("passed", "degraded") else ""
    gap = " " * (min(width, WIDEST) - cell_len(name))
    head = Text.assemble("  ", (mark, style), f" {name}{gap}", took, f"  {url}")
    head.rstrip()
    lines: list[RenderableType] = [head]
    if reason := one.reason or (run.reason if run else ""):
        word = ("DEGRADED ", "yellow bold") if run and run.status == "degraded" else ""
        lines.append(Text.assemble("    ", word, plain(reason)))
    if run and not url and run.status != "passed":
        lines.append(Text(f"    report: {os.path.relpath(one.project.root / NAME / 'latest' / page.NAME)}", "dim"))
    return lines
