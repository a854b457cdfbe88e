"""What a person sees: a live table on a terminal, prefixed lines elsewhere, and only what is needed at the end."""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from slipway.pipeline.result import Event, Kind, RunResult, StageResult
from slipway.policy.finding import severe
from slipway.report.text import plain

MARKS = {
    "passed": ("✔", "green"), "reused": ("✔", "green"), "failed": ("✘", "red"), "broken": ("✘", "red"),
    "degraded": ("~", "yellow"), "skipped": ("-", "dim"), "cancelled": ("-", "dim"),
}  # fmt: skip
WIDTHS = (3, 12, 8)  # columns of mark, name and seconds; the reason has the rest
SIDES: tuple[Literal["right", "left"], ...] = ("right", "left", "right")
SHOWN_FINDINGS = 8
REFRESH = 4  # times a second: what is drawn more often costs more than it tells
SILENCE = 30.0  # seconds after which plain lines say what a stage is doing
LONG = 2.0  # seconds after which it is said for how long something has been going on
STYLE = {"CRITICAL": "red", "HIGH": "red", "UNKNOWN": "red", "MEDIUM": "yellow", "LOW": "dim"}


def printable(event: Event) -> Event:
    """The event with every text in it made safe for a terminal."""
    return msgspec.convert(_printable(msgspec.to_builtins(event)), Event)


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Left:
    """What a run left that is pointed to, and shown, when it is over."""

    folder: str = ".slipway/latest"  # of the run, as the user would type it
    page: bool = False  # whether report.html is in it
    said: dict[str, list[str]] = field(default_factory=dict)  # red stage → the last lines that matter of its log
    project: str = ""  # the option by which a command names it: `-C services/shop`; empty where we stand in it


Leave = Callable[[RunResult], Left]


class Terminal:
    """The live table of a run."""

    def __init__(self, console: Console, leave: Leave = lambda _: Left()):
        self._console, self._leave = console, leave
        self._plan: tuple[str, ...] = ()
        self._running: dict[str, float] = {}
        self._doing: dict[str, tuple[str, float]] = {}  # what, since when
        self._done: dict[str, StageResult] = {}
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=REFRESH, transient=True)

    def __call__(self, event: Event) -> None:
        event = printable(event)
        if event.kind is Kind.RUN_STARTED:
            self._plan = event.plan
            self._console.print(Text.assemble((_title(event), "bold"), " · ", event.text), soft_wrap=True)
            self._console.print()
            self._live.start()
        elif event.kind is Kind.STAGE_STARTED:
            self._running[event.stage] = time.monotonic()
        elif event.kind is Kind.STAGE_PROGRESS:
            what, since = self._doing.get(event.stage, ("", 0.0))
            self._doing[event.stage] = (event.text, since if what == event.text else time.monotonic())
        elif event.kind is Kind.STAGE_FINISHED and event.result:
            self._done[event.stage] = event.result
        elif event.kind is Kind.RUN_FINISHED and event.run:
            left = self._leave(event.run)
            self._live.stop()
            self._console.print(table(event.run.stages))
            self._console.print(closing(event.run, left), soft_wrap=True)

    def close(self) -> None:
        """Leave the terminal as it was, whatever happened."""
        self._live.stop()

    def _render(self) -> RenderableType:
        rows = []
        for name in self._shown():
            if result := self._done.get(name):
                rows.append(_cells(result))
            elif name in self._running:
                seconds = f"{time.monotonic() - self._running[name]:.1f} s"
                rows.append((Text("▸", "cyan"), Text(name), Text(seconds, "dim"), self._now(name)))
            else:
                rows.append((Text(), Text(name, "dim"), Text(), self._now(name)))
        return Group(*map(_line, rows))

    def _shown(self) -> list[str]:
        """The stages that the window has room for: what is done goes first, and what has not begun. A line more than
        fit would scroll away and stay there."""
        room = max(self._console.size.height - 2, 1)
        ranked = sorted(self._plan, key=lambda name: (name in self._done, name not in self._running))
        return [name for name in self._plan if name in ranked[:room]]

    def _now(self, name: str) -> Text:
        """What a stage is doing, and for how long where that is long: in front, since the end may be cut off."""
        what, since = self._doing.get(name, ("", 0.0))
        seconds = time.monotonic() - since
        # Not where the stage itself has begun with it: its own time stands beside it.
        said = what and seconds >= LONG and since - self._running.get(name, 0.0) >= LONG
        return Text(f"{seconds:.0f} s {what}" if said else what, "dim")


def _title(event: Event) -> str:
    return f"slipway run -C {event.project}" if event.project else "slipway run"


Cells = tuple[Text, Text, Text, Text]  # mark, name, seconds, reason


def _cells(result: StageResult) -> Cells:
    mark, style = MARKS[result.status]
    seconds = "reused" if result.status == "reused" else f"{result.seconds:.1f} s"
    quiet = result.status in ("skipped", "cancelled")
    reason = Text(result.reason)
    if result.status == "degraded":
        reason = Text.assemble(("DEGRADED ", "yellow bold"), result.reason)
    elif result.status == "broken":
        reason = Text.assemble(("BROKEN ", "red bold"), result.reason)
    elif quiet:
        reason = Text(f"{result.status}: {result.reason}" if result.reason else result.status, "dim")
    name = Text(result.name, "dim" if quiet else "")
    return Text(mark, style), name, Text("" if quiet else seconds, "dim"), reason


