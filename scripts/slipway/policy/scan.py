"""From Trivy's report to findings and a verdict: pure functions, so that each rule can be tested alone."""

from typing import Any

from slipway.policy import baseline
from slipway.policy.finding import Finding, Severity, link

RANK = {"LOW": 0, "MEDIUM": 1, "UNKNOWN": 2, "HIGH": 2, "CRITICAL": 3}  # what nobody has rated counts as HIGH


def findings(report: dict[str, Any], fail_on: str, unfixed: str) -> list[Finding]:
    """All findings of a report; what stops the image is marked.

    Args:
        fail_on: the least severity that stops.
        unfixed: "report" lists a vulnerability without a fix, "fail" lets it stop the image.
    """
    found: list[Finding] = []
    for result in report.get("Results") or []:
        found += [_vulnerability(v, fail_on, unfixed) for v in result.get("Vulnerabilities") or []]
        found += [_secret(s, str(result.get("Target", ""))) for s in result.get("Secrets") or []]
        failing = [m for m in result.get("Misconfigurations") or [] if m.get("Status") == "FAIL"]
        found += [_misconfiguration(m, fail_on) for m in failing]
    if ((report.get("Metadata") or {}).get("OS") or {}).get("EOSL"):
        os = report["Metadata"]["OS"]
        message = f"{os.get('Family')} {os.get('Name')} gets no security updates any more"
        fix = "take a base image of a current release"
        found.append(Finding("end-of-life", "HIGH", message, fix=fix, package=str(os.get("Family"))))
    return found


def _severity(text: Any) -> Severity:
    return text if text in RANK else "UNKNOWN"


def _stops(severity: Severity, fail_on: str) -> bool:
    return RANK[severity] >= RANK[fail_on]


def _vulnerability(v: dict[str, Any], fail_on: str, unfixed: str) -> Finding:
    severity, fixed = _severity(v.get("Severity")), str(v.get("FixedVersion") or "")
    name, version = v.get("PkgName", "?"), v.get("InstalledVersion", "?")
    return Finding(
        rule=str(v.get("VulnerabilityID", "?")),
        severity=severity,
        message=f"{name} {version}{f' → {fixed}' if fixed else ' (no fix yet)'}   {v.get('Title', '')}".rstrip(),
        file=str(v.get("PkgPath") or ""),
        fix=f"raise {name} to {fixed}" if fixed else "",
        stops=_stops(severity, fail_on) and (bool(fixed) or unfixed == "fail"),
        package=str(name),
        purl=baseline.purl(v.get("PkgIdentifier")),
        url=link(str(v.get("PrimaryURL") or "")),
    )


def _secret(s: dict[str, Any], target: str) -> Finding:
    return Finding(
        rule="secret",
        severity="CRITICAL" if s.get("Severity") == "CRITICAL" else "HIGH",
        message=f"{s.get('Title') or s.get('RuleID')} in {target}",
        file=target,
        line=int(s.get("StartLine") or 0),
        fix=f"add {target.rsplit('/', 1)[-1]} to .dockerignore, and revoke the key: it is in a layer",
    )


def _misconfiguration(m: dict[str, Any], fail_on: str) -> Finding:
    severity = _severity(m.get("Severity"))
    return Finding(
        rule=str(m.get("ID", "?")),
        severity=severity,
        message=str(m.get("Title") or m.get("Message") or ""),
        fix=str(m.get("Resolution") or ""),
        package="image",
        url=link(str(m.get("PrimaryURL") or "")),
        stops=_stops(severity, fail_on),
    )
