"""The Docker engine: found as it is, or installed and started where there is none."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

from machine import daemon, install, packages
from machine.daemon import Info
from machine.say import NotReady, say

LOG = Path("/var/log/slipway-dockerd.log")
PLUGINS = ("buildx", "compose")


class NoEngine(NotReady):
    """No engine can run here at all; what needs none can still be done."""


def ensure() -> None:
    """Returns when an engine with buildx, compose and the containerd store answers."""
    info = daemon.ask()
    if not info.get("ServerVersion"):
        info = _bring_up(info)
    missing = tuple(p for p in PLUGINS if not _has_plugin(info, p))
    if missing:
        install.install(install.plan(False, missing), f"the docker command lacks its {' and '.join(missing)} plugin")
        info = daemon.ask()
    if not daemon.has_store(info):
        restart = "systemctl restart docker" if systemd() else "restart dockerd"
        raise NotReady(
            "the engine does not use the containerd image store, which publishing by digest relies on.",
            f"Put {json.dumps(daemon.STORE_ON)} into {daemon.SETTINGS}, then {restart}"
            " (Docker Desktop: Settings, General, containerd).",
        )


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
            "no Docker engine answers.", f"Start Docker Desktop (or colima, OrbStack); to install one: {daemon.DOCS}"
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
    elif daemon.ask().get("ServerVersion"):  # a package's own script may have started it
        return daemon.ask()
    else:
        say(f"starting Docker Engine (dockerd, log: {LOG})")
        _drop_stale_pid_file()
        LOG.parent.mkdir(parents=True, exist_ok=True)
        with LOG.open("wb") as log:
            # A process group of its own: it outlives this command, and Ctrl-C at `make run` is not meant for it.
            process = subprocess.Popen(
                ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )

    def refuse_dead() -> None:
        if process and process.poll() is not None:
            raise NoEngine(
                f"no Docker engine can run here: dockerd ended: {_last_words()}",
                f"Log: {LOG}. In a container: start that with --privileged and /var/lib/docker on a volume.",
            )

    if info := daemon.wait(60, refuse_dead):
        say(f"Docker Engine {info['ServerVersion']} answers")
        return info
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
