"""Findings as SARIF 2.1.0, for GitHub's code scanning."""

import json
from pathlib import Path
from typing import Any

from slipway import __version__
from slipway.github import files
from slipway.pipeline.result import RunResult
from slipway.policy.finding import Finding, severe

LEVELS = {"CRITICAL": "error", "HIGH": "error", "UNKNOWN": "error", "MEDIUM": "warning", "LOW": "note"}
SCORES = {"CRITICAL": "9.5", "HIGH": "8.0", "UNKNOWN": "8.0", "MEDIUM": "5.5", "LOW": "2.0"}  # GitHub's severity bands
LIMIT = 5000  # results that GitHub takes from one run


def write(run: RunResult, root: Path) -> None:
    """Write all findings of lint and scan of the project in `root`, the most severe first where there are too many."""
    pairs = [(stage.name, f) for stage in run.stages if stage.name in ("lint", "scan") for f in severe(stage.findings)]
    kept = pairs[:LIMIT]
    rules = {finding.rule: _rule(finding) for _, finding in kept}
    driver = {"name": "Slipway", "semanticVersion": __version__, "rules": list(rules.values())}
    driver["informationUri"] = "https://github.com/slipway-kit/slipway"
    invocation: dict[str, Any] = {"executionSuccessful": run.status in ("passed", "failed", "degraded")}
    if len(pairs) > LIMIT:
        note = f"{len(pairs) - LIMIT} findings of the least severity were left out"
        invocation["toolExecutionNotifications"] = [{"level": "warning", "message": {"text": note}}]
    results = [_result(stage, finding, root) for stage, finding in kept]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "invocations": [invocation], "results": results}],
    }
    (root / ".slipway" / "findings.sarif").write_text(json.dumps(log, indent=1) + "\n")


def _rule(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.rule,
        "shortDescription": {"text": finding.rule},
        "help": {"text": finding.mend or "see the message"},
        "defaultConfiguration": {"level": LEVELS[finding.severity]},
        "properties": {"security-severity": SCORES[finding.severity], "tags": ["security"]},
    }


def _result(stage: str, finding: Finding, root: Path) -> dict[str, Any]:
    # Code scanning shows no result without a place: what lies in an image is put on the file that makes the image.
    place: dict[str, Any] = {"artifactLocation": {"uri": files.place(root, finding.file.lstrip("/") or "Dockerfile")}}
    place["region"] = {"startLine": finding.line or 1}
    return {
        "ruleId": finding.rule,
        "level": LEVELS[finding.severity] if finding.stops else "note",
        "message": {"text": f"{finding.message}\n{finding.mend}".strip()},
        "locations": [{"physicalLocation": place}],
        **({"suppressions": [{"kind": "external", "justification": finding.accepted}]} if finding.accepted else {}),
        "partialFingerprints": {"slipway/v1": f"{stage}:{finding.rule}:{finding.file}:{finding.message}"[:200]},
    }
