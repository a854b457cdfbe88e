"""The only place that starts a process: an argument list, a time limit, a log, and an end that is certain."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

# GitHub's own cancellation timing: SIGINT, 7.5 s, SIGTERM, 2.5 s, SIGKILL (actions/runner, ProcessInvoker).
LADDER = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, 5.0))


@dataclass(frozen=True)
class Finished:
    """A process that has ended."""

    args: tuple[str, ...]
    code: int
    out: str
    err: str
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """Whether it ended by itself, and well."""
        return self.code == 0 and not self.timed_out

    @property
    def text(self) -> str:
        """What the process said, errors last."""
        return "\n".join(part for part in (self.out.strip(), self.err.strip()) if part)

    def last_line(self) -> str:
        """The last line with text: what most tools put their error in."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        return lines[-1] if lines else f"{self.args[0]} ended with {self.code} and said nothing"


async def run(
    *args: str | Path,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    on_part: Callable[[str], None] | None = None,
    stdin: str | bytes | None = None,
) -> Finished:
    """Run one command to its end and return what it said and its exit code.

    Args:
        args: the argument list; no shell is involved.
        timeout: seconds after which the whole process group is ended; the result says `timed_out`.
        cwd: the folder to run in.
        env: variables over those of this process; a value of "" removes nothing, it sets the empty string.
        log: a file to which both streams are appended as they come.
        on_line: called with each line of both streams as it comes.
        on_part: called with what there is of a line that has not ended yet, 4,000 bytes at most.
        stdin: text handed over; without it the process reads end-of-file at once.

    Raises:
        FileNotFoundError: there is no such program.
        asyncio.CancelledError: after the process group has been ended.
    """
    words = tuple(os.fspath(a) for a in args)
    out: list[bytes] = []
    err: list[bytes] = []
    timed_out = False
    with _opened(log) as sink:
        process = await _start(
            *words,
            cwd=cwd,
            env=None if env is None else {**os.environ, **env},
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout and process.stderr
        streams = ((process.stdout, out), (process.stderr, err))
        readers = [_read(stream, into, sink, on_line, on_part) for stream, into in streams]
        if stdin is not None:
            readers.append(_write(process, stdin.encode() if isinstance(stdin, str) else stdin))
        work = asyncio.gather(*readers, process.wait())
        try:
            await asyncio.wait_for(asyncio.shield(work), timeout)
        except TimeoutError:
            timed_out = True
            await _end(process)
            await _drain(work)
        except BaseException:  # cancelled, or a line could not be read: no process outlives its call
            await _end(process)
            await _drain(work)
            raise
    return Finished(words, process.returncode or 0, _text(out), _text(err), timed_out)


async def together(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """Await all of them. The first failure ends the others and is raised when they have ended; `gather` would leave
    them running."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def _start(*words: str, **options: Any) -> asyncio.subprocess.Process:
    """Start a process. A start that is cancelled halfway hangs for ever (CPython 3.11 waits for pipes that nobody
    connects), so it is let finish, and what it started is ended."""
    starting = asyncio.ensure_future(asyncio.create_subprocess_exec(*words, **options))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):
            await _end(await starting)
        raise


def _opened(log: Path | None) -> contextlib.AbstractContextManager[IO[bytes] | None]:
    """The log, or nothing where it cannot be written: a full disk must not hide the tool's own error. Unbuffered: what
    is left in a buffer would fail once more when it is closed."""
    try:
        return log.open("ab", buffering=0) if log else contextlib.nullcontext()
    except OSError:
        return contextlib.nullcontext()


async def _read(
    stream: asyncio.StreamReader,
    into: list[bytes],
    sink: object,
    on_line: Callable[[str], None] | None,
    on_part: Callable[[str], None] | None,
) -> None:
    pending = b""
    while chunk := await stream.read(65536):
        into.append(chunk)
        if sink is not None:
            with contextlib.suppress(OSError):  # a full disk must not hide the tool's own error
                sink.write(chunk)  # type: ignore[attr-defined]
                sink.flush()  # type: ignore[attr-defined]
        if on_line:
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                on_line(line.decode(errors="replace"))
            if on_part and pending:
                on_part(pending[:4000].decode(errors="replace"))
    if on_line and pending:
        on_line(pending.decode(errors="replace"))


async def _write(process: asyncio.subprocess.Process, data: bytes) -> None:
    assert process.stdin
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(data)
        await process.stdin.drain()
        process.stdin.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the whole group (docker starts its plugins as children), step by step, and wait until it is gone."""
    for number, patience in LADDER:
        if not _alive(process.pid):
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        deadline = asyncio.get_running_loop().time() + patience
        while _alive(process.pid) and asyncio.get_running_loop().time() < deadline:
            with contextlib.suppress(asyncio.CancelledError):  # a second Ctrl-C does not leave children behind
                await asyncio.sleep(0.02)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


async def _drain(work: "asyncio.Future[Any]") -> None:
    """Take what is left in the pipes; a grandchild that kept one open must not hold us."""
    with contextlib.suppress(asyncio.TimeoutError, asyncio.CancelledError):
        await asyncio.wait_for(work, 2)


def _text(chunks: list[bytes]) -> str:
    return b"".join(chunks).decode(errors="replace")
