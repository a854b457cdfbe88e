"""Machines for tests: Debian roots that run as containers, with the repository's last commit in them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from machine import packages

ROOT = Path(__file__).resolve().parents[2]
EPOCH = "1767225600"
# What this machine may need to reach its package index, and a machine inside it therefore too.
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


@dataclass(frozen=True)
class Recipe:
    """What a root is made of. `options` are mmdebstrap's own."""

    suite: str
    packages: tuple[str, ...]
    options: tuple[str, ...] = ()

    @property
    def command(self) -> list[str]:
        return [
            "mmdebstrap",
            "--quiet",
            "--mode=root",
            "--variant=apt",
            "--format=tar",
            "--include=" + ",".join(self.packages),
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            "--dpkgopt=force-unsafe-io",
            *(f"--aptopt={line}" for line in packages.apt_network_options()),
            *self.options,
            '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"',
            self.suite,
        ]


def docker(*arguments: str, **options: object) -> str:
    """What a docker command prints; one that fails ends the test with its own words."""
    ended = subprocess.run(["docker", *arguments], capture_output=True, text=True, **options)  # type: ignore[call-overload]
    assert ended.returncode == 0, f"docker {' '.join(arguments[:3])} …: {ended.stderr}"
    return ended.stdout.strip()


def root_image(recipe: Recipe, label: str) -> str:
    """The root as an image; made once for each recipe and kept. `make clean` removes it."""
    key = hashlib.sha256(repr(recipe.command).encode()).hexdigest()[:12]
    name = f"stand-in.invalid/{label.removeprefix('slipway.test-')}-{recipe.suite}:{key}"
    if subprocess.run(["docker", "image", "inspect", name], capture_output=True).returncode == 0:
        return name
    packages.ensure_commands({"mmdebstrap": "mmdebstrap"})
    with tempfile.TemporaryDirectory() as folder:
        tar = f"{folder}/root.tar"
        environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "LC_ALL": "C.UTF-8"}
        subprocess.run([*recipe.command, tar, packages.debian_source()[0]], check=True, env=environment, timeout=900)
        docker("import", "--change", f"LABEL {label}=root", tar, name, timeout=300)
    return name


@dataclass(frozen=True)
class Machine:
    """A running container that stands for a machine, with the repository's last commit in /shop."""

    name: str

    def words(self, command: str, environment: dict[str, str]) -> list[str]:
        options = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
        return ["docker", "exec", "--workdir", "/shop", *options, self.name, "sh", "-c", f"exec 2>&1; {command}"]

    def run(self, command: str, *, timeout: float = 900, **environment: str) -> subprocess.CompletedProcess[str]:
        """A shell command in /shop; both streams as one text, shown when a test fails."""
        ended = subprocess.run(
            self.words(command, environment), stdout=subprocess.PIPE, text=True, errors="replace", timeout=timeout
        )
        print(f"\n[{self.name}] $ {command}\n{ended.stdout}[exit code {ended.returncode}]")
        return ended

    def shown(self, command: str, *, timeout: float = 900, **environment: str) -> int:
        """Run a command as `run` does, its output going where this process writes; return its exit code."""
        return subprocess.run(self.words(command, environment), timeout=timeout).returncode


@dataclass(frozen=True)
class Extras:
    """What a machine gets beside its root: files of this machine (read-only or not), volumes of its own."""

    files: dict[Path, str] = field(default_factory=dict)  # here -> there, read-only
    folders: dict[Path, str] = field(default_factory=dict)  # here -> there, written to by both
    volumes: tuple[str, ...] = ()  # each its own, removed with the machine

    @property
    def words(self) -> list[str]:
        shared = [f"{here}:{there}:ro" for here, there in self.files.items()]
        shared += [f"{here}:{there}" for here, there in self.folders.items()]
        return [word for volume in [*shared, *self.volumes] for word in ("--volume", volume)]


@contextlib.contextmanager
def machine(image: str, label: str, *, privileged: bool = True, extras: Extras | None = None) -> Iterator[Machine]:
    """A machine made from a root, removed afterwards with all that it wrote."""
    name = f"slipway-{label.removeprefix('slipway.test-')}-{uuid.uuid4().hex[:8]}"
    # --init: without it a containerd that died stays a zombie, and dockerd does not come up again.
    words = ["run", "--detach", "--init", "--name", name, "--hostname", "machine", "--label", f"{label}=machine"]
    if privileged:
        # An overlay cannot lie on an overlay: the engine inside gets a volume, and so do those that its tests start.
        words += ["--privileged", "--volume", "/var/lib/docker", "--volume", "/tmp", "--volume", "/var/tmp"]
    words += (extras or Extras()).words
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
        docker(*words, image, "sleep", "infinity")
        _put_repository(name)
        yield Machine(name)
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True)


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
