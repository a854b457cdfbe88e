"""The engine through its own command line: what it is, what it holds, and removal by label."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway import github
from slipway.errors import NotReady
from slipway.image.reference import slug
from slipway.tools import process
from slipway.tools.process import Finished

# Everything that a run starts carries these labels; clean-up goes by them and by nothing else.
RUN_LABEL = "slipway.run"
PROJECT_LABEL = "slipway.project"  # value: project_id()
PREFLIGHT_SECONDS = 10.0  # a frozen daemon never answers: every call needs an end
RUNNER_SECONDS = 60.0  # for the first look on a runner: that of an arm runner may still be starting
CALL_SECONDS = 60.0


@dataclass(frozen=True)
class Engine:
    """An engine that answers and can do what Slipway relies on."""

    version: str  # as it says; where that is no number (an engine built by hand), the API that it speaks: API 1.56
    containerd_store: bool
    architecture: str  # as in a platform: amd64, arm64
    buildx: str
    compose: str
    identity: str  # of the daemon: another engine holds other images


async def docker(*args: str | Path, timeout: float = CALL_SECONDS, **options: Any) -> Finished:
    """Run one docker command."""
    try:
        return await process.run("docker", *args, timeout=timeout, **options)
    except FileNotFoundError as error:
        raise NotReady(
            "no `docker` command on PATH. Install Docker Engine (https://docs.docker.com/engine/install/), "
            "or let `make run` install it as root."
        ) from error


def project_id(root: Path) -> str:
    """A name for a checkout that no other checkout on this machine has, though their folders be called the same."""
    return f"{slug(root.name)}-{hashlib.sha256(os.fsencode(root)).hexdigest()[:6]}"


async def engine() -> Engine:
    """Look at the engine.

    `docker info` exits 0 without an engine, so its fields are what counts (found by running it).

    Raises:
        NotReady: no engine answers, or it lacks buildx, compose or the containerd image store.
    """
    seconds = RUNNER_SECONDS if github.on_runner() else PREFLIGHT_SECONDS
    done = await docker("info", "--format", "{{json .}}", timeout=seconds)
    if done.timed_out:
        raise NotReady(f"the Docker engine did not answer within {seconds:.0f} s. Restart it, run again.")
    if "podman" in done.err.lower():
        raise NotReady("`docker` is Podman here, which lacks what Slipway relies on. Install Docker Engine.")
    try:
        info: dict[str, Any] = json.loads(done.out)
    except ValueError:
        info = {}
    if not info.get("ServerVersion"):
        raise NotReady(_no_engine(done, info))
    plugins = {p.get("Name"): p for p in (info.get("ClientInfo") or {}).get("Plugins") or []}
    machine = str(info.get("Architecture", ""))
    found = Engine(
        version=await _version(info["ServerVersion"]),
        containerd_store=["driver-type", "io.containerd.snapshotter.v1"] in (info.get("DriverStatus") or []),
        architecture={"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine),
        buildx=_plugin(plugins, "buildx", "docker-buildx-plugin or docker-buildx"),
        compose=_plugin(plugins, "compose", "docker-compose-plugin or docker-compose"),
        identity=str(info.get("ID", "")),
    )
    if not found.containerd_store:
        raise NotReady(_no_store())
    return found


async def _version(said: str) -> str:
    """Return the engine's version; an engine that was not built by its makers calls itself anything
    (`library-import`, `dev`), and is told by its API instead."""
    if said[:1].isdigit():
        return said
    api = (await docker("version", "--format", "{{.Server.APIVersion}}", timeout=PREFLIGHT_SECONDS)).out.strip()
    return f"API {api}" if api[:1].isdigit() else said


async def answers() -> bool:
    """Whether the engine is still there; asked where something failed that may have another reason."""
    return (await docker("version", "--format", "{{.Server.Version}}", timeout=PREFLIGHT_SECONDS)).ok


def _plugin(plugins: dict[Any, Any], name: str, packages: str) -> str:
    plugin = plugins.get(name)
    if not plugin or plugin.get("Err"):
        why = f" ({plugin['Err']})" if plugin else ""
        raise NotReady(f"the docker command has no working `{name}` plugin{why}. Install the package {packages}.")
    return str(plugin.get("Version", "0"))


def _no_engine(done: Finished, info: dict[str, Any]) -> str:
    said = " ".join([*(info.get("ServerErrors") or []), done.err.strip()])
    if "permission denied" in said:
        return (
            "no permission to talk to the Docker engine. Add yourself to its group "
            "(`sudo usermod -aG docker $USER`), then log in again."
        )
    where = said.partition(" at ")[2].split(" ")[0].rstrip(".") or "unix:///var/run/docker.sock"
    return (
        f"no Docker engine answers at {where}. Start it (`sudo systemctl start docker`), "
        "or let `make run` install it as root."
    )


def _no_store() -> str:
    what = "the engine does not use the containerd image store, which pushing by digest relies on."
    if github.hosted():
        return (
            f"{what}\nCall Slipway's action `setup` first, without `engine: false`: it switches the store on. "
            "Or use the label `ubuntu-26.04` (`ubuntu-26.04-arm`)."
        )
    settings = 'Put {"features": {"containerd-snapshotter": true}} into /etc/docker/daemon.json and restart it'
    if github.on_runner():
        return f"{what}\n{settings}: Slipway changes no runner of your own. Images in the old store are then hidden."
    return f"{what}\n{settings} (Docker Desktop: Settings, General, “Use containerd for pulling and storing images”)."


async def image(reference: str) -> dict[str, Any] | None:
    """What the engine knows of an image, or None. With the containerd store `Id` is the manifest's digest."""
    done = await docker("image", "inspect", reference)
    return json.loads(done.out)[0] if done.ok else None


async def pulled(reference: str) -> dict[str, Any]:
    """What the engine knows of an image, which it pulls where it has it not yet.

    Raises:
        NotReady: it cannot be had.
    """
    if found := await image(reference):
        return found
    done = await docker("pull", "--quiet", reference, timeout=600)
    if not done.ok:
        raise NotReady(f"{reference} cannot be pulled: {done.last_line()}. Log in, or publish it first.")
    return await image(reference) or {}


async def containers(*filters: str, env: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Full descriptions of the containers, running or not, that match all `filters` (label=…, name=…).

    Args:
        env: variables over our own, such as another engine's DOCKER_HOST.
    """
    words = [word for f in filters for word in ("--filter", f)]
    ids = (await docker("ps", "-aq", "--no-trunc", *words, env=env)).out.split()
    if not ids:
        return []
    done = await docker("inspect", *ids, env=env)
    return list(json.loads(done.out or "[]"))


async def remove(*filters: str, volumes: bool = True, env: Mapping[str, str] | None = None) -> list[str]:
    """Remove containers, networks and volumes by label and look again.

    Returns:
        what is still there afterwards, as `kind id`; empty when all is gone.
    """
    words = [word for f in filters for word in ("--filter", f)]
    kinds: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
        ("container", ("ps", "-aq"), ("rm", "-fv")),
        ("network", ("network", "ls", "-q"), ("network", "rm")),
    ]
    if volumes:
        kinds.append(("volume", ("volume", "ls", "-q"), ("volume", "rm", "-f")))
    left: list[str] = []
    for kind, listing, removal in kinds:
        if ids := (await docker(*listing, *words, env=env)).out.split():
            await docker(*removal, *ids, env=env)
            left += [f"{kind} {i}" for i in (await docker(*listing, *words, env=env)).out.split()]
    return left
