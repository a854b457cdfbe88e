"""The machine that the tests run on: its engine, its ports, its processes, its tools."""

import asyncio
import contextlib
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.errors import NotReady
from slipway.tools import provision

REPOSITORY = Path(__file__).parents[3]
SESSION = secrets.token_hex(2)  # two sessions on one machine leave each other's images alone
MARK = "SLIPWAY_TEST_MARK"  # in the environment of everything that a test starts, so that survivors are found


def docker(*args: str, timeout: float = 120, **options: Any) -> "subprocess.CompletedProcess[str]":
    """The docker command; its exit code is the caller's business."""
    return subprocess.run(["docker", *args], capture_output=True, text=True, timeout=timeout, check=False, **options)


def nap() -> str:
    """A command that hangs, never the same twice: a build that nobody ended would leave its layer for the next."""
    return f"sleep 600.{secrets.randbelow(10**6)}"


def asleep(command: str) -> bool:
    """Whether such a command still runs, in whatever container."""
    return any(command.replace(" ", "\0").encode() in line for line in _command_lines())


def _command_lines() -> Iterator[bytes]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield (folder / "cmdline").read_bytes()


def real(name: str) -> Path:
    """The pinned tool itself."""
    try:
        return asyncio.run(provision.tool(name))
    except NotReady as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{name} can be had nowhere: {error}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")