def _line(cells: Cells) -> Text:
    """A row of the table in one line, cut at the edge. Not by a table of rich's: that costs five times as much, four
    times a second."""
    for cell, width, side in zip(cells[:3], WIDTHS, SIDES, strict=True):
        cell.align(side, width)
    line = Text(" ").join(cells)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def table(stages: tuple[StageResult, ...]) -> RenderableType:
    """The stages of a finished run, a line each."""
    grid = Table.grid(padding=(0, 1), expand=True)
    for width, side in zip(WIDTHS, SIDES, strict=True):
        grid.add_column(width=width, justify=side, no_wrap=True)
    # The only flexible column: else rich takes the room for a long reason from the marks.
    grid.add_column(ratio=1, overflow="fold")
    for stage in stages:
        grid.add_row(*_cells(stage))
    return grid


def closing(run: RunResult, left: Left = Left()) -> RenderableType:
    """What stands below the table: the URL when all is well, else the findings and the fix."""
    parts: list[RenderableType] = [Text()]
    bad = [s for s in run.stages if s.status in ("failed", "broken")]
    for stage in bad:
        parts += [Text(f"  {stage.name}", "bold")] if len(bad) > 1 else []
        parts += failure(stage, left)
    if run.status == "not-ready" and not bad:
        parts.append(Text(f"  not ready: {run.reason}", "red"))
    if run.status == "cancelled":
        parts.append(Text("  interrupted; what this run had started is removed", "yellow"))
        parts += [Text(f"  {s.name}: {s.reason}\n    fix: {s.fix}", "yellow") for s in run.stages if s.needs_human]
    if not bad and run.status in ("passed", "degraded"):
        overlapped = f" ({run.work_seconds:.1f} s of work overlapped)" if run.work_seconds > run.seconds else ""
        words = [run.url or run.image.digest, f"{run.seconds:.1f} s{overlapped}"]
        words += [f"report: {left.folder}/report.html" if left.page else f"log: {left.folder}"]
        words += [f"stop: {command('stop', left.project)}"] if run.url else []
        parts.append(Apart("  ", [word for word in words if word]))
        if run.image.digest:
            parts.append(Text(f"  {run.image.reference}", "dim"))
    return Group(*parts)


def failure(stage: StageResult, left: Left = Left()) -> list[RenderableType]:
    """What a person needs of a red stage, and nothing else."""
    lines: list[RenderableType] = []
    stopping = [f for f in severe(stage.findings) if f.stops]
    for finding in stopping[:SHOWN_FINDINGS]:
        where = f"   {finding.file}{f':{finding.line}' if finding.line else ''}" if finding.file else ""
        head = Text.assemble("    ", (f"{finding.severity:<8}", STYLE[finding.severity]), f" {finding.rule}{where}")
        lines += [head, Text(f"             {finding.message}")]
        if finding.source:
            lines.append(Text(f"             from {finding.source}:{finding.source_line}", "dim"))
    if len(stopping) > SHOWN_FINDINGS:
        lines.append(Text(f"    … and {len(stopping) - SHOWN_FINDINGS} more in {stage.log or 'result.json'}", "dim"))
    if lines:
        lines.append(Text())
    if said := left.said.get(stage.name):
        lines += [Text(f"    {line}", "dim") for line in said] + [Text()]
    if stage.fix:
        lines.append(Text(f"    fix: {stage.fix}"))
    places = [f"log: {left.folder}/{stage.name}.log"] if stage.log else []
    places += [f"report: {left.folder}/report.html"] if left.page else []
    places.append(f"again from here: {command('run', f'--from {stage.name} {left.project}'.rstrip())}")
    lines.append(Apart("    ", places, "dim"))
    return lines


@dataclass(frozen=True)
class Apart:
    """Words side by side, as many as the window is wide enough for: a path is never broken."""

    indent: str
    words: list[str]
    style: str = ""

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        line = ""
        for word in self.words:
            longer = f"{line}     {word}" if line else self.indent + word
            if line and cell_len(longer) > options.max_width:
                yield Text(line, self.style)
                longer = self.indent + word
            line = longer
        yield Text(line, self.style)


def command(name: str, options: str = "") -> str:
    """How the user types a command: as they typed this one, by make or by itself."""
    if os.environ.get("MAKELEVEL"):
        return f'make {name} ARGS="{options}"' if options else f"make {name}"
    return f"slipway {name} {options}".rstrip()


class Lines:
    """Plain lines with a stage prefix, for pipes and logs: no colour, no cursor movement."""

    def __init__(self, console: Console, leave: Leave = lambda _: Left()):
        self._console, self._leave = console, leave
        self._begun: dict[str, float] = {}
        self._said: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        event = printable(event)
        if event.kind is Kind.RUN_STARTED:
            self._say(f"{_title(event)} · {event.text}")
        elif event.kind is Kind.STAGE_STARTED:
            self._begun[event.stage] = self._said[event.stage] = time.monotonic()
            self._say(f"{event.stage}: started")
        elif event.kind is Kind.STAGE_PROGRESS and time.monotonic() - self._said.get(event.stage, math.inf) >= SILENCE:
            self._said[event.stage] = time.monotonic()
            self._say(f"{event.stage}: {self._said[event.stage] - self._begun[event.stage]:.0f} s  {event.text}")
        elif event.kind is Kind.STAGE_FINISHED and event.result:
            result = event.result
            seconds = f" {result.seconds:.1f} s" if result.status not in ("reused", "skipped") else ""
            self._say(f"{event.stage}: {result.status}{seconds}  {result.reason}".rstrip())
        elif event.kind is Kind.RUN_FINISHED and event.run:
            self._console.print(closing(event.run, self._leave(event.run)), soft_wrap=True)

    def close(self) -> None:
        """Nothing to leave behind."""

    def _say(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)
