"""Engines of our own, to be stopped, starved and cut off."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from support.machine import docker, until


class Engine:
    """A Docker engine of our own: own socket, own data; it may be frozen, stopped and killed.

    Args:
        network: whether it sees this machine's network, such as a registry on loopback. Nothing that it runs is let
            out by that.
    """

    def __init__(self, *, store: bool, network: bool = False):
        self.folder = Path(tempfile.mkdtemp(prefix="swd-", dir="/var/tmp"))  # short: sockets have 108 bytes
        self.socket = self.folder / "docker.sock"
        config = self.folder / "daemon.json"
        config.write_text(json.dumps({"features": {"containerd-snapshotter": store}}))
        self.log = (self.folder / "log").open("wb")
        self.bridge, self.subnet = "", ""
        if network:
            number = 100 + secrets.randbelow(100)
            self.bridge, self.subnet = f"swd{secrets.token_hex(3)}", f"10.213.{number}.0/24"
            for words in (f"add {self.bridge} type bridge", f"set {self.bridge} up"):
                subprocess.run(["ip", "link", *words.split()], check=True)
            subprocess.run(["ip", "address", "add", f"10.213.{number}.1/24", "dev", self.bridge], check=True)
        # Without one, a network of its own: `--bridge=none` removes docker0, which would be the machine's engine's.
        apart = [] if network else ["unshare", "--net"]
        apart = [*apart, "dockerd", *self._own_containerd()]
        self.process = subprocess.Popen(
            [
                *apart, "--config-file", config, "--host", f"unix://{self.socket}",
                "--data-root", self.folder / "data",
                "--exec-root", self.folder / "exec", "--pidfile", self.folder / "pid",
                f"--bridge={self.bridge or 'none'}", "--iptables=false", "--ip6tables=false", "--ip-masq=false",
                "--ip-forward=false",
            ],
            stdout=self.log, stderr=self.log, start_new_session=True,
        )  # fmt: skip
        try:
            until(lambda: self.docker("version").returncode == 0, "an engine of our own answers", 30)
        except AssertionError as error:
            self.end()
            raise AssertionError(f"{error}: {(self.folder / 'log').read_text()[-500:]}") from error

    def _own_containerd(self) -> list[str]:
        """Start one where the machine has a containerd apart, as hosted runners have: dockerd would take that, with all
        the layers that the machine's engine has there."""
        if not Path("/run/containerd/containerd.sock").exists():
            return []
        config, address = self.folder / "containerd.toml", self.folder / "containerd.sock"
        config.write_text(
            f'version = 2\nroot = "{self.folder}/data/containerd"\nstate = "{self.folder}/exec/containerd"\n'
            f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{address}"\n'
        )
        self.containerd = subprocess.Popen(
            ["containerd", "--config", config], stdout=self.log, stderr=self.log, start_new_session=True
        )
        until(address.exists, "a containerd of our own answers", 30)
        return ["--containerd", str(address)]

    @property
    def environment(self) -> dict[str, str]:
        return {"DOCKER_HOST": f"unix://{self.socket}"}

    def docker(self, *args: str, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
        return docker(*args, timeout=timeout, env=os.environ | self.environment)

    def bring(self, *images: str) -> None:
        """Copy images from the machine's engine."""
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as source:
            loaded = self.docker_in("load", source.stdout)
        assert loaded.returncode == 0, loaded.stderr

    def docker_in(self, verb: str, source: Any) -> "subprocess.CompletedProcess[str]":
        return docker(verb, stdin=source, env=os.environ | self.environment)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> None:
        """End it and all that it started, and remove its data."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in self.children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.log.close()
        until(lambda: not self.children(), "the engine's processes are gone", 10)
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if str(self.folder) in line]
        for mount in reversed(mounts):
            subprocess.run(["umount", "-l", mount], capture_output=True, check=False)
        if self.bridge:
            subprocess.run(["ip", "link", "delete", self.bridge], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def children(self) -> list[int]:
        """Its containerd, shims and what runs in its containers: by their command line or their root's mounts."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (folder / "cmdline").read_bytes()
                mounts = (folder / "mountinfo").read_text()
                inside = " / / " in mounts and f"{self.folder}/" in next(
                    (m for m in mounts.splitlines() if m.split()[4] == "/"), ""
                )
                if str(self.folder).encode() in line or inside:
                    found.append(int(folder.name))
        return found
