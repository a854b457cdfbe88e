"""The one place that starts processes, with real ones: deaf, forking, loud, hostile."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.tools import process
from slipway.tools.process import Finished

PYTHON = sys.executable
SLOW = 20.0


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same ladder, with less patience."""
    monkeypatch.setattr(process, "LADDER", tuple((number, 0.25) for number, _ in process.LADDER))


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Every process that a test marks must be gone after it."""
    mark = f"SLIPWAY_UNIT={os.getpid()}".encode()
    os.environ["SLIPWAY_UNIT"] = str(os.getpid())
    yield
    del os.environ["SLIPWAY_UNIT"]
    left = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            alive = "State:\tZ" not in (folder / "status").read_text()
            if int(folder.name) != os.getpid() and alive and mark in (folder / "environ").read_bytes().split(b"\0"):
                left.append((folder / "cmdline").read_bytes())
        except OSError:
            continue
    assert left == []


def run(code: str, timeout: float = SLOW, **options: object) -> Finished:
    """Run Python code as a process."""
    return asyncio.run(process.run(PYTHON, "-c", code, timeout=timeout, **options))  # type: ignore[arg-type]


def test_the_ladder_is_githubs_own() -> None:
    assert process.LADDER[0] == (signal.SIGINT, 7.5)
    assert process.LADDER[1] == (signal.SIGTERM, 2.5)
    assert process.LADDER[2][0] == signal.SIGKILL


@pytest.mark.parametrize("code", [0, 1, 5, 255])
def test_what_it_said_and_how_it_ended(code: int) -> None:
    done = run(f"import sys; print('out'); print('err', file=sys.stderr); sys.exit({code})")
    assert (done.code, done.out, done.err, done.timed_out, done.ok) == (code, "out\n", "err\n", False, code == 0)
    assert done.text == "out\nerr"
    assert done.last_line() == "err"


def test_a_process_that_says_nothing_is_still_explained() -> None:
    done = run("raise SystemExit(3)")
    assert done.last_line() == f"{PYTHON} ended with 3 and said nothing"


def test_a_process_ended_by_a_signal_is_not_well() -> None:
    assert run("import os; os.kill(os.getpid(), 9)").code == -9


def test_no_shell_sees_the_words(tmp_path: Path) -> None:
    words = ["$(touch PWNED)", "`touch PWNED`", "; touch PWNED", "a b", "*", "\n", "'\"", "-x"]
    done = asyncio.run(process.run(PYTHON, "-c", "import sys; print(sys.argv[1:])", *words, timeout=SLOW, cwd=tmp_path))
    assert done.out.strip() == str(words)
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(process.run("slipway-no-such-program", timeout=1))


def test_without_input_it_reads_the_end_at_once() -> None:
    assert run("import sys; print(repr(sys.stdin.read()))", timeout=10).out == "''\n"


def test_input_of_any_size_is_handed_over() -> None:
    text = "line\n" * 200_000
    done = run("import sys; sys.stdout.write(sys.stdin.read())", stdin=text)
    assert done.out == text


def test_input_that_nobody_reads_is_no_error() -> None:
    assert run("import os; os.close(0)", stdin=b"x" * 1_000_000).ok


def test_variables_are_laid_over_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")
    code = "import os; print(os.environ['OURS'], repr(os.environ['EMPTY']), os.environ['NEW'])"
    assert run(code, env={"NEW": "2", "EMPTY": ""}).out == "1 '' 2\n"


def test_both_streams_go_to_the_log_and_to_the_listener(tmp_path: Path) -> None:
    lines: list[str] = []
    log = tmp_path / "log"
    log.write_text("before\n")
    run("import sys; print('one'); print('two', file=sys.stderr)", log=log, on_line=lines.append)
    assert sorted(lines) == ["one", "two"]
    assert log.read_text().startswith("before\n")
    assert sorted(log.read_text().split()) == ["before", "one", "two"]


def test_bytes_that_are_no_text() -> None:
    lines: list[str] = []
    done = run(r"import sys; sys.stdout.buffer.write(b'\xff\xfe a\n\x1b[31mred')", on_line=lines.append)
    assert done.out == "\ufffd\ufffd a\n\x1b[31mred"
    assert lines == ["\ufffd\ufffd a", "\x1b[31mred"]


@pytest.mark.parametrize("log", ["/dev/full", "/nowhere/log"])
def test_a_log_that_cannot_be_written_does_not_hide_the_tool(log: str) -> None:
    assert run("print('said')", log=Path(log)).out == "said\n"


def test_a_listener_that_fails_leaves_no_process(quick: None) -> None:
    def fail(_: str) -> None:
        raise RuntimeError("listener")

    with pytest.raises(RuntimeError, match="listener"):
        run("import time; print('x', flush=True); time.sleep(60)", on_line=fail)


UP = "import signal, subprocess, sys, time\n"
ALL = "for n in (2, 15): signal.signal(n, signal.SIG_IGN)\n"
SLEEP = "print('up', flush=True); time.sleep(60)\n"
CHILD = f"subprocess.Popen([sys.executable, '-c', {UP + ALL + SLEEP!r}])\n"
DEAF = {
    "willing": UP + SLEEP,
    "deaf to SIGINT": UP + "signal.signal(2, signal.SIG_IGN)\n" + SLEEP,
    "deaf to all but SIGKILL": UP + ALL + SLEEP,
    "with a deaf child": UP + CHILD + "time.sleep(60)",
    "gone, but a deaf child holds the pipe": UP + CHILD,
}


@pytest.mark.parametrize("kind", DEAF)
def test_the_time_limit_holds_for_the_whole_group(quick: None, kind: str) -> None:
    begun = time.monotonic()
    done = run(DEAF[kind], timeout=2)
    assert done.timed_out and not done.ok
    assert "up" in done.out
    assert time.monotonic() - begun < 30


async def _cancelled(code: str, *, again: bool) -> float:
    up = asyncio.Event()
    task = asyncio.create_task(process.run(PYTHON, "-c", code, timeout=SLOW, on_line=lambda _: up.set()))
    await asyncio.wait_for(up.wait(), 10)
    begun = time.monotonic()
    task.cancel()
    if again:
        await asyncio.sleep(0.1)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.monotonic() - begun


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("kind", DEAF)
def test_cancelling_ends_the_whole_group(quick: None, kind: str, again: bool) -> None:
    """Also at a second Ctrl-C, while the first is still waiting for the deaf."""
    assert asyncio.run(_cancelled(DEAF[kind], again=again)) < 30


def test_a_willing_process_is_asked_politely() -> None:
    """SIGINT comes first, and what it says on its way out is not lost."""
    code = "import time\nprint('up', flush=True)\ntry:\n time.sleep(60)\nexcept KeyboardInterrupt:\n print('tidied')"
    done = run(code, timeout=2)
    assert done.timed_out and "tidied" in done.out


def test_cancelled_before_it_has_started() -> None:
    async def main() -> None:
        for delay in (0, 0.001, 0.003, 0.01):
            task = asyncio.create_task(process.run(PYTHON, "-c", "import time; time.sleep(60)", timeout=SLOW))
            await asyncio.sleep(delay)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 15)

    asyncio.run(main())


def test_together_ends_the_others_at_the_first_failure(quick: None) -> None:
    async def fail() -> None:
        await asyncio.sleep(0.3)
        raise LookupError("first")

    with pytest.raises(LookupError, match="first"):
        asyncio.run(process.together(process.run(PYTHON, "-c", DEAF["deaf to SIGINT"], timeout=SLOW), fail()))


def test_together_returns_in_order() -> None:
    async def value(number: int) -> int:
        await asyncio.sleep(0.02 / number)
        return number

    assert asyncio.run(process.together(value(1), value(2))) == [1, 2]
