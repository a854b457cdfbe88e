"""Chooses how a run is shown: a live table, plain lines, or JSON."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from slipway import github
from slipway.doctor import Check
from slipway.pipeline.plan import Step
from slipway.pipeline.result import SCHEMA, Event, encode
from slipway.report.console import Lines, Terminal
from slipway.report.runner import Runner


@contextlib.contextmanager
def listener(root: Path, as_json: bool) -> Iterator[Callable[[Event], None]]:
    """The receiver of a run's events."""
    if as_json:
        yield _without_reader(_write_json)
        return
    if github.on_runner():
        yield _without_reader(Runner(root))
        return
    console = _console()
    plain = os.environ.get("CI") or os.environ.get("TERM") == "dumb" or not console.is_terminal
    lines = _Console(highlight=False, color_system=None, width=max(console.width, 100))
    show = Lines(lines) if plain else Terminal(console)
    try:
        yield _without_reader(show)
    finally:
        show.close()


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


def show_plan(headline: str, steps: list[Step], as_json: bool) -> None:
    """A plan, a line a stage."""
    if as_json:
        _write_json({"schema": SCHEMA, "plan": steps})
        return
    console = _console()
    console.print(Text(f"slipway plan · {headline}\n"), soft_wrap=True)
    for step in steps:
        line = Text.assemble(f"  {step.stage:<12} ", (f"{step.action:<6} ", "cyan"), step.reason)
        console.print(line, soft_wrap=True)


MARKS = {"ok": ("✔", "green"), "warning": ("~", "yellow"), "missing": ("✘", "red")}


def show_checks(checks: list[Check], as_json: bool) -> None:
    """What the doctor found; the mend stands below what needs one."""
    if as_json:
        _write_json({"schema": SCHEMA, "checks": checks})
        return
    console = _console()
    for check in checks:
        console.print(Text.assemble("  ", MARKS[check.level], f" {check.name:<18} {check.says}"), soft_wrap=True)
        if check.mend:
            console.print(Text(f"    {'':<18} mend: {check.mend}"), soft_wrap=True)


def _console() -> Console:
    return _Console(highlight=False, no_color=True if os.environ.get("NO_COLOR") else None)
