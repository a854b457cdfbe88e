"""The live table on a terminal, as an emulator of one shows it: what is left on the screen, and above it."""

import io
import re

import pyte
import pytest
from report.stories import PLAN, RUNS, told
from rich.console import Console

from slipway.pipeline.result import Event, Kind
from slipway.report.console import Left, Terminal, closing


def screen(events: list[Event], width: int, height: int, *, stop: int | None = None) -> list[str]:
    """All lines that a terminal of this size holds, those that scrolled away first.

    Args:
        stop: the number of events after which the run is given up, as at an error of ours.
    """
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, force_terminal=True, color_system="standard")
    show = Terminal(console, lambda _: Left(page=True))
    for event in events[:stop]:
        show(event)
        show._live.refresh()  # as its own thread does four times a second
    show.close()
    emulated = pyte.HistoryScreen(width, height, history=1000, ratio=1)
    pyte.Stream(emulated).feed(out.getvalue().replace("\n", "\r\n"))
    assert not emulated.cursor.hidden, "the cursor is back"
    above = ["".join(line[x].data for x in range(width)) for line in emulated.history.top]
    return [line.rstrip() for line in (*above, *emulated.display)]


def wanted(name: str, width: int) -> list[str]:
    """The lines below the table."""
    out = io.StringIO()
    Console(file=out, width=width).print(closing(RUNS[name], Left(page=True)), soft_wrap=True)
    return [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]


@pytest.mark.parametrize(("width", "height"), [(60, 24), (100, 40), (200, 50), (80, 6)])
@pytest.mark.parametrize("name", RUNS)
def test_what_is_left_is_the_table_once_and_the_end(name: str, width: int, height: int) -> None:
    """Also where the window has fewer lines than the table: nothing is left of what was drawn meanwhile."""
    lines = [line for line in screen(told(RUNS[name]), width, height) if line]
    assert lines[0].startswith("slipway run · shop @ 3f2c1ab")
    for stage in RUNS[name].stages:
        assert sum(bool(re.match(rf"\s+[✔✘~-] {stage.name}\b", line)) for line in lines) == 1, lines
    assert not [line for line in lines if "▸" in line], "what was being done is done"
    text = "".join(re.sub(r"\s+", "", line) for line in lines)
    assert text.endswith("".join(re.sub(r"\s+", "", line) for line in wanted(name, width)))


@pytest.mark.parametrize("stop", range(2, 12))
def test_a_run_that_is_given_up_leaves_nothing_half_drawn(stop: int) -> None:
    lines = [line for line in screen(told(RUNS["bad"]), 100, 40, stop=stop) if line]
    assert lines == ["slipway run · shop @ 3f2c1ab (2 files changed) · engine 26.1.5 · offline stand-ins in use"]


def test_text_that_is_longer_than_the_window_keeps_its_one_line() -> None:
    """A line that wrapped would make the table creep down the screen."""
    events = told(RUNS["good"])[:1]
    events.append(Event(kind=Kind.STAGE_STARTED, stage="build"))
    events += [Event(kind=Kind.STAGE_PROGRESS, stage="build", text=f"{n} 漢字 " + "x" * 500) for n in range(20)]
    out = io.StringIO()
    show = Terminal(Console(file=out, width=70, height=30, force_terminal=True))
    for event in events:
        show(event)
        show._live.refresh()
    emulated = pyte.HistoryScreen(70, 30, history=1000, ratio=1)
    pyte.Stream(emulated).feed(out.getvalue().replace("\n", "\r\n"))
    show.close()
    lines = [line for line in emulated.display if line.strip()]
    assert len(lines) <= 2 + len(PLAN) and not emulated.history.top
    assert [line for line in lines if "19 漢" in line] and not [line for line in lines if " 18 漢" in line]
