"""What a person sees: snapshots at three widths, plain lines in a pipe, and nothing that is more than text.

After a change that is meant: SLIPWAY_SNAPSHOTS=write uv run --project scripts pytest tests/kit/report
"""

import io
import os
import re
import time
from pathlib import Path
from typing import get_args

import pytest
from report.stories import GOOD, PLAN, RUNS
from rich.cells import cell_len
from rich.console import Console

from slipway.pipeline.result import Event, Kind
from slipway.report.console import MARKS, Left, Lines, Terminal, closing, command
from slipway.stages.base import Status

SNAPSHOTS = Path(__file__).parent / "snapshots"
Story = tuple[str, list[Event]]


@pytest.fixture(autouse=True)
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As typed by hand, on a plain terminal."""
    for name in ("MAKELEVEL", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM"):
        monkeypatch.delenv(name, raising=False)


LEFT = Left(page=True, said={"integration": ["E   assert 1 == 2", "what the app said last"]})


def terminal(events: list[Event], width: int, *, color: bool = False) -> str:
    """What a terminal gets to show once a run is over."""
    out = io.StringIO()
    system = "standard" if color else None
    console = Console(
        file=out, width=width, color_system=system, force_terminal=color, highlight=False, legacy_windows=False
    )
    show = Terminal(console, lambda _: LEFT)
    for event in events:
        show(event)
    show.close()
    return out.getvalue()


def lines(events: list[Event], width: int = 100) -> str:
    """What a pipe gets."""
    out = io.StringIO()
    show = Lines(Console(file=out, width=width, color_system=None, highlight=False), lambda _: LEFT)
    for event in events:
        show(event)
    show.close()
    return out.getvalue()


def same(name: str, text: str) -> None:
    """Compare with the committed snapshot."""
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("SLIPWAY_SNAPSHOTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [60, 100, 200])
def test_the_terminal(story: Story, width: int) -> None:
    name, events = story
    same(f"{name}-{width}", terminal(events, width))


def test_the_pipe(story: Story) -> None:
    name, events = story
    same(f"{name}-pipe", lines(events))


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_the_table_fits_whatever_the_width(story: Story, width: int) -> None:
    """And loses nothing: no mark, name or time is cut for a long reason."""
    _, events = story
    text = terminal(events, width)
    run = events[-1].run
    assert run
    for stage in run.stages:
        row = next(line for line in text.splitlines() if re.match(rf"\s+\S {stage.name}\b", line))
        assert row.strip().startswith(MARKS[stage.status][0])
        assert cell_len(row) <= width
        if stage.status not in ("skipped", "cancelled", "reused"):
            assert f"{stage.seconds:.1f} s" in row
    flat = re.sub(r"\s+", "", text)
    assert all(re.sub(r"\s+", "", stage.reason) in flat for stage in run.stages)


def test_a_failure_ends_with_what_a_person_needs(story: Story) -> None:
    name, events = story
    if name != "bad":
        return
    text = terminal(events, 100)
    assert "CVE-2024-1135   pyproject.toml:14" in text
    assert "… and 2 more in" in text and "CVE-listed" not in text
    assert "fix: uv add 'gunicorn>=22'" in text
    assert text.rstrip().endswith("again from here: slipway run --from integration")
    assert "    E   assert 1 == 2\n    what the app said last\n" in text, "the end of the log"
    assert "log: .slipway/latest/scan.log     report: .slipway/latest/report.html\n    again from here" in text
    assert text.index("CRITICAL secret") < text.index("HIGH     CVE-2024-1135"), "the worst first"
    narrow = terminal(events, 60).splitlines()
    assert (
        "    report: .slipway/latest/report.html" in narrow and "    again from here: slipway run --from scan" in narrow
    )
    assert "http://" not in text, "no URL where nothing runs"


def test_without_a_page_the_logs_are_named() -> None:
    out = io.StringIO()
    console = Console(file=out, width=160, highlight=False)
    console.print(closing(RUNS["good"]), soft_wrap=True)
    console.print(closing(RUNS["bad"]), soft_wrap=True)
    assert "log: .slipway/latest     stop:" in out.getvalue() and "report" not in out.getvalue()


@pytest.mark.parametrize("width", [60, 100, 200])
def test_while_it_works(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes on for long says for how long, and in front: the end of a line may be cut off."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None, highlight=False, legacy_windows=False)
    show = Terminal(console)

    def say(kind: Kind, stage: str, text: str = "") -> None:
        show(Event(kind=kind, stage=stage, text=text))

    show(Event(kind=Kind.RUN_STARTED, text="shop @ 3f2c1ab", plan=PLAN))
    say(Kind.STAGE_PROGRESS, "scan", "fetching Trivy and its database")
    say(Kind.STAGE_STARTED, "build")
    now[0] += 3
    say(Kind.STAGE_PROGRESS, "build", "[deps 3/7] RUN uv sync --locked --no-dev --no-editable --compile-bytecode")
    show(Event(kind=Kind.STAGE_FINISHED, stage="lint", result=GOOD[0]))
    now[0] += 12.4
    say(Kind.STAGE_PROGRESS, "scan", "fetching Trivy and its database")  # said again, it is not begun again
    say(Kind.STAGE_STARTED, "test")
    say(Kind.STAGE_PROGRESS, "test", "tests/unit/test_web.py ......")
    console.print(show._render())
    show.close()
    same(f"working-{width}", out.getvalue())
    assert "12 s [deps 3/7]" in out.getvalue() and "15 s fetching Trivy" in out.getvalue()
    assert max(map(cell_len, out.getvalue().splitlines())) <= width


def test_plain_lines_say_now_and_then_what_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    out = io.StringIO()
    show = Lines(Console(file=out, width=100, color_system=None, highlight=False))
    show(Event(kind=Kind.STAGE_PROGRESS, stage="scan", text="fetching"))
    show(Event(kind=Kind.STAGE_STARTED, stage="build"))
    for second in range(75):
        now[0] += 1
        show(Event(kind=Kind.STAGE_PROGRESS, stage="build", text=f"step {second}"))
    assert out.getvalue().splitlines() == ["build: started", "build: 30 s  step 29", "build: 60 s  step 59"]


def test_commands_are_named_as_they_were_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("run", "--from scan") == "slipway run --from scan"
    assert command("stop") == "slipway stop"
    monkeypatch.setenv("MAKELEVEL", "1")
    assert command("run", "--from scan") == 'make run ARGS="--from scan"'
    assert command("stop") == "make stop"


def test_colour_only_where_it_means_something(story: Story) -> None:
    _, events = story
    coloured = terminal(events, 100, color=True)
    assert "\x1b[3" in coloured
    codes = set(re.findall(r"\x1b\[([0-9;]*)m", coloured))
    assert codes <= {"0", "1", "2", "31", "32", "33", "36", "1;31", "1;33"}


def test_a_pipe_gets_no_colour_and_no_cursor(story: Story) -> None:
    _, events = story
    text = lines(events)
    assert "\x1b" not in text and "\r" not in text
    run = events[-1].run
    assert run and all(re.search(rf"(?m)^{s.name}: {s.status}", text) for s in run.stages)


@pytest.mark.parametrize(
    "show",
    [lambda e: terminal(e, 100), lambda e: terminal(e, 100, color=True), lines],
    ids=["terminal", "colour", "pipe"],
)
def test_text_from_outside_is_text(hostile: list[Event], show: object) -> None:
    """No clearing of the screen, no title, no colour, no turning around: not from an app's answer."""
    text = show(hostile)  # type: ignore[operator]
    ours = re.sub(r"\x1b\[[0-9;]*[mAKG]|\x1b\[\?25[lh]|\x1b\[2K|\r", "", text)
    assert "evil" in ours
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", ours)
    assert "\x1b[2J" not in text and "\x1b]" not in text


def test_the_cursor_comes_back_when_a_run_ends_in_the_middle(story: Story) -> None:
    out = io.StringIO()
    show = Terminal(Console(file=out, width=100, force_terminal=True, legacy_windows=False))
    show(story[1][0])
    assert out.getvalue().rindex("\x1b[?25l") > -1
    show.close()
    assert out.getvalue().rindex("\x1b[?25h") > out.getvalue().rindex("\x1b[?25l")


def test_every_status_has_a_mark() -> None:
    assert set(MARKS) == set(get_args(Status))
