"""Processes, ports and the engine, as the benchmark needs them."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 600  # seconds for any one command


class Failed(Exception):
    """A command of the benchmark failed: its figure would mean nothing."""


def rows(*command: str) -> list[list[str]]:
    """What `docker` lists, a row a line, fields between bars."""
    done = subprocess.run(["docker", *command], capture_output=True, text=True, timeout=60, check=False)
    return [line.split("|") for line in done.stdout.splitlines()]


def remove(command: str, names: list[str]) -> None:
    """Remove these by a `docker` command; none is no error."""
    if names:
        subprocess.run(["docker", *command.split(), *names], capture_output=True, timeout=120, check=False)


def answers(port: int) -> None:
    """Wait until a registry answers on this port."""
    for _ in range(200):
        with suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=2).close()
            return
        time.sleep(0.05)
    raise Failed("the registry of the benchmark does not answer")


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def watch(process: "subprocess.Popen[bytes]", begun: float) -> float:
    """The largest memory (MB) that the process itself ever held; its children do not count."""
    peak = 0.0
    while process.poll() is None:
        with suppress(OSError, StopIteration, IndexError):
            status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            peak = max(peak, int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1000)
        if time.perf_counter() - begun > LIMIT:
            raise subprocess.TimeoutExpired(process.args, LIMIT)
        time.sleep(0.02)
    return peak


def end(process: "subprocess.Popen[bytes]") -> None:
    """As Ctrl-C would, with time to tidy up; then for certain."""
    for number, patience in ((signal.SIGINT, 15), (signal.SIGKILL, 5)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


def said(*command: str, first: bool = True) -> str:
    """What a command prints, for the record of versions; empty where it is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=ROOT)
    except OSError:
        return ""
    lines: Sequence[str] = done.stdout.strip().splitlines()
    return lines[0] if first and lines else "\n".join(lines)
