"""Chooses how a run is shown: a live table, plain lines, or JSON."""

import contextlib
import io
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from slipway import github
from slipway.doctor import Check
from slipway.errors import UsageError
from slipway.github import commands, files
from slipway.pipeline.folder import NAME
from slipway.pipeline.plan import Step
from slipway.pipeline.projects import Ended, worst
from slipway.pipeline.result import SCHEMA, Event, Kind, encode
from slipway.report import evidence, excerpt, history, page, projects, summary
from slipway.report.console import Leave, Left, Lines, Terminal, closing, printable, table
from slipway.report.runner import Runner
from slipway.report.text import megabytes, plain


@contextlib.contextmanager
def listener(root: Path, as_json: bool, project: str = "") -> Iterator[Callable[[Event], None]]:
    """The receiver of a run's events. Whoever looks, the page is written when the run is over.

    Args:
        project: what it is called where it is one of several.
    """
    if as_json:
        yield _paged(root, _without_reader(_write_json), project)
        return
    if github.on_runner():
        yield _paged(root, _without_reader(Runner(root, alone=not project)), project)
        return
    show = _shown(lambda run: left(root, root / NAME / "runs" / run.id))
    try:
        yield _paged(root, _without_reader(show), project)
        if project:
            _console().print()
    finally:
        show.close()


def _shown(leave: Leave) -> Terminal | Lines:
    console = _console()
    plain = os.environ.get("CI") or os.environ.get("TERM") == "dumb" or not console.is_terminal
    lines = _Console(highlight=False, color_system=None, width=max(console.width, 100))
    return Lines(lines, leave) if plain else Terminal(console, leave)


def _paged(root: Path, show: Callable[[Event], None], project: str) -> Callable[[Event], None]:
    def emit(event: Event) -> None:
        event = msgspec.structs.replace(event, project=project)
        if event.kind is Kind.RUN_FINISHED and event.run:
            with contextlib.suppress(OSError, UsageError):  # without room for it the verdict is the same
                page.write(root / NAME / "runs" / event.run.id)
        show(event)

    return emit


def left(root: Path, folder: Path) -> Left:
    """What there is to point to in a run's folder, and to show of the logs of its red stages."""
    run = evidence.read(folder)
    said = {stage.name: excerpt.of(stage, folder) for stage in run.stages if stage.status in ("failed", "broken")}
    latest = root / NAME / "latest"
    named = latest if latest.is_symlink() and latest.resolve() == folder.resolve() else folder
    said = {name: [plain(line) for line in lines] for name, lines in said.items()}
    where = os.path.relpath(root)
    named_by = "" if where == "." else f"-C {shlex.quote(where)}"
    return Left(os.path.relpath(named), (folder / page.NAME).is_file(), said, named_by)


def _without_reader(show: Callable[[Event], None]) -> Callable[[Event], None]:
    """Where the reader of our output has gone, the run still comes to its end: its exit code must stay true."""

    def emit(event: Event) -> None:
        try:
            show(event)
        except BrokenPipeError:
            _silence()

    return emit


def _silence() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Console(Console):
    """A console that does not end the program when its reader has gone."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        _silence()


def _write_json(value: Any) -> None:
    sys.stdout.buffer.write(encode(value) + b"\n")
    sys.stdout.buffer.flush()


def show_plan(headline: str, steps: list[Step], as_json: bool, project: str = "") -> None:
    """A plan, a line a stage; of `project` where it is one of several."""
    if as_json:
        _write_json({"schema": SCHEMA} | ({"project": project} if project else {}) | {"plan": steps})
        return
    console = _console()
    console.print(Text(f"slipway plan{f' -C {project}' if project else ''} · {headline}\n"), soft_wrap=True)
    for step in steps:
        line = Text.assemble(f"  {step.stage:<12} ", (f"{step.action:<6} ", "cyan"), step.reason)
        console.print(line, soft_wrap=True)
    if project:
        console.print()


def show_ended(ended: list[Ended], as_json: bool) -> None:
    """How several projects ended. With JSON each line of the output is an event: what could not be started at all, of
    which there is none, is said as an error."""
    unstarted = [one for one in ended if one.reason]
    if as_json:
        sys.stderr.write("".join(f"slipway: {one.project.name}: {plain(one.reason)}\n" for one in unstarted))
        return
    if not github.on_runner():
        _console().print(projects.closing(ended), soft_wrap=True)
        return
    text = io.StringIO()
    Console(file=text, color_system=None, highlight=False).print(projects.closing(ended), soft_wrap=True)
    lines = commands.group(projects.headline(ended), text.getvalue().splitlines())
    lines += [commands.annotation("error", one.reason, title=one.project.name) for one in unstarted]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    files.outputs({"status": projects.status(worst(ended))})


MARKS = {"ok": ("✔", "green"), "warning": ("~", "yellow"), "missing": ("✘", "red")}


def show_checks(checks: list[Check], as_json: bool) -> None:
    """What the doctor found; the fix stands below what needs one."""
    if as_json:
        _write_json({"schema": SCHEMA, "checks": checks})
        return
    console = _console()
    for check in checks:
        console.print(Text.assemble("  ", MARKS[check.level], f" {check.name:<18} {check.says}"), soft_wrap=True)
        if check.fix:
            console.print(Text(f"    {'':<18} fix: {check.fix}"), soft_wrap=True)


def show_report(root: Path, name: str, as_json: bool, as_markdown: bool) -> None:
    """An earlier run again, from its folder alone: the page is written anew, the rest shown."""
    folder = evidence.find(root, name)
    run = evidence.read(folder)
    page.write(folder)
    if as_json:
        return _write_json(run)
    if as_markdown:
        sys.stdout.write(summary.markdown(run))
        return None
    console = _console()
    shown = printable(Event(kind=Kind.RUN_FINISHED, run=run)).run or run
    commit = shown.source.commit[:7] or "not a git repository"
    console.print(Text(f"slipway report · {shown.project} @ {commit} · {shown.id}: {shown.status}\n"), soft_wrap=True)
    console.print(table(shown.stages))
    console.print(closing(shown, left(root, folder)), soft_wrap=True)
    return None


def show_runs(root: Path, as_json: bool) -> None:
    """The runs that are kept, the last one first, and how each differs from the one before of the same stages."""
    kept = evidence.runs(root / NAME / "runs")
    changes = [history.change(run, kept[:number]) for number, run in enumerate(kept)]
    if as_json:
        listed = [
            {"id": r.id, "status": r.status, "started": r.started, "seconds": r.seconds, "commit": r.source.commit,
             "digest": r.image.digest, "size": history.facts(r, "build").get("size"), "change": c}
            for r, c in zip(kept, changes, strict=True)
        ]  # fmt: skip
        return _write_json({"schema": SCHEMA, "runs": listed})
    console = _console()
    for run, change in reversed(list(zip(kept, changes, strict=True))):
        mark, style = projects.MARKS[run.status]
        size = history.facts(run, "build").get("size")
        built = f"{megabytes(size):>9}" if isinstance(size, int) else " " * 9
        head = f" {run.id}  {run.source.commit[:7]:<7} {run.status:<9} {run.seconds:>7.1f} s {built}  "
        said = plain(change.words if change else "nothing to compare with")
        console.print(Text.assemble("  ", (mark, style), head, (said, "dim")), soft_wrap=True)
    if not kept:
        console.print("no runs are kept here; start one: slipway run")
    return None


def _console() -> Console:
    return _Console(highlight=False, no_color=True if os.environ.get("NO_COLOR") else None)
