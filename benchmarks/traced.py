"""Runs `slipway` and writes when each command that it started began and ended, and for which stage.

    python traced.py TRACE.json run --fresh

Everything that slipway waits for goes through two functions: one starts processes, one speaks HTTP.
"""

import contextvars
import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

stage = contextvars.ContextVar("stage", default="")
spans: list[tuple[str, str, float, float]] = []
begun: list[float] = []


def main() -> None:
    target = sys.argv.pop(1)
    from slipway import cli
    from slipway.pipeline.scheduler import Scheduler
    from slipway.tools import http, process

    process.run = _awaited(process.run)
    http.request = _called(http.request)
    for name, prefix in (("_stage", ""), ("_prepare", ""), ("_finish", "finish:")):
        setattr(Scheduler, name, _of_stage(getattr(Scheduler, name), prefix))
    try:
        cli.main(prog_name="slipway")
    finally:
        trace = {"begun": begun[0] if begun else 0.0, "spans": spans}
        Path(target).write_text(json.dumps(trace), encoding="utf-8")


def _of_stage(method: Callable[..., Any], prefix: str) -> Callable[..., Any]:
    @functools.wraps(method)
    async def wrapper(self: Any, subject: Any, *args: Any) -> Any:
        begun.append(self.begun)
        stage.set(prefix + subject.name)
        return await method(self, subject, *args)

    return wrapper


def _awaited(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **options: Any) -> Any:
        started = time.monotonic()
        try:
            return await function(*args, **options)
        finally:
            spans.append((stage.get(), _short(args), started, time.monotonic()))

    return wrapper


def _called(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        started = time.monotonic()
        try:
            return function(*args, **options)
        finally:
            spans.append((stage.get(), _short(args), started, time.monotonic()))

    return wrapper


def _short(args: tuple[Any, ...]) -> str:
    return " ".join(str(a) for a in args)[:300]


if __name__ == "__main__":
    main()
