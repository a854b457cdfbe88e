"""Interrupts: Ctrl-C, a cancelled job, and a job's time limit end the work in order, however often they come.

GitHub's runner ends a step with SIGINT, 7.5 s later SIGTERM, and 2.5 s later SIGKILL, for a cancelled job and for one
that has passed its time limit alike (actions/runner, ProcessInvoker). It signals the one process that it started.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, as `asyncio.run` does.

    Raises:
        KeyboardInterrupt: SIGINT or SIGTERM came, and the work has cleaned up after itself.
    """
    results: list[T] = []

    async def keep() -> None:
        results.append(await work)

    if asyncio.run(interruptible(keep())):
        ignore()
        raise KeyboardInterrupt
    return results[0]


def ignore() -> None:
    """Ignore signals from here on: nothing is left to end but ourselves, with an exit code that another signal, in the
    last moment of the interpreter, would replace by its own."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


async def interruptible(work: Coroutine[Any, Any, None], noted: Callable[[], None] = lambda: None) -> bool:
    """Await the work and cancel it at SIGINT and SIGTERM. After such a signal neither does anything any more.

    Args:
        noted: called at the first signal, before the work is cancelled: what must be on record if SIGKILL follows.

    Returns:
        whether a signal came.
    """
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    hit = False

    def stop() -> None:
        nonlocal hit
        if not hit:
            hit = True
            noted()
        task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not hit:
            raise
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
            if hit:  # the next one would end us in the middle of cleaning up (not ignored: children would inherit that)
                signal.signal(number, lambda *_: None)
    return hit


async def to_the_end(work: Coroutine[Any, Any, T], noted: Callable[[], None] = lambda: None) -> tuple[T, bool]:
    """Await what must not stop halfway.

    Args:
        noted: called when it is to be cancelled.

    Returns:
        its result, and whether it was to be cancelled meanwhile.
    """
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            if not cancelled:
                noted()
            cancelled = True
    return task.result(), cancelled
