"""Asks GitHub's own verifier, `gh attestation verify`, who signed an image."""

import re
from collections.abc import Mapping

from slipway.errors import NotReady, SlipwayError, UsageError
from slipway.image.reference import Repository
from slipway.policy import provenance
from slipway.policy.provenance import Attestation, Expected, NotAttested
from slipway.tools import process
from slipway.tools.process import Finished

SECONDS = 90.0
INSTALL = "GitHub's own runners have it; elsewhere: https://cli.github.com"
# Neither another host nor colours, whatever the environment says.
PLAIN = {"GH_HOST": "github.com", "GH_FORCE_TTY": "", "CLICOLOR_FORCE": "0", "GH_PROMPT_DISABLED": "1"}
_NONE = re.compile(r"no attestations? found|no attestations for|HTTP 404", re.I)
_LOGIN = re.compile(r"gh auth login|GH_TOKEN|HTTP 401|Bad credentials", re.I)
_OLD = re.compile(r"unknown (flag|shorthand flag|command)", re.I)
_UNREACHABLE = re.compile(
    r"HTTP (403|429|5\d\d)|dial tcp|no such host|connection (refused|reset)|timeout|deadline exceeded|EOF$|x509"
    r"|UNAUTHORIZED|DENIED|MANIFEST_UNKNOWN|NAME_UNKNOWN|TUF|rate limit",
    re.I | re.M,
)


def source(image: Repository) -> str:
    """The repository that an image on GHCR belongs to by its name: ghcr.io/acme/shop/web is of acme/shop.

    Raises:
        UsageError: it is elsewhere.
    """
    parts = image.path.split("/")
    if image.host != "ghcr.io" or len(parts) < 2:
        raise UsageError(
            f"which repository {image} is built from is not in its name. Say it: slipway attested … --repo OWNER/NAME."
        )
    return "/".join(parts[:2])


async def verify(
    repository: Repository, kind: str, expected: Expected, environment: Mapping[str, str] | None = None
) -> Attestation:
    """The attestation of a kind (a predicate type) of an image, proven to be by whom and of what is expected.

    Args:
        environment: variables for gh alone, such as its token.

    Raises:
        NotAttested: there is none.
        SlipwayError: there is one, and it proves something else.
        NotReady: gh is missing, too old, not logged in, or reaches nobody.
        Broken: gh's answer proves nothing.
    """
    image = repository.at(expected.digest)
    hosted = [] if expected.self_hosted else ["--deny-self-hosted-runners"]
    try:
        done = await process.run(
            "gh", "attestation", "verify", f"oci://{image}", "--repo", expected.repository,
            "--cert-identity-regex", _identity(expected.signer), "--predicate-type", kind, *hosted, "--format", "json",
            timeout=SECONDS, env={**PLAIN, **(environment or {})},
        )  # fmt: skip
    except FileNotFoundError as error:
        raise NotReady(f"no `gh` on PATH, which verifies attestations. {INSTALL}") from error
    if not done.ok:
        raise _failure(done, image, expected)
    return provenance.read(done.out, kind, expected)


def _identity(signer: str) -> str:
    """The signer as a pattern of certificates' names. `--signer-workflow` takes it for the beginning of a pattern
    itself, dots and all, and minds upper case, which names of images on GHCR have lost."""
    return f"(?i)^https://github\\.com/{re.escape(signer)}@"


def _failure(done: Finished, image: str, expected: Expected) -> SlipwayError:
    """What went wrong, in the order in which it may be mistaken for something else."""
    said = _decisive(done)
    if done.timed_out:
        return NotReady(f"gh did not end within {SECONDS:.0f} s when it was asked about {image}. Try again.")
    if _OLD.search(done.err):
        return NotReady(f"this `gh` is too old to verify attestations ({said}). Bring it up to date. {INSTALL}")
    if _LOGIN.search(done.err):
        return NotReady("`gh` is not logged in. Log in: gh auth login; in a workflow set GH_TOKEN.")
    if _NONE.search(done.err):
        return NotAttested(
            f"{image} is not attested for {expected.repository}. Publish it by publish.yml, which signs."
        )
    if _UNREACHABLE.search(done.err):
        return NotReady(f"whether {image} is attested cannot be found out: {said}")
    return SlipwayError(f"{image} is not what {expected.signer} signed for {expected.repository}: {said}")


def _decisive(done: Finished) -> str:
    """gh's own words: the line that says Error, else the last."""
    lines = [line.strip() for line in done.err.splitlines() if line.strip()]
    return next(
        (line for line in lines if line.lower().startswith("error:")), lines[-1] if lines else "it said nothing"
    )
