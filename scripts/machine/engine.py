"""The Docker engine: found as it is, or installed and started where there is none."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from machine import install, packages
from machine.say import NotReady, say

LOG = Path("/var/log/slipway-dockerd.log")
Info = dict[str, Any]
PLUGINS = ("buildx", "compose")
STORE = ["driver-type", "io.containerd.snapshotter.v1"]


class NoEngine(NotReady):
    """No engine can run here at all; what needs none can still be done."""


def ensure() -> None:
    """Returns when an engine with buildx, compose and the containerd store answers."""
    info = ask()
    if not info.get("ServerVersion"):
        info = _bring_up(info)
    missing = tuple(p for p in PLUGINS if not _has_plugin(info, p))
    if missing:
        install.install(install.plan(False, missing), f"the docker command lacks its {' and '.join(missing)} plugin")
        info = ask()
    if STORE not in (info.get("DriverStatus") or []):
        restart = "systemctl restart docker" if systemd() else "restart dockerd"
        raise NotReady(
            "the engine does not use the containerd image store, which publishing by digest relies on.",
            f"Put {install.DAEMON_SETTINGS.strip()} into {install.DAEMON_JSON}, then {restart}"
            " (Docker Desktop: Settings, General, containerd).",
        )


def ask() -> Info:
    """`docker info`. It ends with 0 even without an engine, so what it says is what counts."""
    if not shutil.which("docker"):
        return {}
    try:
        shown = subprocess.run(["docker", "info", "--format", "{{json .}}"], capture_output=True, text=True, timeout=15)
    except subprocess.TimeoutExpired:
        raise NotReady("the Docker engine does not answer within 15 s.", "Restart it, then run this again.") from None
    if "podman" in shown.stderr.lower():
        raise NotReady(
            "`docker` is Podman here, which lacks what Slipway relies on.", f"Install Docker: {install.DOCS}"
        )
    try:
        info = json.loads(shown.stdout)
    except ValueError:
        info = {}
    return {**info, "said": " ".join([*(info.get("ServerErrors") or []), shown.stderr.strip()])}


def systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def _has_plugin(info: Info, name: str) -> bool:
    plugins = (info.get("ClientInfo") or {}).get("Plugins") or []
    return any(p.get("Name") == name and not p.get("Err") for p in plugins)


def _bring_up(info: Info) -> Info:
    """Nothing answers. What is ours to do about it depends on why."""
    if "permission denied" in info.get("said", ""):
        raise NotReady(
            "no permission to talk to the Docker engine.",
            'Run `sudo usermod -aG docker "$USER"`, log out and in, then run this again.',
        )
    elsewhere = os.environ.get("DOCKER_HOST", "")
    context = (info.get("ClientInfo") or {}).get("Context", "default")
    if elsewhere or context != "default":
        raise NotReady(
            f"no Docker engine answers at {elsewhere or 'the docker context ' + context}.",
            "Start it, or unset DOCKER_HOST (`docker context use default`).",
        )
    if platform.system() != "Linux":
        raise NotReady(
            "no Docker engine answers.", f"Start Docker Desktop (or colima, OrbStack); to install one: {install.DOCS}"
        )
    _refuse_unprivileged()
    if not shutil.which("dockerd"):
        missing = tuple(p for p in PLUGINS if not _has_plugin(info, p))
        install.install(install.plan(True, missing), "no Docker engine is installed")
    elif not packages.may_change():
        start = "systemctl start docker" if systemd() else f"dockerd > {LOG} 2>&1 &"
        raise NotReady("Docker is installed, but its engine does not run.", "Run: " + packages.sudo(start))
    return _start()


def _refuse_unprivileged() -> None:
    """Without CAP_SYS_ADMIN (bit 21) nothing can be mounted: an engine would be installed only to die."""
    status = Path("/proc/self/status").read_text()
    capabilities = int(status.partition("CapEff:")[2].split()[0], 16)
    if os.geteuid() == 0 and not capabilities >> 21 & 1:
        raise NoEngine(
            "no Docker engine can run here: this is a container without privileges (no CAP_SYS_ADMIN).",
            "Start it with --privileged, or lend it an engine (--volume /var/run/docker.sock:/var/run/docker.sock).",
        )


def _start() -> Info:
    if systemd():
        say("starting Docker Engine (systemctl start docker)")
        ended = subprocess.run(["systemctl", "start", "docker"], capture_output=True, text=True, timeout=120)
        if ended.returncode:
            why = (ended.stderr.strip().splitlines() or ["no reason given"])[0]
            raise NotReady(
                f"`systemctl start docker` failed: {why}", "See: systemctl status docker; journalctl -u docker"
            )
        process = None
    elif ask().get("ServerVersion"):  # a package's own script may have started it
        return ask()
    else:
        say(f"starting Docker Engine (dockerd, log: {LOG})")
        _drop_stale_pid_file()
        LOG.parent.mkdir(parents=True, exist_ok=True)
        with LOG.open("wb") as log:
            # A process group of its own: it outlives this command, and Ctrl-C at `make run` is not meant for it.
            process = subprocess.Popen(
                ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        info = ask()
        if info.get("ServerVersion"):
            say(f"Docker Engine {info['ServerVersion']} answers")
            return info
        if process and process.poll() is not None:
            raise NoEngine(
                f"no Docker engine can run here: dockerd ended: {_last_words()}",
                f"Log: {LOG}. In a container: start that with --privileged and /var/lib/docker on a volume.",
            )
        time.sleep(0.2)
    where = "journalctl -u docker" if systemd() else str(LOG)
    raise NotReady("Docker Engine was started but does not answer after 60 s.", f"Why: {where}")


def _drop_stale_pid_file() -> None:
    """A machine that was restarted may have given the number in it to another program; dockerd would then refuse."""
    file = Path("/var/run/docker.pid")
    try:
        name = Path(f"/proc/{int(file.read_text())}/comm").read_text().strip()
    except (OSError, ValueError):
        name = ""
    if name != "dockerd":
        file.unlink(missing_ok=True)


def _last_words() -> str:
    lines = [line for line in LOG.read_text(errors="replace").splitlines() if line.strip()]
    return (lines or ["it said nothing"])[-1][:300]
