"""Blocking work that may never end, beside everything else."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def aside(work: Callable[[threading.Event], T], seconds: float) -> T:
    """`work` in a thread that is left behind when it takes too long or nobody wants it any more: a thread cannot be
    ended, and asyncio's own would hold the whole program until a resolver or a silent server gives up.

    Raises:
        TimeoutError: it took longer. What `work` raises is raised too.
    """
    loop, stop = asyncio.get_running_loop(), threading.Event()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if not future.done():
            future.set_exception(error) if error else future.set_result(result)  # type: ignore[arg-type]

    def body() -> None:
        result, error = None, None
        try:
            result = work(stop)
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=body, daemon=True).start()
    try:
        return await asyncio.wait_for(future, seconds)
    finally:
        stop.set()
