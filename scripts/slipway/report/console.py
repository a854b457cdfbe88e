"""What a person sees: a live table on a terminal, prefixed lines elsewhere, and only what is needed at the end."""

import os
import re
import time
from typing import Any

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from slipway.pipeline.result import Event, Kind, RunResult, StageResult

MARKS = {
    "passed": ("✔", "green"), "reused": ("✔", "green"), "failed": ("✘", "red"), "broken": ("✘", "red"),
    "degraded": ("~", "yellow"), "skipped": ("-", "dim"), "cancelled": ("-", "dim"),
}  # fmt: skip
SHOWN_FINDINGS = 8
STYLE = {"CRITICAL": "red", "HIGH": "red", "UNKNOWN": "red", "MEDIUM": "yellow", "LOW": "dim"}

# What would move the cursor, colour the rest or turn text around: tools and apps say what they like, also this.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(event: Event) -> Event:
    """The event with every text in it made safe for a terminal."""
    return msgspec.convert(_printable(msgspec.to_builtins(event)), Event)


def plain(text: str) -> str:
    """A text that does nothing to a terminal but stand there."""
    return _CONTROL.sub("\ufffd", text)


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list | tuple) else value


class Terminal:
    """The live table of a run."""

    def __init__(self, console: Console):
        self._console = console
        self._plan: tuple[str, ...] = ()
        self._running: dict[str, float] = {}
        self._doing: dict[str, str] = {}
        self._done: dict[str, StageResult] = {}
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=8, transient=True)

    def __call__(self, event: Event) -> None:
        event = printable(event)
        if event.kind is Kind.RUN_STARTED:
            self._plan = event.plan
            self._console.print(Text.assemble(("slipway run", "bold"), " · ", event.text), soft_wrap=True)
            self._console.print()
            self._live.start()
        elif event.kind is Kind.STAGE_STARTED:
            self._running[event.stage] = time.monotonic()
        elif event.kind is Kind.STAGE_DOING:
            self._doing[event.stage] = event.text
        elif event.kind is Kind.STAGE_FINISHED and event.result:
            self._done[event.stage] = event.result
        elif event.kind is Kind.RUN_FINISHED and event.run:
            self._live.stop()
            self._console.print(table(event.run.stages))
            self._console.print(closing(event.run), soft_wrap=True)

    def close(self) -> None:
        """Leave the terminal as it was, whatever happened."""
        self._live.stop()

    def _render(self) -> RenderableType:
        grid = _grid()
        for name in self._plan:
            if result := self._done.get(name):
                _row(grid, result)
            elif name in self._running:
                seconds = f"{time.monotonic() - self._running[name]:.1f} s"
                grid.add_row(Text("▸", "cyan"), name, Text(seconds, "dim"), Text(self._doing.get(name, ""), "dim"))
            else:
                grid.add_row("", Text(name, "dim"), "", Text(self._doing.get(name, ""), "dim"))
        return grid


def _grid(*, whole: bool = False) -> Table:
    """Columns for mark, name, seconds and reason; `whole` wraps a long reason, else it is cut at the edge."""
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=3, justify="right", no_wrap=True)
    grid.add_column(width=12, no_wrap=True)
    grid.add_column(width=8, justify="right", no_wrap=True)
    # The only flexible column: else rich takes the room for a long reason from the marks.
    grid.add_column(ratio=1, no_wrap=not whole, overflow="fold" if whole else "ellipsis")
    return grid


def _row(grid: Table, result: StageResult) -> None:
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
    seconds = "" if quiet else seconds
    grid.add_row(Text(mark, style), Text(result.name, "dim" if quiet else ""), Text(seconds, "dim"), reason)


def table(stages: tuple[StageResult, ...]) -> RenderableType:
    """The stages of a finished run, a line each."""
    grid = _grid(whole=True)
    for stage in stages:
        _row(grid, stage)
    return grid


def closing(run: RunResult) -> RenderableType:
    """What stands below the table: the URL when all is well, else the findings and the mend."""
    parts: list[RenderableType] = [Text()]
    bad = [s for s in run.stages if s.status in ("failed", "broken")]
    for stage in bad:
        parts += failure(stage)
    if run.status == "not-ready" and not bad:
        parts.append(Text(f"  not ready: {run.reason}", "red"))
    if run.status == "cancelled":
        parts.append(Text("  interrupted; what this run had started is removed", "yellow"))
    if not bad and run.status in ("passed", "degraded"):
        overlapped = f" ({run.work_seconds:.1f} s of work overlapped)" if run.work_seconds > run.seconds else ""
        words = [run.url or run.image.digest, f"{run.seconds:.1f} s{overlapped}"]
        words += ["log: .slipway/latest"] + ([f"stop: {command('stop')}"] if run.url else [])
        parts.append(Text("  " + "     ".join(w for w in words if w)))
        if run.image.digest:
            parts.append(Text(f"  {run.image.reference}", "dim"))
    return Group(*parts)


def failure(stage: StageResult) -> list[RenderableType]:
    """What a person needs of a red stage, and nothing else."""
    lines: list[RenderableType] = []
    stopping = [f for f in stage.findings if f.stops]
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
    if stage.mend:
        lines.append(Text(f"    mend: {stage.mend}"))
    log = f"log: .slipway/latest/{stage.name}.log      " if stage.log else ""
    lines.append(Text(f"    {log}again from here: {command('run', f'--from {stage.name}')}", "dim"))
    return lines


def command(name: str, options: str = "") -> str:
    """How the user types a command: as they typed this one, by make or by itself."""
    if os.environ.get("MAKELEVEL"):
        return f'make {name} ARGS="{options}"' if options else f"make {name}"
    return f"slipway {name} {options}".rstrip()


class Lines:
    """Plain lines with a stage prefix, for pipes and logs: no colour, no cursor movement."""

    def __init__(self, console: Console):
        self._console = console

    def __call__(self, event: Event) -> None:
        event = printable(event)
        if event.kind is Kind.RUN_STARTED:
            self._say(f"slipway run · {event.text}")
        elif event.kind is Kind.STAGE_STARTED:
            self._say(f"{event.stage}: started")
        elif event.kind is Kind.STAGE_FINISHED and event.result:
            result = event.result
            seconds = f" {result.seconds:.1f} s" if result.status not in ("reused", "skipped") else ""
            self._say(f"{event.stage}: {result.status}{seconds}  {result.reason}".rstrip())
        elif event.kind is Kind.RUN_FINISHED and event.run:
            self._console.print(closing(event.run), soft_wrap=True)

    def close(self) -> None:
        """Nothing to leave behind."""

    def _say(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)
