"""Registries: the local one that runs start, and reading digests back from any on this machine."""

import asyncio
import socket
from collections.abc import Callable, Collection
from typing import Any

from slipway.errors import NotReady
from slipway.image.reference import LOOPBACK, Repository
from slipway.tools import http
from slipway.tools.docker import containers, docker

NAME = "slipway-registry"
ROLE = "slipway.role=registry"
STARTER = "slipway.starter"  # label: the project that started it
KINDS = ("oci.image.manifest", "oci.image.index", "docker.distribution.manifest", "docker.distribution.manifest.list")
ACCEPT = ", ".join(f"application/vnd.{kind}.{'v1' if kind.startswith('oci') else 'v2'}+json" for kind in KINDS)


async def ensure(port: int, image: str, project: str, doing: Callable[[str], None] = lambda _: None) -> None:
    """Have the local registry answer on 127.0.0.1:`port`; it stays up from run to run; see `unused`.

    Args:
        image: the registry's image.
        project: who starts it; others just use it.
        doing: told that the image is pulled first, where it is.

    Raises:
        NotReady: the port is taken by something else, or the registry does not come up.
    """
    if await _answers(port) and await _ours(port):
        return
    # Ours on this port that does not answer (stopped, or ill). One on another port serves another project.
    for old in await containers(f"label={ROLE}", f"name=^/?{NAME}-{port}$"):
        await docker("rm", "-f", old["Id"])
    if _taken(port):
        raise NotReady(
            f"port {port} on 127.0.0.1 is taken, and not by Slipway's registry. "
            "Choose another: SLIPWAY_PUBLISH_REGISTRY_PORT, or [publish] registry-port."
        )

    def heard(line: str) -> None:
        if line.startswith("Unable to find image"):
            doing(f"pulling {image.partition('@')[0]}")

    done = await docker(
        "run", "--detach", "--init", "--restart", "no", "--name", f"{NAME}-{port}", "--label", ROLE,
        "--label", f"{STARTER}={project}", "--publish", f"127.0.0.1:{port}:5000",
        "--volume", f"{NAME}-{port}:/var/lib/registry", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",
        "--env", "REGISTRY_STORAGE_DELETE_ENABLED=true", image, timeout=300,
        on_line=heard,
    )  # fmt: skip
    # Already in use: another run starts it at this moment, and this one waits for it.
    if not done.ok and "is already in use" not in done.err:
        raise NotReady(f"the local registry did not start: {done.err.strip().partition(chr(10))[0]}")
    for _ in range(100):
        # Just started, the engine's proxy accepts and resets: only an answer counts.
        if await _answers(port):
            return
        await asyncio.sleep(0.05)
    raise NotReady(f"the local registry does not answer on port {port}. See: docker logs {NAME}-{port}")


async def unused(project: str, ran: Collection[str]) -> list[dict[str, Any]]:
    """The registries started by runs that may go when a project has stopped: its own, and those whose last user it was.

    Args:
        ran: the images that it ran. What others run, their containers on this machine tell.
    """
    run = [str(box["Config"]["Image"]) for box in await containers()]
    found = []
    for box in await containers(f"label={STARTER}"):
        hosts = tuple(f"{host}:{port}/" for host in LOOPBACK for port in _ports(box))
        ours = box["Config"]["Labels"][STARTER] == project or any(image.startswith(hosts) for image in ran)
        if ours and not any(image.startswith(hosts) for image in run):
            found.append(box)
    return found


async def _answers(port: int) -> bool:
    try:
        return (await http.arequest("GET", f"http://127.0.0.1:{port}/v2/", timeout=2)).status == 200
    except OSError:
        return False


async def _ours(port: int) -> bool:
    return any(str(port) in _ports(box) for box in await containers(f"label={ROLE}", "status=running"))


def _ports(box: dict[str, Any]) -> set[str]:
    """The ports of this machine that a running container is published on."""
    ports = ((box.get("NetworkSettings") or {}).get("Ports") or {}).values()
    return {str(binding.get("HostPort")) for bindings in ports for binding in bindings or []}


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def digest(repository: Repository, tag: str) -> str | None:
    """The digest that a tag (or digest) names in a registry on this machine, or None.

    Raises:
        OSError: the registry does not answer.
    """
    url = f"http://{repository.host}/v2/{repository.path}/manifests/{tag}"
    answer = await http.arequest("HEAD", url, headers={"Accept": ACCEPT})
    return answer.headers.get("docker-content-digest") if answer.status == 200 else None
