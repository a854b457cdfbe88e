"""Waiting for somebody else's machine: a deadline, pauses that grow, and jitter so that many do not ask at once."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

T = TypeVar("T")


def pauses(first: float, longest: float, factor: float = 1.5) -> Iterator[float]:
    """Seconds between attempts: growing from `first` to `longest`, each one a fifth shorter or longer by chance."""
    pause = first
    while True:
        yield pause * random.uniform(0.8, 1.2)
        pause = min(pause * factor, longest)


async def until(look: Callable[[], Awaitable[T | None]], seconds: float, *, first: float, longest: float) -> T | None:
    """Ask until there is an answer; None when `seconds` have passed without one."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    for pause in pauses(first, longest):
        if (found := await look()) is not None:
            return found
        left = deadline - loop.time()
        if left <= 0:
            return None
        await asyncio.sleep(min(pause, left))
    return None
