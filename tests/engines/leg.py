"""Engines of other major versions than this machine's, each in a container of its own: the legs of the matrix.

    uv run --project scripts --locked python tests/engines/leg.py 28 [--store on] COMMAND

starts one, runs COMMAND in /shop, where the repository's last commit stands, and removes all of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in (HERE.parent / "machines", HERE.parent / "kit", HERE.parents[1] / "scripts"):
    sys.path.insert(0, str(folder))

from machines import Extras, Machine, Recipe, docker, machine, root_image  # noqa: E402
from workflows.harness import provision  # noqa: E402

from offline import stand_ins  # noqa: E402

LABEL = "slipway.test-engines"
PACKAGES = (
    "python3",
    "make",
    "git",
    "ca-certificates",
    "sudo",
    "docker.io",
    "docker-cli",
    "docker-buildx",
    "docker-compose",
    "containerd",
    "runc",
    "iptables",
    "iproute2",
    "procps",
    "mount",
    "util-linux",
    "docker-registry",
    "openssh-client",
)
# Debian's testing is a moving suite: its Release file is older than it allows by the time a snapshot is served.
FORKY = Recipe("forky", PACKAGES, ('--aptopt=Acquire::Check-Valid-Until "false"',))
# What the kit's set-up finds on a hosted runner, and how the workflows call it.
RUNNER = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_PATH": "/tmp/runner/path",
    "RUNNER_ENVIRONMENT": "github-hosted",
    "RUNNER_TEMP": "/tmp/runner",
}
SET_UP = "mkdir -p /tmp/runner && python3 .github/actions/setup/setup.py"
PLUGINS = "/usr/libexec/docker/cli-plugins"


@dataclass(frozen=True)
class Engine:
    """What a leg is called, and what its engine must answer to be called that."""

    name: str
    what: str
    api: tuple[str, str]  # the lowest and highest API version of this major version
    built: tuple[tuple[str, str], ...] = ()  # Go modules of harness/provision.py, and where each goes


ENGINES = {
    "28": Engine("28", "Docker 28 of Debian forky", ("1.48", "1.51")),
    "29": Engine(
        "29",
        "moby v2.0.0-beta.24, the source of Docker 29, built by `go install`",
        ("1.52", "1.99"),
        (
            ("dockerd", "/usr/sbin/dockerd"),
            ("docker-buildx", f"{PLUGINS}/docker-buildx"),
            ("docker-compose", f"{PLUGINS}/docker-compose"),
        ),
    ),
}


class NotAvailable(Exception):
    """The engine that a leg names is no longer to be had where it came from."""


class AnotherEngine(AssertionError):
    """A leg whose engine is of another major version than its name says."""


@dataclass(frozen=True)
class Leg:
    """A machine whose engine is of the major version that the leg names."""

    engine: Engine
    machine: Machine

    def docker(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A docker command in the leg, both streams apart."""
        return subprocess.run(
            ["docker", "exec", self.machine.name, "docker", *words], capture_output=True, text=True, timeout=120
        )

    def version(self) -> dict[str, str]:
        """What the engine says of itself."""
        shown = self.docker("version", "--format", "{{json .Server}}")
        assert shown.returncode == 0, shown.stderr
        return dict(json.loads(shown.stdout))

    def store(self) -> bool:
        """Whether the containerd image store is on."""
        return "io.containerd.snapshotter" in self.docker("info", "--format", "{{.DriverStatus}}").stdout

    def switch_store_on(self) -> None:
        """Let the kit's own set-up do it, as on a hosted runner."""
        done = self.machine.run(SET_UP, **RUNNER)
        assert done.returncode == 0 and self.store(), "the store is on after the set-up"

    def bring_stand_ins(self) -> None:
        """Copy the stand-ins for base images that this machine has made: making them again takes a minute or two."""
        filters = ("--filter", f"label={stand_ins.LABEL}", "--filter", f"reference={stand_ins.name_of('*')}:*")
        listed = docker("image", "ls", *filters, "--format", "{{.Repository}}:{{.Tag}}")
        if images := listed.split():
            with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as source:
                load = ["docker", "exec", "--interactive", self.machine.name, "docker", "load"]
                loaded = subprocess.run(load, stdin=source.stdout, capture_output=True, text=True, timeout=300)
            assert loaded.returncode == 0, loaded.stderr


def assert_named(engine: Engine, answered: dict[str, str]) -> None:
    """Refuse an engine of another major version than the leg names. Its version text may be anything
    (`library-import`); the newest API that it speaks is a number that each major version has for itself."""
    lowest, highest = (_numbers(v) for v in engine.api)
    if not lowest <= _numbers(answered["ApiVersion"]) <= highest:
        raise AnotherEngine(
            f"this leg is called {engine.name} and speaks API {' to '.join(engine.api)}; the engine in it is"
            f" {answered['Version']} with API {answered['ApiVersion']}"
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def installed(image: str) -> str:
    """The version of Docker that the root brings."""
    words = ("dpkg-query", "-W", "-f", "${Version}", "docker.io")
    return docker("run", "--rm", "--label", f"{LABEL}=machine", image, *words)


@contextlib.contextmanager
def leg(name: str, *, store: bool = False) -> Iterator[Leg]:
    """A machine with the engine that `name` names, running; the containerd image store as it comes, or switched on.

    Raises:
        NotAvailable: Debian's suite has moved on to another major version.
        AnotherEngine: what runs is not what the leg names.
    """
    engine = ENGINES[name]
    image = root_image(FORKY, LABEL)
    brought = installed(image)
    if not engine.built and not brought.startswith(f"{name}."):
        raise NotAvailable(f"Docker {name}: Debian {FORKY.suite} has {brought} today")
    files = {provision.go_tool(tool): there for tool, there in engine.built}
    files[HERE / "systemctl"] = "/usr/local/sbin/systemctl"
    caches = {provision.CACHE.parent: "/root/.cache/slipway", _uv_cache(): "/root/.cache/uv"}
    for folder in caches:
        folder.mkdir(parents=True, exist_ok=True)
    with machine(image, LABEL, extras=Extras(files, caches, ("/var/lib/containerd",))) as made:
        started = Leg(engine, made)
        # systemd's own folder says that units can be asked for.
        assert made.run("mkdir -p /run/systemd/system && systemctl start docker").returncode == 0
        assert_named(engine, started.version())
        if store and not started.store():
            started.switch_store_on()
        if started.store():
            started.bring_stand_ins()
        yield started


def _uv_cache() -> Path:
    return Path(os.environ.get("UV_CACHE_DIR") or provision.CACHE.parents[1] / "uv")


def main() -> int:
    """Run a command in a leg."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=sorted(ENGINES))
    parser.add_argument("--store", choices=("on", "as-it-comes"), default="as-it-comes")
    parser.add_argument("command", help="a line for the shell")
    asked = parser.parse_args()
    with leg(asked.engine, store=asked.store == "on") as started:
        return started.machine.shown(asked.command, timeout=4 * 3600)


if __name__ == "__main__":
    sys.exit(main())
