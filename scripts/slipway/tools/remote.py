"""Registries anywhere, by docker's own client and its credentials: read a digest, push, put an index together."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from slipway.errors import NotReady
from slipway.image.reference import Repository
from slipway.tools.docker import docker
from slipway.tools.process import Finished

PUSH_SECONDS = 1200.0
# A registry's refusal, in the words of Docker 26 (the status of a request), of 28 and later (the registry's own), and
# of a server of tokens. Trying again does not help.
REFUSED = re.compile(r"(?i)403 forbidden|denied|unauthorized|insufficient_scope")


async def digest(repository: Repository, name: str, environment: Mapping[str, str] | None = None) -> str | None:
    """The digest that a tag names in a registry, or None where there is no such tag.

    Raises:
        NotReady: the registry does not answer, or refuses us.
    """
    target = repository.tagged(name)
    done = await docker("buildx", "imagetools", "inspect", target, "--format", "{{json .Manifest}}", env=environment)
    if done.ok:
        return str(json.loads(done.out)["digest"])
    if "not found" in done.text or "manifest unknown" in done.text.lower():
        return None
    raise NotReady(f"{target} cannot be read: {done.last_line()}")


async def exists(repository: Repository, digest_: str, environment: Mapping[str, str] | None = None) -> bool:
    """Whether a registry holds a digest."""
    done = await docker("buildx", "imagetools", "inspect", repository.at(digest_), "--raw", env=environment, timeout=60)
    return done.ok


async def labels(
    repository: Repository, digest_: str, environment: Mapping[str, str] | None = None
) -> dict[str, str] | None:
    """The labels of an image, of an index those of its first one; None where the registry does not tell."""
    done = await docker(
        "buildx", "imagetools", "inspect", repository.at(digest_), "--format", "{{json .Image}}", env=environment
    )
    try:
        found = json.loads(done.out)
    except ValueError:
        return None
    configs = [found] if "config" in found else [c for c in found.values() if isinstance(c, dict)]
    return dict((configs[0].get("config") or {}).get("Labels") or {}) if configs else {}


async def manifests(repository: Repository, digest_: str) -> list[str]:
    """A digest and, where it is an index, those of its images; empty where the registry does not have it."""
    done = await docker("buildx", "imagetools", "inspect", repository.at(digest_), "--raw", timeout=60)
    try:
        found = json.loads(done.out) if done.ok else None
    except ValueError:
        return []
    if not isinstance(found, dict):
        return []
    return [digest_, *(str(one.get("digest")) for one in found.get("manifests") or [])]


async def push(repository: Repository, digest_: str, name: str, log: Path, environment: Mapping[str, str]) -> None:
    """Push an image that the engine holds, under a tag, and believe it only when the registry says its digest.

    Raises:
        NotReady: the push failed, or the registry holds something else.
    """
    target = repository.tagged(name)
    tagged = await docker("tag", repository.at(digest_), target)
    done = (
        await docker("push", "--quiet", target, timeout=PUSH_SECONDS, log=log, env=environment) if tagged.ok else tagged
    )
    if not done.ok:
        raise push_failed(repository, done)
    found = await digest(repository, name, environment)
    if found != digest_:
        raise NotReady(f"{repository.host} holds {found or 'nothing'} where {digest_} was pushed. No tag was moved.")


def push_failed(repository: Repository, done: Finished) -> NotReady:
    """Return what to raise after a failed push: whether the registry refused it, or it may be tried again."""
    if REFUSED.search(done.err):
        return NotReady(
            f"{repository.host} refuses the push to {repository.path}: {_why(done)}. No tag was moved.\n"
            "In a workflow the job needs `permissions: packages: write`; any other login, the right to push there."
        )
    return NotReady(f"the push to {repository.host} failed: {_why(done)}. No tag was moved; run again.")


async def point(repository: Repository, name: str, digests: Sequence[str], environment: Mapping[str, str]) -> str:
    """Put a tag on an index of several digests (a new one) or on the one index given; returns the index's digest.

    Never for a single manifest: older versions of buildx wrap it into an index, which is another digest.

    Raises:
        NotReady: a digest is not in the registry.
    """
    sources = [repository.at(d) for d in digests]
    done = await docker(
        "buildx", "imagetools", "create", "--tag", repository.tagged(name), *sources, env=environment, timeout=120
    )
    if not done.ok:
        raise NotReady(f"the index {repository.tagged(name)} could not be made: {_why(done)}")
    found = await digest(repository, name, environment)
    if not found:
        raise NotReady(f"{repository.tagged(name)} is not there after it was made. Run again.")
    return found


def _why(done: Finished) -> str:
    return "it took too long" if done.timed_out else done.last_line()
