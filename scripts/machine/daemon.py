"""The Docker daemon: what it answers, its settings in daemon.json, and its containerd image store."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine.say import NotReady

Info = dict[str, Any]
SETTINGS = Path("/etc/docker/daemon.json")
SOCKET = "/var/run/docker.sock"
FEATURE = "containerd-snapshotter"
# Publishing by digest relies on the containerd image store, which Docker 26 to 28 have off by default.
STORE_ON = {"features": {FEATURE: True}}
DOCS = "https://docs.docker.com/engine/install/"


class NoAnswer(NotReady):
    """The engine took the question and did not answer in time."""


def ask(seconds: float = 15) -> Info:
    """Return `docker info`; empty without a docker command.

    It ends with 0 even without an engine, so what counts is whether the answer has a `ServerVersion`.

    Raises:
        NoAnswer: the engine does not answer within `seconds`.
        NotReady: `docker` is Podman.
    """
    if not shutil.which("docker"):
        return {}
    command = ["docker", "info", "--format", "{{json .}}"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise NoAnswer(
            f"the Docker engine does not answer within {seconds:.0f} s.", "Restart it, then run this again."
        ) from None
    if "podman" in shown.stderr.lower():
        raise NotReady("`docker` is Podman here, which lacks what Slipway relies on.", f"Install Docker: {DOCS}")
    try:
        info = json.loads(shown.stdout)
    except ValueError:
        info = {}
    return {**info, "said": " ".join([*(info.get("ServerErrors") or []), shown.stderr.strip()])}


def ask_socket(seconds: float) -> Info:
    """Return what this machine's own engine answers to `GET /info`; empty where none does.

    Takes a twentieth of the time of `docker info`, which starts every plugin of the command.
    """
    import http.client

    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(seconds)
    try:
        connection.sock.connect(SOCKET)
        connection.request("GET", "/info")
        answer = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else {}


def wait(seconds: float, check: Callable[[], None] = lambda: None, asked: Callable[[float], Info] = ask) -> Info:
    """Ask until the engine answers and return its answer; empty after `seconds`. `check` may raise in between."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        try:
            info = asked(left)
        except NoAnswer:
            break
        if info.get("ServerVersion"):
            return info
        check()
        time.sleep(0.1)
    return {}


def has_store(info: Info) -> bool:
    """Return whether the containerd image store is on."""
    return ["driver-type", "io.containerd.snapshotter.v1"] in (info.get("DriverStatus") or [])


def merged(content: bytes) -> str:
    """Return the settings with the containerd image store switched on and everything else as it was.

    Raises:
        NotReady: the file is not what dockerd reads, or it rules the store out.
    """
    fix = f"Correct what writes that file: it must hold {json.dumps(STORE_ON)} beside its other settings."
    try:
        settings = json.loads(content) if content.strip() else {}  # dockerd takes an empty file for no settings
    except ValueError as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise NotReady(f"{SETTINGS}{line} is not JSON ({error}), so that Docker could not start again.", fix) from None
    features = settings.get("features", {}) if isinstance(settings, dict) else None
    if not isinstance(features, dict):
        raise NotReady(f"{SETTINGS} has another shape than Docker reads, so that Docker could not start again.", fix)
    if features.get(FEATURE, True) is not True:
        raise NotReady(f"{_place(content, FEATURE)} switches the containerd image store off, which Slipway needs.", fix)
    if "storage-driver" in settings:
        # Docker would start, and every pull end with "snapshotter not loaded: overlay2".
        raise NotReady(
            f"{_place(content, 'storage-driver')} chooses a driver of the old image store, which the containerd image"
            " store does not have.",
            "Leave `storage-driver` out of that file.",
        )
    return json.dumps({**settings, "features": {**features, FEATURE: True}}, indent=2) + "\n"


def _place(content: bytes, key: str) -> str:
    """Where a key is set: file:line."""
    lines = content.decode(errors="replace").splitlines()
    return next((f"{SETTINGS}:{n}" for n, text in enumerate(lines, 1) if f'"{key}"' in text), str(SETTINGS))
