"""Findings as SARIF 2.1.0, for GitHub's code scanning.

What GitHub reads of it: https://docs.github.com/code-security/reference/code-scanning/sarif-support-for-code-scanning
"""

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from slipway import __version__
from slipway.github import files
from slipway.pipeline.result import RunResult
from slipway.policy.finding import Finding, link, urgency
from slipway.report.summary import text as escaped

LEVELS = {"CRITICAL": "error", "HIGH": "error", "UNKNOWN": "error", "MEDIUM": "warning", "LOW": "note"}
SCORES = {"CRITICAL": "9.5", "HIGH": "8.0", "UNKNOWN": "8.0", "MEDIUM": "5.5", "LOW": "2.0"}  # GitHub's severity bands
CARE = {"error": "error", "warning": "warning", "note": "recommendation"}  # of what is no question of security
LIMIT = 5000  # results that GitHub takes from one run
TITLE, HELP = 1024, 10  # characters of a rule's title; ways to fix that its help lists
TITLES = {
    "secret": "A secret lies in the image",
    "end-of-life": "The operating system gets no security updates any more",
}


def write(run: RunResult, root: Path, category: str) -> None:
    """Write all findings of lint and scan of the project in `root`, the most severe first where there are too many.

    Args:
        category: what is analysed. The upload's own `category` holds only where a file names none:
            https://github.com/github/codeql-action/blob/v4.36.2/src/upload-lib.ts, populateRunAutomationDetails
    """
    pairs = [(stage.name, f) for stage in run.stages if stage.name in ("lint", "scan") for f in stage.findings]
    pairs.sort(key=lambda pair: urgency(pair[1]))
    kept = pairs[:LIMIT]
    found: dict[str, list[tuple[str, Finding]]] = {}
    for stage, finding in kept:
        found.setdefault(finding.rule, []).append((stage, finding))
    driver = {"name": "Slipway", "semanticVersion": __version__, "rules": [_rule(*of) for of in found.items()]}
    driver["informationUri"] = "https://github.com/slipway-kit/slipway"
    invocation: dict[str, Any] = {"executionSuccessful": run.status in ("passed", "failed", "degraded")}
    if len(pairs) > LIMIT:
        note = f"{len(pairs) - LIMIT} findings of the least severity were left out"
        invocation["toolExecutionNotifications"] = [{"level": "warning", "message": {"text": note}}]
    order = {rule: number for number, rule in enumerate(found)}
    results = [_result(stage, finding, root) | {"ruleIndex": order[finding.rule]} for stage, finding in kept]
    about = {"id": f"{category}/"}  # what stands after the last slash would name a single run
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {"tool": {"driver": driver}, "automationDetails": about, "invocations": [invocation], "results": results}
        ],
    }
    content = msgspec.json.format(msgspec.json.encode(log), indent=1)  # json's own takes ten times as long
    (root / ".slipway" / "findings.sarif").write_bytes(content + b"\n")


def _rule(rule: str, found: list[tuple[str, Finding]]) -> dict[str, Any]:
    """A rule and how to fix what breaks it: GitHub shows the help beside each result, and the worst severity."""
    stage, worst = found[0]
    title = TITLES.get(rule) or worst.message.partition("   ")[2].strip() or worst.message or rule
    fixes = list(dict.fromkeys(f.fix for _, f in found if f.fix))[:HELP]
    links = [url for url in dict.fromkeys([*(f.url for _, f in found), *fixes]) if link(url)]
    ways = [f"- <{fix}>" if link(fix) else f"- {escaped(fix)}" for fix in fixes] or ["There is no fix yet."]
    more = [f"[{escaped(rule)}]({worst.url})"] if worst.url else []
    accept = ["To accept it until a day, write an entry into `slipway.exceptions.yaml`."] if stage == "scan" else []
    level = LEVELS[worst.severity]
    properties: dict[str, Any] = {"tags": ["maintainability"], "problem.severity": CARE[level]}
    if stage == "scan":
        properties = {"tags": ["security"], "security-severity": SCORES[worst.severity]}
    return {
        "id": rule,
        "shortDescription": {"text": title[:TITLE]},
        "fullDescription": {"text": title[:TITLE]},
        "help": {
            "text": "\n".join(fixes) or "There is no fix yet.",
            "markdown": "\n\n".join([escaped(title), "**To fix**", "\n".join(ways), *more, *accept]),
        },
        **({"helpUri": links[0]} if links else {}),
        "defaultConfiguration": {"level": level},
        "properties": properties,
    }


def _result(stage: str, finding: Finding, root: Path) -> dict[str, Any]:
    # Code scanning shows no result without a place: what lies in an image is put on the file that makes the image.
    file, line = finding.place
    uri = quote(files.place(root, file.lstrip("/") or "Dockerfile"))
    place = {"artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"}, "region": {"startLine": line or 1}}
    accepted = {"kind": "external", "status": "accepted", "justification": finding.accepted}
    return {
        "ruleId": finding.rule,
        "level": LEVELS[finding.severity] if finding.stops or finding.known else "note",
        "message": {"text": f"{finding.message}\n{finding.fix}".strip() or finding.rule},
        "locations": [{"physicalLocation": place}],
        **({"suppressions": [accepted]} if finding.accepted else {}),
        "partialFingerprints": {"primaryLocationLineHash": _fingerprint(stage, finding)},
    }


def _fingerprint(stage: str, finding: Finding) -> str:
    """What makes a finding the same one tomorrow: not its version, and not its line where it has a package.

    GitHub goes by this name alone, and its upload can make none of its own here: it has no checkout.
    """
    what = (finding.package, "", 0) if finding.package else (finding.message, finding.file, finding.line)
    return hashlib.sha256(repr((stage, finding.rule, *what)).encode()).hexdigest()[:16] + ":1"
