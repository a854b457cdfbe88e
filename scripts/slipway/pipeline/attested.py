"""Who built an image from what, and what is in it: as it was attested when it was published."""

import asyncio
import re
from pathlib import Path
from typing import Any

from msgspec import Struct

from slipway import config
from slipway.errors import UsageError
from slipway.image.reference import Repository, by_digest
from slipway.policy.provenance import PROVENANCE, SBOM, Attestation, Expected, NotAttested
from slipway.tools import attestations, interrupts, signer


class Attested(Struct, frozen=True):
    """What is proven about an image."""

    image: str
    provenance: Attestation
    sbom: dict[str, Any] | None  # CycloneDX; None where none was attested


def attested(
    root: Path, settings: config.Settings, reference: str, repo: str, signed_by: str, ref: str, self_hosted: bool
) -> Attested:
    """Prove an image, named by digest.

    Raises:
        SlipwayError: it is not signed, or not by whom and of what it should be.
    """
    image, digest = by_digest(reference)
    source = repo or attestations.source(image)
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", source):
        raise UsageError(f"{source!r} is not a repository on GitHub. Write it as OWNER/NAME.")
    by = signer.expected(root, source, signed_by or settings.publish.signer)
    return interrupts.run(_attested(image, Expected(digest, source, by, ref, self_hosted)))


async def _attested(image: Repository, expected: Expected) -> Attested:
    asked = (attestations.verify(image, PROVENANCE, expected), _sbom(image, expected))
    proven, sbom = await asyncio.gather(*asked, return_exceptions=True)
    if isinstance(proven, BaseException):  # the first of the two to be said, whichever came first
        raise proven
    if isinstance(sbom, BaseException):
        raise sbom
    return Attested(image.at(expected.digest), proven, sbom)


async def _sbom(image: Repository, expected: Expected) -> dict[str, Any] | None:
    try:
        return (await attestations.verify(image, SBOM, expected)).predicate
    except NotAttested:
        return None
