"""Chooses how a run is shown: a live table, plain lines, or JSON."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from rich.console import Console

from slipway import github
from slipway.pipeline.result import Event, encode
from slipway.report.console import Lines, Terminal


@contextlib.contextmanager
def listener(as_json: bool) -> Iterator[Callable[[Event], None]]:
    """The receiver of a run's events."""
    if as_json:
        yield _write_json
        return
    console = Console(highlight=False, soft_wrap=False, no_color=True if os.environ.get("NO_COLOR") else None)
    plain = github.on_runner() or os.environ.get("CI") or os.environ.get("TERM") == "dumb" or not console.is_terminal
    show = Lines(Console(highlight=False, color_system=None, width=max(console.width, 100))) if plain else Terminal(console)
    try:
        yield show
    finally:
        show.close()


def _write_json(event: Event) -> None:
    sys.stdout.buffer.write(encode(event) + b"\n")
    sys.stdout.buffer.flush()
