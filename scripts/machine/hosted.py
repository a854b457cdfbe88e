"""A GitHub-hosted runner: its engine made fit for Slipway. `ubuntu-24.04` comes with the containerd image store off."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time

from machine import daemon
from machine.say import NotReady, say

FIRST_SECONDS = 60  # the engine of an arm runner may still be starting
RESTART_SECONDS = 30
# Docker 29 with the store on.
LABEL = "ubuntu-26.04-arm" if platform.machine() == "aarch64" else "ubuntu-26.04"
ROOMS = "/__w/"  # actions/runner, ContainerInfo.cs: where a job container sees the runner's work folder
OWN = ("", "unix:///var/run/docker.sock", "unix:///run/docker.sock")
SHOWN = 5


def refuse_job_container() -> None:
    """Refuse a job with `container:`, on every runner.

    Its steps see the runner's folders below /__w, which the engine outside does not know, and its localhost is not
    where published ports are.
    """
    if os.environ.get("RUNNER_TEMP", "").startswith(ROOMS):
        raise NotReady(
            "this job runs in a container (`container:`), and the engine outside it: folders and ports differ.",
            "Remove `container:` from the job. What needs another image goes into a job of its own.",
        )


def fit() -> None:
    """Switch the containerd image store on where this is a hosted runner whose engine lacks it.

    Any other machine is left as it is.

    Raises:
        NotReady: it cannot be switched on here; the message says why, and what to change in the workflow.
    """
    hosted = os.environ.get("RUNNER_ENVIRONMENT") == "github-hosted" and platform.system() == "Linux"
    if not hosted or not shutil.which("docker"):
        return
    own = os.environ.get("DOCKER_HOST", "") in OWN
    info = daemon.wait(FIRST_SECONDS, asked=daemon.ask_socket if own else daemon.ask)
    if not info:
        raise NotReady(
            f"no Docker engine answers on this runner within {FIRST_SECONDS} s.", f"Use the label `{LABEL}`."
        )
    if not daemon.has_store(info):
        _switch_on()


def _switch_on() -> None:
    _refuse_another_engine(daemon.ask())
    _refuse_running()
    hidden = _docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
    hidden += [f"container {name}" for name in _docker("ps", "--all", "--format", "{{.Names}}")]
    content = _settings()
    wanted = daemon.merged(content)
    _refuse_without_root()
    begun = time.monotonic()
    _as_root("mkdir", "-p", str(daemon.SETTINGS.parent))
    _as_root("tee", str(daemon.SETTINGS), given=wanted)
    restarted = _restart()
    if not daemon.has_store(restarted):
        raise NotReady(
            "Docker was restarted, and its containerd image store is still off: dockerd reads other settings than"
            f" {daemon.SETTINGS}.",
            f"Use the label `{LABEL}`, or switch the store on where this runner's image starts dockerd.",
        )
    say(f"switched Docker's containerd image store on and restarted Docker ({time.monotonic() - begun:.1f} s)")
    if hidden:
        say(f"no longer visible, because they are in the old image store: {_some(hidden)}")


def _refuse_another_engine(info: daemon.Info) -> None:
    host = os.environ.get("DOCKER_HOST", "")
    context = (info.get("ClientInfo") or {}).get("Context", "default")
    if host not in OWN or context != "default":
        raise NotReady(
            f"the engine at {host or 'the docker context ' + context} has its containerd image store off.",
            "Switch it on there (https://docs.docker.com/engine/storage/containerd/), or use the runner's own engine.",
        )


def _refuse_running() -> None:
    if running := _docker("ps", "--format", "{{.Names}} ({{.Image}})"):
        raise NotReady(
            "Docker must be restarted to switch its containerd image store on, and containers are running:"
            f" {_some(running)}.",
            "Call Slipway's set-up before the first step that starts a container. A job's `services:` start before"
            f" every step: there, use the label `{LABEL}`, which needs no restart.",
        )


def _refuse_without_root() -> None:
    try:
        _as_root("true")
    except NotReady as error:
        raise NotReady(
            f"switching Docker's containerd image store on takes root, and this job has none: {error}",
            f"Use the label `{LABEL}`, or switch the store on in the runner's image.",
        ) from None


def _settings() -> bytes:
    """The settings that are there; empty where there are none."""
    try:
        return daemon.SETTINGS.read_bytes()
    except FileNotFoundError:
        return b""
    except PermissionError:
        return _as_root("cat", str(daemon.SETTINGS)).encode()


def _restart() -> daemon.Info:
    """Restart Docker and return what it answers."""
    begun = time.monotonic()
    try:
        # `timeout` as root: whoever is not root could not end what `sudo` started.
        _as_root("timeout", str(RESTART_SECONDS), "systemctl", "restart", "docker", seconds=RESTART_SECONDS + 15)
        if answer := daemon.wait(RESTART_SECONDS - (time.monotonic() - begun), asked=daemon.ask_socket):
            return answer
        why = "it does not answer"
    except (NotReady, subprocess.TimeoutExpired) as error:
        why = str(error)
    raise NotReady(
        f"Docker did not come back within {RESTART_SECONDS} s of its restart: {why}",
        "See why in a next step with `if: failure()`: sudo journalctl --unit docker --no-pager --lines 50",
    )


def _as_root(*command: str, given: str = "", seconds: float = 15) -> str:
    """Run a command as root without asking anybody, and return what it prints."""
    words = [*command] if os.geteuid() == 0 else ["sudo", "-n", *command]
    try:
        done = subprocess.run(words, input=given, capture_output=True, text=True, timeout=seconds)
    except FileNotFoundError as error:
        raise NotReady(f"there is no `{error.filename}`") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0]
        raise NotReady(f"`{' '.join(words)}`: {said}")
    return done.stdout


def _docker(*words: str) -> list[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, timeout=30).stdout.splitlines()


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
