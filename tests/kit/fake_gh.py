"""A `gh` that verifies nothing: it holds its arguments against the real one's, and answers what the test says.

The answers have the shape of cli/cli `attestation verify --format json`: sigstore-go's verification results.
"""

import json
import sys
from pathlib import Path
from typing import Any

DIGEST = "sha256:" + "7" * 64
OTHER = "sha256:" + "8" * 64
IMAGE = f"ghcr.io/acme/shop@{DIGEST}"
SIGNER = "acme/shop/.github/workflows/publish.yml"
PROVENANCE = "https://slsa.dev/provenance/v1"
SBOM = "https://cyclonedx.org/bom"
BOM = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": "flask"}, {"name": "jinja2"}]}

PROGRAM = """\
#!{python}
import json, os, pathlib, re, sys

folder = pathlib.Path(__file__).parent
args, answers = sys.argv[1:], json.loads((folder / "answers.json").read_text())
with (folder / "calls.jsonl").open("a") as log:
    log.write(json.dumps({{"args": args, "token": os.environ.get("GH_TOKEN", "")}}) + "\\n")
known = {{"--repo": r"[\\w.-]+/[\\w.-]+", "--cert-identity-regex": r"\\(\\?i\\)\\^https://github\\\\.com/\\S+@",
         "--predicate-type": r"https://\\S+", "--format": "json"}}
assert args[:2] == ["attestation", "verify"] and re.fullmatch(r"oci://\\S+@sha256:[0-9a-f]{{64}}", args[2]), args
given, rest = {{}}, args[3:]
while rest:
    word = rest.pop(0)
    if word != "--deny-self-hosted-runners":
        given[word] = rest.pop(0)
        assert re.fullmatch(known[word], given[word]), (word, given[word])
assert set(given) == set(known) and os.environ["GH_HOST"] == "github.com"
answer = answers.get(given["--predicate-type"]) or answers["*"]
sys.stdout.write(answer["out"])
sys.stderr.write(answer["err"])
sys.exit(answer["code"])
"""


def result(kind: str = PROVENANCE, digest: str = DIGEST, **certificate: str) -> dict[str, Any]:
    """One verified attestation; `certificate` is laid over what is right."""
    signer = f"https://github.com/{SIGNER}@refs/tags/v1.2.0"
    right = {
        "certificateIssuer": "CN=sigstore-intermediate,O=sigstore.dev",
        "subjectAlternativeName": certificate.get("buildSignerURI", signer),
        "issuer": "https://token.actions.githubusercontent.com",
        "buildSignerURI": signer, "buildSignerDigest": "b" * 40, "runnerEnvironment": "github-hosted",
        "sourceRepositoryURI": "https://github.com/Acme/shop", "sourceRepositoryDigest": "c" * 40,
        "sourceRepositoryRef": "refs/heads/main", "sourceRepositoryOwnerURI": "https://github.com/Acme",
        "buildTrigger": "push", "runInvocationURI": "https://github.com/Acme/shop/actions/runs/1/attempts/1",
    }  # fmt: skip
    subject = [{"name": "ghcr.io/acme/shop", "digest": {"sha256": digest.removeprefix("sha256:")}}]
    predicate = BOM if kind == SBOM else {"buildDefinition": {}}
    return {
        "attestation": {"bundle": {}, "bundle_url": ""},
        "verificationResult": {
            "mediaType": "application/vnd.dev.sigstore.verificationresult+json;version=0.1",
            "signature": {"certificate": right | certificate},
            "verifiedTimestamps": [
                {"type": "Tlog", "uri": "https://rekor.sigstore.dev", "timestamp": "2026-11-20T10:00:00Z"}
            ],
            "statement": {
                "_type": "https://in-toto.io/Statement/v1", "predicateType": kind, "subject": subject,
                "predicate": predicate,
            },
        },
    }  # fmt: skip


def answer(*results: dict[str, Any], out: str = "", err: str = "", code: int = 0) -> dict[str, Any]:
    """What gh prints, and how it ends."""
    return {"out": out or (json.dumps(results) if results else ""), "err": err, "code": code}


GOOD = {PROVENANCE: answer(result()), SBOM: answer(result(SBOM))}
UNSIGNED = {"*": answer(err=f"Error: no attestations found for subject {DIGEST} in acme/shop\n", code=1)}


def place(folder: Path, answers: dict[str, dict[str, Any]]) -> Path:
    """Put it into a folder, for the beginning of PATH."""
    folder.mkdir(exist_ok=True)
    (folder / "answers.json").write_text(json.dumps(answers))
    (folder / "gh").write_text(PROGRAM.format(python=sys.executable))
    (folder / "gh").chmod(0o755)
    return folder


def calls(folder: Path) -> list[dict[str, Any]]:
    """What it was called with."""
    log = folder / "calls.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
