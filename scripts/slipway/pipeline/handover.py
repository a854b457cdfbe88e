"""Publishing what another job verified: the layout from its artifact, checked against the digest that it said.

Runs none of the project's code and builds nothing: it reads blobs, pushes them, and moves tags.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import Broken, NotReady, SlipwayError, UsageError
from slipway.github.tags import moving
from slipway.image import layout, sbom
from slipway.image.layout import Image
from slipway.image.reference import DIGEST, Repository
from slipway.tools import docker, remote

TECHNICAL = "slipway-"  # + the digest's first digits: what is pushed before any tag moves


@dataclass(frozen=True)
class Published:
    """What is in the registry now."""

    reference: str
    digest: str
    platforms: tuple[str, ...]
    sbom: str  # path; empty where the artifact holds none


async def push(
    artifacts: Path, digests: list[str], repository: Repository, environment: dict[str, str], log: Path
) -> Published:
    """Push one image for each platform, and an index of them where there are several.

    Args:
        artifacts: a folder that holds the layouts somewhere below.
        digests: what the jobs that verified them said.

    Raises:
        SlipwayError: an artifact is not what it should be, or the registry does not take it. Nothing was tagged.
    """
    if not digests:
        raise UsageError("no digest was handed over. Pass the output `digest` of the job that verified the image.")
    await docker.engine()
    images = _checked(artifacts, digests)
    platforms = tuple(image.platform for _, image in images)
    if len(set(platforms)) != len(platforms):
        raise UsageError(f"two images are for the same platform ({', '.join(platforms)}). Verify each platform once.")
    if len(images) > 1:
        sbom.merged(images, str(repository))  # what is wrong with it is said before anything is pushed
    for folder, image in images:
        await _load(folder, image, repository, log)
        await remote.push(repository, image.digest, technical(image.digest), log, environment)
    if len(images) > 1:
        return await _index(sorted(images, key=lambda pair: pair[1].platform), repository, environment, artifacts)
    bill = next((str(path) for path in artifacts.rglob(sbom.FILE)), "")
    return Published(repository.at(digests[0]), digests[0], platforms, bill)


async def _index(
    images: list[tuple[Path, Image]], repository: Repository, environment: dict[str, str], artifacts: Path
) -> Published:
    """The index of images that are in the registry, and what is in all of them."""
    digests = [image.digest for _, image in images]
    digest = await remote.point(repository, technical(digests[0]) + "-index", digests, environment)
    bill = artifacts / f"index-{sbom.FILE}"
    bill.write_text(json.dumps(sbom.merged(images, repository.at(digest))))
    return Published(repository.at(digest), digest, tuple(image.platform for _, image in images), str(bill))


def technical(digest: str) -> str:
    """The tag under which a digest is pushed: the same digest, the same tag."""
    return TECHNICAL + digest.removeprefix("sha256:")[:16]


def _checked(artifacts: Path, digests: list[str]) -> list[tuple[Path, Image]]:
    """The layouts whose manifests are `digests`, every blob proven. Each digest has one, and there is no other."""
    for digest in digests:
        if not DIGEST.fullmatch(digest):
            raise UsageError(
                f"{digest!r} is not a digest. Hand over the output `digest` of the job that verified the image."
            )
    layouts = sorted(path.parent for path in artifacts.rglob("index.json") if (path.parent / "blobs").is_dir())
    if not layouts:
        raise Broken("the artifact holds no image. It is kept for one day: re-run all jobs, not this one alone.")
    images = {image.digest: (folder, image) for folder, image in ((one, layout.read(one)) for one in layouts)}
    held = ", ".join(images)
    for digest in digests:
        if digest not in images:
            raise Broken(
                f"{digest} was verified, and the artifact holds {held}: it was swapped or mixed up. Nothing was pushed."
            )
    if more := [digest for digest in images if digest not in digests]:
        # Published without it, an index would lack a platform, and nobody would see why.
        raise UsageError(
            f"no digest was handed over for {', '.join(more)}, which an artifact holds. Nothing was pushed. "
            "Pass the output `digest` of every job whose artifact is passed, one a line."
        )
    return [images[digest] for digest in digests]


async def _load(folder: Path, image: Image, repository: Repository, log: Path) -> None:
    name = repository.at(image.digest)
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        file.write(layout.archive(folder, image, name, layers=True))
        file.flush()
        done = await docker.docker("load", "--input", file.name, timeout=600, log=log)
    shown = await docker.image(image.digest) if done.ok else None
    if not shown or shown.get("Id") != image.digest:
        raise Broken(f"the engine did not take {image.digest}: {done.last_line()}")


async def published(repository: Repository, name: str, environment: dict[str, str]) -> str:
    """The digest that was published under a commit's tag: a release never builds again.

    Raises:
        NotReady: nothing was.
    """
    found = await remote.digest(repository, name, environment)
    if not found:
        raise NotReady(
            f"nothing was published for this commit: {repository.tagged(name)} is not there. Let the run on the main "
            "branch finish (verify, then publish), then re-run this one."
        )
    return found


async def move(
    repository: Repository, digest: str, names: list[str], environment: dict[str, str], log: Path
) -> list[str]:
    """Put tags on a digest that is in the registry; returns those that were moved.

    Raises:
        SlipwayError: the digest is not there, or a version tag names another image already.
    """
    if not await remote.exists(repository, digest, environment):
        raise NotReady(f"{repository.at(digest)} is not in the registry. Publish it first.")
    moved = []
    for name in names:
        there = await remote.digest(repository, name, environment)
        if there == digest:
            continue
        if there and moving(name) and await _newer(repository, there, digest, environment):
            continue
        if there and not moving(name):
            raise SlipwayError(
                f"{repository.tagged(name)} names {there} already; versions never move. Release a new one."
            )
        await _retag(repository, digest, name, environment, log)
        moved.append(name)
    return moved


async def _newer(repository: Repository, there: str, ours: str, environment: dict[str, str]) -> bool:
    """Whether the image that a moving tag names is of a later commit than ours: runs may finish in any order."""
    theirs, mine = [await remote.created(repository, digest, environment) for digest in (there, ours)]
    return bool(theirs and mine and theirs > mine)


async def _retag(repository: Repository, digest: str, name: str, environment: dict[str, str], log: Path) -> None:
    """A manifest is pulled (its blobs are here or come), tagged and pushed; an index is copied in the registry."""
    raw = await docker.docker("buildx", "imagetools", "inspect", repository.at(digest), "--raw", env=environment)
    if "manifests" in json.loads(raw.out):
        found = await remote.point(repository, name, [digest], environment)
        if found != digest:
            raise NotReady(f"{repository.tagged(name)} became {found}, not {digest}. Newer buildx is needed.")
        return
    pulled = await docker.docker("pull", "--quiet", repository.at(digest), timeout=600, log=log, env=environment)
    if not pulled.ok:
        raise NotReady(f"{repository.at(digest)} could not be pulled: {pulled.last_line()}")
    await remote.push(repository, digest, name, log, environment)
