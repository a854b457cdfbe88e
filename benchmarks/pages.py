"""How fast the page of a run is written and how large it is, and what the live table costs beside a run.

    make bench-pages

Limits: 0.15 s and 300 kB for the sample run, 1 s and 3 MB for 2,000 tests and 500 findings; 2 % of a run's processor
time for the table.
"""

import os
import pty
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from report import left
from rich.console import Console

from slipway.pipeline.result import Event, Kind, RunResult
from slipway.report import evidence, page
from slipway.report.console import Terminal

ROOT = Path(__file__).parent.parent
WATCHED = 10.0  # seconds for which the live table is drawn


def processor(work: Callable[[], object], times: int = 5) -> float:
    """The median of its processor time, in seconds, after one that warms up."""
    taken = []
    for _ in range(times + 1):
        before = time.process_time()
        work()
        taken.append(time.process_time() - before)
    return statistics.median(taken[1:])


def pages(name: str, folder: Path, seconds: float, size: int) -> None:
    """Write a page, and say what it took."""
    took = processor(lambda: page.write(folder))
    large = (folder / page.NAME).stat().st_size
    print(f"{name:<42} {took:6.3f} s of {seconds} s   {large / 1000:6.0f} kB of {size / 1000:.0f} kB")


def table(run: RunResult) -> float:
    """Processor seconds per second of a live table with every stage at work, on a real terminal."""
    master, slave = pty.openpty()
    reader = threading.Thread(target=lambda: [None for _ in iter(lambda: _read(master), b"")], daemon=True)
    reader.start()
    with os.fdopen(slave, "w") as terminal:
        show = Terminal(Console(file=terminal, width=100, force_terminal=True, legacy_windows=False))
        show(Event(kind=Kind.RUN_STARTED, text="bench", plan=tuple(s.name for s in run.stages)))
        for stage in run.stages:
            show(Event(kind=Kind.STAGE_STARTED, stage=stage.name))
            show(Event(kind=Kind.STAGE_PROGRESS, stage=stage.name, text="[deps 3/7] RUN uv sync --locked"))
        before, begun = time.process_time(), time.monotonic()
        while time.monotonic() - begun < WATCHED:
            time.sleep(0.1)  # as stages do, it says something ten times a second
            show(Event(kind=Kind.STAGE_PROGRESS, stage="test", text=f"tests/unit/test_{time.monotonic():.0f}.py"))
        used = time.process_time() - before
        show.close()
    return used / WATCHED


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:
        return b""


def main() -> None:
    """Measure, with the last whole run of this repository as the sample; `make run` makes one."""
    run = max(evidence.runs(ROOT / ".slipway" / "runs"), key=lambda run: (len(run.stages), run.id))
    sample = evidence.find(ROOT, run.id)
    print(f"sample: run {run.id}, {run.status}, {len(run.stages)} stages")
    pages("sample run", sample, 0.15, 300_000)
    with tempfile.TemporaryDirectory() as folder:
        result, files = left.large()
        pages("2,000 tests, 500 findings", left.write(Path(folder), result, **files), 1, 3_000_000)
    share = table(run)
    print(
        f"live table of {len(run.stages)} stages: {100 * share:.2f} % of one processor; a run keeps at least one busy"
    )


if __name__ == "__main__":
    main()
