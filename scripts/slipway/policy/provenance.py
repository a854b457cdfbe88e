"""What must be attested before an image is believed to come from where it should: the verifier's answer, read closely.

The shape is that of `gh attestation verify --format json`: sigstore-go's verification results. gh matches the signer as
the beginning of a pattern, and some versions end well where no attestation has the type asked for: so all is checked
here once more, and exactly.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct, field

from slipway.errors import Broken, SlipwayError

PROVENANCE = "https://slsa.dev/provenance/v1"
SBOM = "https://cyclonedx.org/bom"
ISSUER = "https://token.actions.githubusercontent.com"
HOST = "https://github.com/"
HOSTED = "github-hosted"


class NotAttested(SlipwayError):
    """Nobody has signed anything about this image."""


@dataclass(frozen=True)
class Expected:
    """What an attestation must say."""

    digest: str
    repository: str  # owner/name: what the image was built from
    signer: str  # owner/name/.github/workflows/publish.yml: who may sign
    ref: str = ""  # refs/heads/main; empty: any
    self_hosted: bool = False  # whether a runner of one's own may have signed


class Attestation(Struct, frozen=True):
    """Who signed what, of where."""

    signer: str  # the workflow, and at which ref of its repository
    signer_commit: str
    repository: str
    ref: str
    commit: str
    event: str
    runner: str
    run: str  # URL
    signed: str  # RFC 3339
    predicate: dict[str, Any]


class _Certificate(Struct):
    identity: str = field(name="subjectAlternativeName")
    issuer: str
    signer: str = field(name="buildSignerURI")
    signer_commit: str = field(name="buildSignerDigest")
    runner: str = field(name="runnerEnvironment")
    repository: str = field(name="sourceRepositoryURI")
    commit: str = field(name="sourceRepositoryDigest")
    ref: str = field(name="sourceRepositoryRef")
    event: str = field(name="buildTrigger", default="")
    run: str = field(name="runInvocationURI", default="")


class _Signature(Struct):
    certificate: _Certificate


class _Subject(Struct):
    digest: dict[str, str]


class _Statement(Struct):
    kind: str = field(name="predicateType")
    subject: list[_Subject]
    predicate: dict[str, Any]


class _Time(Struct):
    timestamp: str


class _Verification(Struct):
    signature: _Signature
    statement: _Statement
    times: list[_Time] = field(name="verifiedTimestamps")


class _Result(Struct):
    verified: _Verification = field(name="verificationResult")


def read(text: str, kind: str, expected: Expected) -> Attestation:
    """The newest attestation in the verifier's answer that says what is expected.

    Raises:
        NotAttested: the answer holds none.
        SlipwayError: somebody else signed, or something else.
        Broken: it is no answer, or one to another question.
    """
    if not text.strip():
        raise NotAttested(f"nothing of the type {kind} is attested of {expected.digest}")
    try:
        results = msgspec.json.decode(text, type=list[_Result])
    except msgspec.DecodeError as error:
        raise Broken(f"gh's answer is not what it answers when it has verified something: {error}") from error
    if not results:
        raise NotAttested(f"nothing of the type {kind} is attested of {expected.digest}")
    verified = [result.verified for result in results]
    for one in verified:
        _is_about(one.statement, kind, expected.digest)
    wrong = [_differs(one, expected) for one in verified]
    right = [one for one, difference in zip(verified, wrong, strict=True) if not difference]
    if not right:
        raise SlipwayError(f"{expected.digest} is signed, but {wrong[0]}. Do not run it before you know why.")
    return _attestation(max(right, key=lambda one: one.times[0].timestamp))


def _is_about(statement: _Statement, kind: str, digest: str) -> None:
    if statement.kind != kind:
        raise Broken(f"gh was asked for {kind} and answers with {statement.kind}")
    named = [subject.digest.get("sha256", "") for subject in statement.subject]
    if digest.removeprefix("sha256:") not in named:
        raise Broken(f"gh was asked about {digest} and answers about sha256:{', sha256:'.join(named)}")


def _differs(one: _Verification, expected: Expected) -> str:
    """How an attestation differs from what is expected, or an empty string."""
    seen = one.signature.certificate
    signers = {uri.partition("@")[0].lower() for uri in (seen.identity, seen.signer)}
    if seen.issuer != ISSUER:
        return f"by somebody whom {seen.issuer} knows, not by a workflow on GitHub"
    if signers != {(HOST + expected.signer).lower()}:
        return f"by {seen.signer}, not by {expected.signer}"
    if seen.repository.lower() != (HOST + expected.repository).lower():
        return f"built from {seen.repository}, not from {expected.repository}"
    if expected.ref and seen.ref != expected.ref:
        return f"built from {seen.ref}, not from {expected.ref}"
    if seen.runner != HOSTED and not expected.self_hosted:
        return f"on a {seen.runner or 'nameless'} runner, not on one of GitHub's"
    return "" if one.times else "at no time that anybody vouches for"


def _attestation(one: _Verification) -> Attestation:
    seen = one.signature.certificate
    return Attestation(
        signer=seen.signer.removeprefix(HOST), signer_commit=seen.signer_commit,
        repository=seen.repository.removeprefix(HOST), ref=seen.ref, commit=seen.commit, event=seen.event,
        runner=seen.runner, run=seen.run, signed=one.times[0].timestamp, predicate=one.statement.predicate,
    )  # fmt: skip
