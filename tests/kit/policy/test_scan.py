"""From a scanner's report to a verdict. The reports are recordings of the real Trivy; see also tests/kit/tools."""

import json
from pathlib import Path
from typing import Any

import pytest

from slipway.policy.finding import Finding, severe
from slipway.policy.scan import findings

RECORDED = Path(__file__).parent / "trivy"


def report(name: str) -> dict[str, Any]:
    """A recorded report."""
    return dict(json.loads((RECORDED / f"{name}.json").read_bytes()))


def stopping(name: str, fail_on: str = "HIGH", unfixed: str = "report") -> list[str]:
    """What stops the image of a recorded report."""
    return [f.rule for f in severe(findings(report(name), fail_on, unfixed)) if f.stops]


def vulnerability(severity: Any, fixed: str = "2") -> dict[str, Any]:
    """A report of one vulnerability."""
    return {
        "Results": [
            {
                "Vulnerabilities": [
                    {"VulnerabilityID": "CVE-1", "PkgName": "p", "InstalledVersion": "1", "Severity": severity}
                    | ({"FixedVersion": fixed} if fixed else {})
                ]
            }
        ]
    }


@pytest.mark.parametrize(
    ("fail_on", "unfixed", "stops"),
    [
        ("HIGH", "report", {"CVE-2099-0001", "CVE-2024-1135", "CVE-2024-6827"}),
        ("CRITICAL", "report", {"CVE-2099-0001"}),
        ("HIGH", "fail", {"CVE-2099-0001", "CVE-2099-0003", "CVE-2099-0004", "CVE-2024-1135", "CVE-2024-6827"}),
        ("CRITICAL", "fail", {"CVE-2099-0001", "CVE-2099-0004"}),
    ],
)
def test_severity_and_fixability_decide(fail_on: str, unfixed: str, stops: set[str]) -> None:
    found = findings(report("findings"), fail_on, unfixed)
    assert {f.rule for f in found if f.stops} == stops
    assert len(found) == 6, "what does not stop is still listed"


def test_without_a_fix_everything_is_listed_and_nothing_stops() -> None:
    assert stopping("unfixed-only") == []
    assert findings(report("unfixed-only"), "HIGH", "report")
    assert stopping("unfixed-only", unfixed="fail")


def test_a_clean_report_has_no_findings() -> None:
    assert findings(report("clean"), "LOW", "fail") == []
    assert findings(report("no-packages"), "LOW", "fail") == []


def test_an_operating_system_without_updates_stops_whatever_the_threshold() -> None:
    (found,) = findings(report("eol"), "CRITICAL", "report")
    assert (found.rule, found.stops) == ("end-of-life", True)
    assert found.message == "debian 9.13 gets no security updates any more"


def test_a_secret_always_stops_and_names_its_file() -> None:
    found = [f for f in findings(report("secrets"), "CRITICAL", "report") if f.rule == "secret"]
    assert found and all(f.stops and f.file and f.line and f.severity in ("HIGH", "CRITICAL") for f in found)
    assert all(f.file.rsplit("/", 1)[-1] in f.fix and "revoke" in f.fix for f in found)


@pytest.mark.parametrize(
    ("severity", "fail_on", "stops"),
    [
        (severity, fail_on, stops)
        for fail_on, stopped in {
            "LOW": {"LOW", "MEDIUM", "HIGH", "CRITICAL", "UNKNOWN", "new word", None},
            "MEDIUM": {"MEDIUM", "HIGH", "CRITICAL", "UNKNOWN", "new word", None},
            "HIGH": {"HIGH", "CRITICAL", "UNKNOWN", "new word", None},
            "CRITICAL": {"CRITICAL"},
        }.items()
        for severity in ("LOW", "MEDIUM", "HIGH", "CRITICAL", "UNKNOWN", "new word", None)
        for stops in [severity in stopped]
    ],
)
def test_every_severity_against_every_threshold(severity: Any, fail_on: str, stops: bool) -> None:
    """What nobody has rated counts as HIGH: Trivy says UNKNOWN where only the details of a CVE are missing."""
    (found,) = findings(vulnerability(severity), fail_on, "report")
    assert found.stops is stops


def test_a_vulnerability_names_the_version_that_fixes_it() -> None:
    (found,) = findings(vulnerability("HIGH"), "HIGH", "report")
    assert (found.message, found.fix) == ("p 1 → 2", "raise p to 2")
    (found,) = findings(vulnerability("HIGH", fixed=""), "HIGH", "report")
    assert (found.message, found.fix) == ("p 1 (no fix yet)", "")


@pytest.mark.parametrize(("status", "count"), [("FAIL", 1), ("PASS", 0), ("EXCEPTION", 0)])
def test_misconfigurations_count_where_they_failed(status: str, count: int) -> None:
    one = {"ID": "DS-0002", "Severity": "HIGH", "Status": status, "Title": "root", "Resolution": "add USER"}
    found = findings({"Results": [{"Misconfigurations": [one]}]}, "HIGH", "report")
    assert [(f.rule, f.fix, f.stops) for f in found] == [("DS-0002", "add USER", True)] * count


def test_people_read_the_worst_first() -> None:
    low = Finding("a", "LOW", "")
    order = [
        Finding("b", "CRITICAL", ""), Finding("a", "HIGH", ""), Finding("c", "UNKNOWN", ""), Finding("a", "MEDIUM", ""),
        low,
        Finding("a", "CRITICAL", "", stops=False),
    ]  # fmt: skip
    assert severe(order[::-1]) == order
