"""actions/attest, upload-sarif and setup-python."""

import hashlib
import json
import os
import re
import sys
from pathlib import Path

from standin import STATE, WORKSPACE, Refused, flag, need, output, record, unsupported, value

PROVENANCE = "https://slsa.dev/provenance/v1"


def attest() -> None:
    """Writes the statement that would be signed. NOTHING IS SIGNED here."""
    kinds = [name for name in ("subject-path", "subject-digest", "subject-checksums") if value(name)]
    if len(kinds) != 1:
        raise Refused(f"exactly one of subject-path, subject-digest, subject-checksums is needed, not {kinds}")
    if value("subject-digest"):
        if not value("subject-name"):
            raise Refused("subject-name must be provided when using subject-digest")
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", value("subject-digest")):
            raise Refused("subject-digest must be in the format sha256:<hex-digest>")
        subjects = [(value("subject-name"), value("subject-digest"))]
    else:
        subjects = _subjects(kinds[0])
    for scope in ("id-token", "attestations"):
        need(value("github-token"), scope, "write")
    if flag("push-to-registry"):
        need(value("github-token"), "packages", "write")
        if value("subject-name") != value("subject-name").lower():
            raise Refused("subject-name must be lowercase to push to a registry")
    kind, predicate = _predicate()
    for name, digest in subjects:
        statement = {"subject": [{"name": name, "digest": digest}], "predicateType": kind, "predicate": predicate}
        pushed = {"pushed": flag("push-to-registry")}
        record(f"attestations/{digest.removeprefix('sha256:')}.jsonl", {**statement, **pushed, "signed": False})
    bundle = Path(os.environ["RUNNER_TEMP"]) / "attestation.json"
    bundle.write_text(json.dumps({"subjects": subjects, "predicateType": kind, "signed": False}))
    output("bundle-path", str(bundle))
    output("attestation-id", "1")
    output("attestation-url", "https://github.com/attestations/1")


def _subjects(kind: str) -> list[tuple[str, str]]:
    if kind == "subject-checksums":
        lines = (WORKSPACE / value(kind)).read_text().split("\n")
        return [(line.split()[1].lstrip("*"), f"sha256:{line.split()[0]}") for line in lines if line.strip()]
    files = [f for word in value(kind).replace(",", "\n").splitlines() for f in WORKSPACE.glob(word.strip())]
    if not files:
        raise Refused(f"Could not find subject at path {value(kind)}")
    return [(file.name, f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}") for file in files]


def _predicate() -> tuple[str, object]:
    if value("sbom-path"):
        if value("predicate-type") or value("predicate") or value("predicate-path"):
            raise Refused("sbom-path cannot be used together with a predicate")
        file = WORKSPACE / value("sbom-path")
        if file.stat().st_size > 16 * 1024 * 1024:
            raise Refused("SBOM file exceeds maximum allowed size: 16777216 bytes")
        sbom = json.loads(file.read_text())
        if sbom.get("spdxVersion"):
            return f"https://spdx.dev/Document/v{sbom['spdxVersion'].removeprefix('SPDX-')}", sbom
        if sbom.get("bomFormat") == "CycloneDX" and sbom.get("serialNumber"):
            return "https://cyclonedx.org/bom", sbom
        raise Refused("Unsupported SBOM format")
    if not (value("predicate-type") or value("predicate") or value("predicate-path")):
        return PROVENANCE, {"buildType": "https://actions.github.io/buildtypes/workflow/v1"}
    if not value("predicate-type") or bool(value("predicate")) == bool(value("predicate-path")):
        raise Refused("a custom predicate needs predicate-type and exactly one of predicate and predicate-path")
    text = value("predicate") or (WORKSPACE / value("predicate-path")).read_text()
    return value("predicate-type"), json.loads(text)


def upload_sarif() -> None:
    """Keeps the SARIF files, refusing what code scanning would."""
    need(value("token"), "security-events", "write")
    unsupported("ref", "sha")
    source = WORKSPACE / value("sarif_file")
    files = sorted(source.rglob("*.sarif")) if source.is_dir() else [source]
    if not files or not all(file.exists() for file in files):
        raise Refused(f"Path does not exist: {value('sarif_file')}")
    for file in files:
        document = json.loads(file.read_text())
        if document.get("version") != "2.1.0" or not 1 <= len(document.get("runs", [])) <= 20:
            raise Refused(f"{file.name}: not a SARIF 2.1.0 document of 1 to 20 runs")
        results = sum(len(run.get("results", [])) for run in document["runs"])
        record("sarif.jsonl", {"file": file.name, "category": value("category"), "results": results})
        copy = STATE / "sarif" / f"{len(list((STATE / 'sarif').glob('*')))}.sarif" if STATE.exists() else None
        if copy:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(json.dumps(document))
    output("sarif-id", hashlib.sha256(str(files).encode()).hexdigest()[:8])
    output("sarif-ids", "{}")


def setup_python() -> None:
    """Takes the interpreter that is here, if it is the version that was asked for."""
    unsupported("python-version-file", "cache", "architecture", "cache-dependency-path", "pip-version")
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if value("python-version") and not here.startswith(value("python-version").rstrip(".x")):
        raise Refused(f"The version {value('python-version')} is not here: this machine has {here}")
    output("python-version", here)
    output("python-path", sys.executable)
