"""Publishing what another job verified: the layout from its artifact, checked against the digest that it said.

Runs none of the project's code and builds nothing: it reads blobs, pushes them, and moves tags.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import Broken, NotReady, SlipwayError, UsageError
from slipway.github.tags import moving
from slipway.image import layout, sbom
from slipway.image.layout import Image
from slipway.image.reference import DIGEST, Repository, by_digest
from slipway.tools import docker, history, loading, remote

TECHNICAL = "slipway-"  # + the digest's first digits: what is pushed before any tag moves


@dataclass(frozen=True)
class Published:
    """What is in the registry now."""

    repository: Repository
    digest: str
    platforms: tuple[str, ...]
    sbom: str  # path; empty where the artifact holds none

    @property
    def reference(self) -> str:
        """The image by digest."""
        return self.repository.at(self.digest)


async def push(
    artifacts: Path,
    digests: list[str],
    wanted: Repository | None,
    environment: dict[str, str],
    log: Path,
    *,
    attested: bool = True,
) -> Published:
    """Push one image for each platform, and an index of them where there are several.

    Args:
        artifacts: a folder that holds the layouts somewhere below.
        digests: what the jobs that verified them said.
        wanted: the repository; None: the one that they were verified for.
        attested: the bill of materials must be one that GitHub attests.

    Raises:
        SlipwayError: an artifact is not what it should be, or the registry does not take it. Nothing was tagged.
    """
    if not digests:
        raise UsageError("no digest was handed over. Pass the output `digest` of the job that verified the image.")
    await docker.engine()
    images = sorted(_checked(artifacts, digests), key=lambda pair: pair[1].platform)
    platforms = tuple(image.platform for _, image in images)
    if len(set(platforms)) != len(platforms):
        raise UsageError(f"two images are for the same platform ({', '.join(platforms)}). Verify each platform once.")
    repository = _repository([image for _, image in images], wanted)
    # What is wrong with the bill of materials is said before anything is pushed.
    _bill(images, repository, images[0][1].digest, artifacts, attested)
    for folder, image in images:
        await loading.load(folder, image, repository.at(image.digest), log, whole=True)
        await remote.push(repository, image.digest, technical(image.digest), log, environment)
    digest = images[0][1].digest
    if len(images) > 1:
        pushed = [image.digest for _, image in images]
        digest = await remote.point(repository, technical(digest) + "-index", pushed, environment)
    return Published(repository, digest, platforms, _bill(images, repository, digest, artifacts, attested))


def _repository(images: list[Image], wanted: Repository | None) -> Repository:
    """Return the repository that the images were verified for.

    Raises:
        UsageError: it is not the one that is wanted, or there are several.
        Broken: an image does not say.
    """
    names = sorted({image.name.partition("@")[0] for image in images})
    if not all(names):
        raise Broken(
            "an artifact does not say what its image is called. Call verify.yml and publish.yml by one commit."
        )
    if len(names) > 1:
        raise UsageError(
            f"the images were verified as {' and '.join(names)}. Pass the same `image` to every verify job."
        )
    if wanted and str(wanted) != names[0]:
        raise UsageError(
            f"verified was {names[0]}, and to be published is {wanted}. Nothing was pushed.\n"
            "Pass the same `image` to verify.yml and publish.yml, or to none: publish.yml takes what was verified."
        )
    return by_digest(images[0].name)[0]


def _bill(images: list[tuple[Path, Image]], repository: Repository, digest: str, folder: Path, attested: bool) -> str:
    """Write what is in the image, of an index what is in all of its images, for the step that attests it."""
    if len(images) > 1:
        document = sbom.merged(images, repository.at(digest))
    else:
        file = images[0][0].with_name(sbom.FILE)
        if not file.exists():
            return ""
        try:
            document = json.loads(file.read_bytes())
        except (ValueError, RecursionError) as error:
            raise Broken(f"what is in the image is not known: {sbom.FILE}: {error!r}. Verify it again.") from error
    if not attested:
        return ""
    bill = folder / f"attested-{sbom.FILE}"
    bill.write_bytes(sbom.attestable(document))
    return str(bill)


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
        if digest not in images and len(images) < len(digests):
            raise Broken(
                f"{digest} was verified, and no artifact that is left holds it, only {held}. Nothing was pushed.\n"
                "An artifact is kept for one day: re-run all jobs, not this one alone."
            )
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


async def published(repository: Repository, name: str, environment: dict[str, str]) -> str:
    """The digest that was published under a commit's tag: a release never builds again.

    Raises:
        NotReady: nothing was.
    """
    found = await remote.digest(repository, name, environment)
    if not found:
        raise NotReady(
            f"nothing was published for this commit: {repository.tagged(name)} is not there. Let the run on the main "
            "branch finish (verify, then publish), then re-run this one.\n"
            "Is the image called otherwise, by [image] name of slipway.toml? Pass that as `image`."
        )
    return found


async def fixed(repository: Repository, name: str, digest: str, environment: dict[str, str]) -> str:
    """Return the digest that a commit is published as: what its tag names already, otherwise `digest`.

    Whoever re-runs all jobs may get other bytes. The commit was verified and published before, a release takes that
    image too, and a tag that never moves names it: so the run goes on with it.
    """
    return await remote.digest(repository, name, environment) or digest


async def move(
    repository: Repository, digest: str, names: list[str], environment: dict[str, str], log: Path, source: str = ""
) -> tuple[list[str], list[str]]:
    """Put tags on a digest that is in the registry; returns those that were moved, and those of a newer commit.

    Args:
        source: the repository on GitHub whose history tells which commit is older; empty: dates alone tell.

    Raises:
        SlipwayError: the digest is not there, or a tag that never moves names another image. No tag was moved.
    """
    if not await remote.exists(repository, digest, environment):
        raise NotReady(
            f"{repository.at(digest)} is not in the registry. Publish it first: pass verify's output `artifact-id`.\n"
            "On another branch than the default one it is empty, unless verify.yml gets `upload-image: always`."
        )
    there = {name: await remote.digest(repository, name, environment) for name in names}
    for name in names:
        if not moving(name) and there[name] not in (None, digest):
            raise SlipwayError(
                f"{repository.tagged(name)} names {there[name]} already, not {digest}; no tag was moved.\n"
                "Versions and commits never move. Publish a new commit, and release it under a new version."
            )
    moved: list[str] = []
    newer: list[str] = []
    for name in names:
        standing = there[name]
        if standing == digest:
            continue
        if standing and await _older(repository, digest, standing, environment, source):
            newer.append(name)
            continue
        await _retag(repository, digest, name, environment, log)
        moved.append(name)
    return moved, newer


async def _older(repository: Repository, ours: str, there: str, environment: dict[str, str], source: str) -> bool:
    """Whether our commit is older than that of the image that a moving tag names: runs may finish in any order."""
    mine, theirs = [history.Commit.of(await remote.labels(repository, digest, environment)) for digest in (ours, there)]
    return bool(await history.older(mine, theirs, history.Repository(github=source, environment=environment)))


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
