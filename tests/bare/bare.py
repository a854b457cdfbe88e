"""Bare machines: Debian roots with Python, make, git and CA certificates alone, run as privileged containers."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from machine import packages

ROOT = Path(__file__).resolve().parents[2]
LABEL = "slipway.test-bare"
HAS = ("python3", "make", "git", "ca-certificates")
EPOCH = "1767225600"
# What this machine may need to reach its package index, and a bare one inside it therefore too.
CERTIFICATES = (
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "CURL_CA_BUNDLE",
)
NETWORK = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "PIP_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "SLIPWAY_OFFLINE",
)


def docker(*arguments: str, **options: object) -> str:
    ended = subprocess.run(["docker", *arguments], capture_output=True, text=True, **options)  # type: ignore[call-overload]
    assert ended.returncode == 0, f"docker {' '.join(arguments[:3])} …: {ended.stderr}"
    return ended.stdout.strip()


def root_image(suite: str) -> str:
    """The bare root of a suite as an image; made once for each recipe, and removed by `make clean`."""
    command = [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=apt",
        "--format=tar",
        "--include=" + ",".join(HAS),
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=force-unsafe-io",
        *(f"--aptopt={line}" for line in packages.apt_network_options()),
        '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"',
        suite,
    ]
    name = f"stand-in.invalid/bare-{suite}:{hashlib.sha256(repr(command).encode()).hexdigest()[:12]}"
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True).returncode == 0:
        return name
    packages.ensure_commands({"mmdebstrap": "mmdebstrap"})
    with tempfile.TemporaryDirectory() as folder:
        tar = f"{folder}/root.tar"
        environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "LC_ALL": "C.UTF-8"}
        subprocess.run([*command, tar, packages.debian_source()[0]], check=True, env=environment, timeout=600)
        docker("import", "--change", f"LABEL {LABEL}=root", tar, name)
    return name


@dataclass(frozen=True)
class Machine:
    """A running container that stands for a machine, with the repository's last commit in /shop."""

    name: str

    def run(self, command: str, *, timeout: float = 900, **environment: str) -> subprocess.CompletedProcess[str]:
        """A shell command in /shop; both streams as one text, shown when a test fails."""
        words = ["docker", "exec", "--workdir", "/shop"]
        for name, value in environment.items():
            words += ["--env", f"{name}={value}"]
        ended = subprocess.run(
            [*words, self.name, "sh", "-c", f"exec 2>&1; {command}"],
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=timeout,
        )
        print(f"\n[{self.name}] $ {command}\n{ended.stdout}[exit code {ended.returncode}]")
        return ended


@contextlib.contextmanager
def machine(suite: str, *, privileged: bool = True) -> Iterator[Machine]:
    name = f"slipway-bare-{suite}-{uuid.uuid4().hex[:8]}"
    # --init: without it a containerd that died stays a zombie, and dockerd does not come up again.
    words = ["run", "--detach", "--init", "--name", name, "--label", f"{LABEL}=machine"]
    if privileged:
        # An overlay cannot lie on an overlay: the engine inside gets a volume, and so do those that its tests start.
        words += ["--privileged", "--volume", f"{name}:/var/lib/docker", "--volume", "/tmp", "--volume", "/var/tmp"]
    for variable in CERTIFICATES:
        if os.environ.get(variable):
            words += [
                "--volume",
                f"{os.environ[variable]}:/run/outer/{variable}:ro",
                "--env",
                f"{variable}=/run/outer/{variable}",
            ]
    for variable in NETWORK:
        if variable in os.environ:
            words += ["--env", variable]
    try:
        docker(*words, root_image(suite), "sleep", "infinity")
        _put_repository(name)
        yield Machine(name)
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True)
        subprocess.run(["docker", "volume", "rm", "--force", name], capture_output=True)


def _put_repository(name: str) -> None:
    """What is committed, as a user would get it: nothing that lies about in this checkout comes along."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{ROOT}", f"{folder}/shop"], check=True)
        packed = subprocess.Popen(["tar", "-C", folder, "-c", "shop"], stdout=subprocess.PIPE)
        subprocess.run(
            ["docker", "exec", "--interactive", name, "tar", "-C", "/", "-x", "--no-same-owner"],
            stdin=packed.stdout,
            check=True,
        )
        assert packed.wait() == 0
