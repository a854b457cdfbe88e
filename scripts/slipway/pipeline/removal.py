"""`stop` and `clean`: remove what runs of this project started, by label, and nothing of anybody else's."""

import shutil
from pathlib import Path
from typing import Any

from slipway import config
from slipway.errors import NotReady
from slipway.image.reference import slug
from slipway.pipeline.folder import NAME
from slipway.tools import registry
from slipway.tools.docker import PROJECT_LABEL, containers, docker, engine, project_id, remove
from slipway.tools.images import STAND_INS
from slipway.tools.provision import cache_folder


async def _projects(root: Path) -> list[str]:
    """The compose projects that deploys of this checkout made, and test stacks that a killed run left."""
    listing = await docker("ps", "-a", "--format", '{{.Label "com.docker.compose.project"}}')
    volumes = await docker("volume", "ls", "--format", '{{.Label "com.docker.compose.project"}}')
    names = {*listing.out.split(), *volumes.out.split()}
    runs = {f"slipway-test-{run.name}" for run in (root / NAME / "runs").glob("*")}
    return sorted(n for n in names if n.startswith(f"slipway-{project_id(root)}-") or n in runs)


async def stop(root: Path, *, data: bool = False) -> list[str]:
    """Remove the containers and networks of this project; with `data`, their volumes too.

    The local registry goes with the last project on this machine that runs an image of it.

    Returns:
        what was removed, for people.

    Raises:
        NotReady: no engine answers, or something would not go.
    """
    await engine()
    removed: list[dict[str, Any]] = []
    left: list[str] = []
    own = [f"com.docker.compose.project={name}" for name in await _projects(root)]
    for label in (*own, f"{PROJECT_LABEL}={project_id(root)}"):
        removed += await containers(f"label={label}")
        left += await remove(f"label={label}", volumes=data)
    for run in (root / NAME / "runs").glob("*"):
        if await containers(f"label=slipway.run={run.name}"):
            left += await remove(f"label=slipway.run={run.name}", volumes=data)
    spare = await registry.unused(project_id(root), [str(box["Config"]["Image"]) for box in removed])
    for box in spare:
        left += await remove(f"id={box['Id']}", volumes=False)
    if left:
        raise NotReady(f"still there: {', '.join(left)}. Remove it by hand: docker rm -f, docker network rm.")
    return [str(box["Name"]).lstrip("/") for box in (*removed, *spare)]


async def clean(root: Path, settings: config.Settings) -> list[str]:
    """`stop`, with volumes, and also this project's images, the stand-ins, and our caches."""
    removed = await stop(root, data=True)
    port = settings.publish.registry_port
    if not await containers("label=slipway.role=registry"):
        await docker("volume", "rm", "-f", f"slipway-registry-{port}")
    repository = settings.image.name or f"localhost:{port}/{slug(root.name)}"
    wanted = (repository, f"slipway.invalid/{repository.partition('/')[2]}")
    digests = _built(root)
    listing = await docker("image", "ls", "--digests", "--no-trunc", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}")
    for name, tag, digest in (row.split(" ") for row in listing.out.splitlines()):
        ours = name == wanted[1] or (name == wanted[0] and digest in digests) or name.startswith(f"{STAND_INS}/")
        if ours:
            reference = f"{name}@{digest}" if tag == "<none>" else f"{name}:{tag}"
            if (await docker("rmi", reference)).ok:
                removed.append(reference)
    for folder in (cache_folder(), root / NAME):
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(str(folder))
    return removed


def _built(root: Path) -> set[str]:
    try:
        return set((root / NAME / "images").read_text().split())
    except OSError:
        return set()
