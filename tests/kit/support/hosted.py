"""A machine as GitHub hosts it, on this one: its own /run, /etc/docker, image stores and network; store off."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from support.machine import REPOSITORY, until

# There is no systemd in a container: this restarts the one unit that is asked for, as `systemctl` does.
SYSTEMCTL = """#!/bin/sh
[ "$*" = "restart docker" ] || exit 64
if [ -e {folder}/no-restart ]; then sleep 600; fi
kill "$(cat /run/docker.pid)" && while [ -e /run/docker.pid ]; do sleep 0.02; done
nsenter --net={net} dockerd $(cat {folder}/options 2>/dev/null) >>{folder}/log 2>&1 </dev/null &
for _ in $(seq 300); do
	DOCKER_HOST= docker version >/dev/null 2>&1 && exit
	kill -0 $! 2>/dev/null || break
	sleep 0.1
done
echo 'Job for docker.service failed.' >&2
exit 1
"""
PYTHON = "/usr/bin/python3"  # for every account, unlike the one in the kit's environment
SETTINGS = {"exec-opts": ["native.cgroupdriver=cgroupfs"], "cgroup-parent": "/actions_job"}


class HostedRunner:
    """A machine in namespaces of its own. What is played: `systemctl restart docker`, where no systemd runs."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="swh-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.settings = self.folder / "etc-docker" / "daemon.json"
        places = {"run": "/run", "etc-docker": "/etc/docker", "data": "/var/lib/docker"}
        places |= {"containerd": "/var/lib/containerd"}
        for name, there in places.items():
            (self.folder / name).mkdir()
            Path(there).mkdir(exist_ok=True)
        (self.folder / "bin").mkdir()
        self.write(SETTINGS)
        binds = " && ".join(f"mount --bind {self.folder / name} {there}" for name, there in places.items())
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", "-ec", f"{binds} && ip link set lo up && exec sleep infinity"],
            start_new_session=True,
        )
        until(lambda: "sleep" in Path(f"/proc/{self.holder.pid}/comm").read_text(), "the machine is there", 10)
        played = SYSTEMCTL.format(folder=self.folder, net=f"/proc/{self.holder.pid}/ns/net")
        (self.folder / "bin" / "systemctl").write_text(played)
        (self.folder / "bin" / "systemctl").chmod(0o755)
        try:
            self.start()
        except AssertionError:
            self.end()
            raise

    def write(self, settings: object) -> None:
        """Write daemon.json: a value, or text as it is."""
        self.settings.write_text(settings if isinstance(settings, str) else json.dumps(settings, indent=4))

    def inside(self, *words: object, net: bool = True) -> list[str]:
        """The words of a command that runs in the machine, or with this machine's network."""
        spaces = ["--mount", "--net"] if net else ["--mount"]
        return ["nsenter", f"--target={self.holder.pid}", *spaces, "--", *map(str, words)]

    def docker(self, *args: str) -> "subprocess.CompletedProcess[str]":
        """A docker command in the machine."""
        return subprocess.run(self.inside("docker", *args), capture_output=True, text=True, timeout=120)

    def start(self, options: str = "") -> None:
        """Start its engine."""
        command = f"exec dockerd {options} >>{self.folder}/log 2>&1 </dev/null"
        subprocess.Popen(self.inside("sh", "-c", command), start_new_session=True)
        until(lambda: self.docker("version").returncode == 0, "its engine answers", 30)

    @property
    def pid(self) -> int:
        """The engine's process."""
        return int((self.folder / "run" / "docker.pid").read_text())

    @property
    def store(self) -> bool:
        """Whether the containerd image store is on."""
        return "io.containerd.snapshotter" in self.docker("info", "--format", "{{.DriverStatus}}").stdout

    def load(self, image: str) -> str:
        """Copy an image from this machine's engine; what `docker load` says where it fails, otherwise nothing."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as source:
            done = subprocess.run(self.inside("docker", "load"), stdin=source.stdout, capture_output=True, timeout=300)
        said = (done.stdout + done.stderr).decode()
        return said if done.returncode or "Error" in said else ""

    def bring(self, image: str) -> None:
        """Copy an image from this machine's engine."""
        assert not (said := self.load(image)), said

    def set_up(self, **environment: str) -> "subprocess.CompletedProcess[str]":
        """The action's set-up, as a step of a job runs it."""
        script = REPOSITORY / ".github" / "actions" / "setup" / "setup.py"
        return self._step([sys.executable, script], environment)

    def fit(self, user: str, **constants: float) -> "subprocess.CompletedProcess[str]":
        """What the set-up does to the engine, as another account or with other limits. It prints its message."""
        kit = self.folder / "kit"  # where every account may read it
        shutil.copytree(REPOSITORY / "scripts" / "machine", kit / "machine", dirs_exist_ok=True)
        given = "; ".join(f"hosted.{name} = {value}" for name, value in constants.items())
        code = f"import sys; sys.path.insert(0, '{kit}'); from machine import hosted; {given}\n"
        code += "try: hosted.fit()\nexcept hosted.NotReady as error: print(error); sys.exit(3)"
        account = ["setpriv", f"--reuid={user}", "--regid=docker", "--clear-groups", "--"]
        return self._step([*account, PYTHON, "-c", code], {})

    def _step(self, command: list[object], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        temporary = self.folder / "temp"
        temporary.mkdir(exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if name != "ENGINE"}
        given = inherited | {
            "RUNNER_ENVIRONMENT": "github-hosted",
            "RUNNER_TEMP": str(temporary),
            "GITHUB_PATH": str(temporary / "path"),
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            **environment,
        }
        return subprocess.run(self.inside(*command, net=False), env=given, capture_output=True, text=True, timeout=240)

    def end(self) -> None:
        """End it and all that it started, and remove its data."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(self.pid, signal.SIGCONT)
            for name in self.docker("ps", "--all", "--quiet").stdout.split():
                self.docker("rm", "--force", "--volumes", name)
            os.kill(self.pid, signal.SIGTERM)
            until(lambda: not (self.folder / "run" / "docker.pid").exists(), "its engine ended", 20)
        self.holder.kill()
        self.holder.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
