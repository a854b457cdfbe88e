"""Decides whether the base images have to be stood in for, which is so where their registry is out of reach."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from pathlib import Path

from machine.say import NotReady

PROBE_SECONDS = 1.5


def ensure(root: Path) -> None:
    """Makes the stand-ins that this machine needs and does not have."""
    mode = os.environ.get("SLIPWAY_OFFLINE", "auto")
    if mode not in ("always", "never", "auto"):
        raise NotReady(f"SLIPWAY_OFFLINE={mode} is none of always, never, auto.", "Set it to one of them, or unset it.")
    if mode == "never":
        return
    references = named(root)
    from offline import stand_ins

    wanted = stand_ins.wanted(references)
    missing = stand_ins.missing(wanted)
    if missing and mode == "auto":
        absent = [r for r in references if stand_ins.name_of(r) in missing and not in_engine(r)]
        if all(reachable(host) for host in {r.partition("/")[0] for r in absent}):
            return
    if missing:
        stand_ins.build(missing)


def named(root: Path) -> list[str]:
    """The references in images.toml. Read by pattern: this must run on Pythons that have no TOML reader."""
    return re.findall(r'(?m)^\w+\s*=\s*"([^"]+)"', (root / "images.toml").read_text())


def in_engine(reference: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", reference], capture_output=True, timeout=30).returncode == 0


def reachable(host: str) -> bool:
    """Whether the registry's port accepts a connection. In a thread: a resolver keeps to no time limit."""
    import socket

    name, _, port = {"docker.io": "registry-1.docker.io"}.get(host, host).partition(":")
    connected: list[bool] = []

    def connect() -> None:
        try:
            socket.create_connection((name, int(port or 443)), PROBE_SECONDS).close()
            connected.append(True)
        except OSError:
            pass

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return bool(connected)
