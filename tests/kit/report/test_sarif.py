"""SARIF as GitHub's code scanning takes it: rules with help, places that exist, severities, fingerprints that stay.

What GitHub asks: https://docs.github.com/code-security/reference/code-scanning/sarif-support-for-code-scanning
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace
from workflows.harness import provision

from slipway.pipeline.result import ImageResult, RunResult, SourceResult, StageResult
from slipway.policy.finding import Finding
from slipway.report import sarif

GUNICORN = Finding(
    "CVE-2024-1135", "HIGH", "gunicorn 20.1.0 → 22.0.0   Request smuggling", package="gunicorn",
    file="usr/lib/python3.13/site-packages/gunicorn-20.1.0.dist-info/METADATA", fix="raise gunicorn to 22.0.0",
    purl="pkg:pypi/gunicorn@20.1.0", url="https://avd.aquasec.com/nvd/cve-2024-1135", source="uv.lock", source_line=14,
)  # fmt: skip
SECRET = Finding("secret", "CRITICAL", "a key in /app/my key.env", "/app/my key.env", 3, "add it to .dockerignore")
LINT = Finding("DL3008", "MEDIUM", "Pin versions", "Dockerfile", 7, "https://github.com/hadolint/hadolint/wiki/DL3008")


def log(folder: Path, *findings: Finding, lint: tuple[Finding, ...] = ()) -> dict[str, Any]:
    """What is written of a run with these findings."""
    (folder / ".slipway").mkdir(exist_ok=True)
    stages = tuple(
        StageResult(name=name, status="failed", seconds=1, started=0, findings=found)
        for name, found in (("lint", lint), ("scan", findings))
    )
    result = RunResult(
        id="1", status="failed", exit_code=1, started="2026-01-01T00:00:00Z", seconds=1, work_seconds=1, project="shop",
        source=SourceResult("", "", False), image=ImageResult(), stages=stages,
    )  # fmt: skip
    sarif.write(result, folder, "slipway/shop")
    (run,) = json.loads((folder / ".slipway/findings.sarif").read_text())["runs"]
    return dict(run)


def rule(folder: Path, *findings: Finding, lint: tuple[Finding, ...] = ()) -> dict[str, Any]:
    (found,) = log(folder, *findings, lint=lint)["tool"]["driver"]["rules"]
    return dict(found)


def one(folder: Path, *findings: Finding) -> dict[str, Any]:
    (found,) = log(folder, *findings)["results"]
    return dict(found)


def unique(_: Any, wanted: bool, items: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    """Compare by text: the library compares each item with each other, half a minute for a list as long as ours."""
    if wanted and len({json.dumps(item, sort_keys=True) for item in items}) != len(items):
        yield jsonschema.ValidationError("an item is there twice")


Validator = jsonschema.validators.extend(jsonschema.Draft4Validator, {"uniqueItems": unique})


@pytest.mark.slow("the standard's schema reads as many findings as a file may hold")
def test_it_is_valid(tmp_path: Path) -> None:
    """By the standard's own schema, with everything in it that we ever write."""
    schema = Validator(json.loads(provision.need(provision.sarif_schema).read_bytes()))
    more = [replace(GUNICORN, rule=f"R{n}", stops=False, accepted="until then") for n in range(sarif.LIMIT)]
    log(tmp_path, GUNICORN, SECRET, *more, lint=(LINT, Finding("bar", "LOW", "", stops=False)))
    document = json.loads((tmp_path / ".slipway/findings.sarif").read_bytes())
    assert [error.message for error in schema.iter_errors(document)] == []
    document["runs"][0]["results"][0]["level"] = "high"
    assert list(schema.iter_errors(document)), "and the schema does refuse"


def test_a_rule_twice_is_not_valid(tmp_path: Path) -> None:
    schema = Validator(json.loads(provision.need(provision.sarif_schema).read_bytes()))
    log(tmp_path, GUNICORN)
    document = json.loads((tmp_path / ".slipway/findings.sarif").read_bytes())
    rules = document["runs"][0]["tool"]["driver"]["rules"]
    rules.append(rules[0])
    assert [error.message for error in schema.iter_errors(document)] == ["an item is there twice"]


def test_a_rule_says_what_it_is_and_how_to_fix_it(tmp_path: Path) -> None:
    other = replace(GUNICORN, package="gunicorn-fork", fix="raise gunicorn-fork to 3")
    found = rule(tmp_path, GUNICORN, other, GUNICORN)
    assert (found["id"], found["shortDescription"]["text"]) == ("CVE-2024-1135", "Request smuggling")
    assert found["help"]["text"] == "raise gunicorn to 22.0.0\nraise gunicorn-fork to 3"
    assert "**To fix**\n\n- raise gunicorn to 22.0.0\n- raise gunicorn-fork to 3\n" in found["help"]["markdown"]
    assert "[CVE-2024-1135](https://avd.aquasec.com/nvd/cve-2024-1135)" in found["help"]["markdown"]
    assert "slipway.exceptions.yaml" in found["help"]["markdown"]
    assert found["helpUri"] == GUNICORN.url


def test_text_of_an_advisory_is_no_markup(tmp_path: Path) -> None:
    evil = "x   ](http://evil) <img src=x> @acme/team `a`\n# big"
    found = rule(tmp_path, replace(GUNICORN, message=evil, fix="https://evil.example/> **now**", url=""))
    markdown = found["help"]["markdown"].replace("**To fix**", "").replace("`slipway.exceptions.yaml`", "")
    assert not re.search(r"[<>@`#*\[\]](?!\d)", markdown.replace("&#", "")), markdown
    assert "helpUri" not in found


def test_no_text_is_empty(tmp_path: Path) -> None:
    """GitHub refuses the whole file else."""
    bare = Finding("R1", "LOW", "")
    found = rule(tmp_path, bare)
    texts = [found["shortDescription"]["text"], found["help"]["text"], one(tmp_path, bare)["message"]["text"]]
    assert texts == ["R1", "There is no fix yet.", "R1"]


@pytest.mark.parametrize(
    ("severity", "score", "level"),
    [("CRITICAL", 9.5, "error"), ("HIGH", 8.0, "error"), ("UNKNOWN", 8.0, "error"), ("MEDIUM", 5.5, "warning"),
     ("LOW", 2.0, "note")],
)  # fmt: skip
def test_severities_are_githubs(tmp_path: Path, severity: Any, score: float, level: str) -> None:
    """critical from 9.0, high from 7.0, medium from 4.0: the bands of its documentation."""
    found = rule(tmp_path, replace(GUNICORN, severity=severity))
    assert float(found["properties"]["security-severity"]) == score
    assert found["properties"]["tags"] == ["security"]
    assert found["defaultConfiguration"]["level"] == level
    assert one(tmp_path, replace(GUNICORN, severity=severity))["level"] == level


def test_a_rule_has_the_worst_severity_of_its_results(tmp_path: Path) -> None:
    found = rule(tmp_path, replace(SECRET, severity="HIGH"), SECRET)
    assert found["properties"]["security-severity"] == "9.5"
    assert found["shortDescription"]["text"] == "A secret lies in the image", "not one file's name for all"


def test_lint_is_no_question_of_security(tmp_path: Path) -> None:
    found = rule(tmp_path, lint=(LINT,))
    assert found["properties"] == {"tags": ["maintainability"], "problem.severity": "warning"}
    assert found["helpUri"] == LINT.fix and f"- <{LINT.fix}>" in found["help"]["markdown"]


def test_places(tmp_path: Path) -> None:
    def place(finding: Finding) -> tuple[str, int]:
        (found,) = one(tmp_path, finding)["locations"]
        physical = found["physicalLocation"]
        return physical["artifactLocation"]["uri"], physical["region"]["startLine"]

    assert place(GUNICORN) == ("uv.lock", 14)
    assert place(SECRET) == ("app/my%20key.env", 3), "a URI, and relative"
    assert place(replace(GUNICORN, file="", source="")) == ("Dockerfile", 1), "no result without a place is shown"


def test_a_fingerprint_stays_when_version_and_line_change(tmp_path: Path) -> None:
    def print_of(finding: Finding) -> str:
        return str(one(tmp_path, finding)["partialFingerprints"]["primaryLocationLineHash"])

    first = print_of(GUNICORN)
    assert re.fullmatch(r"[0-9a-f]{16}:1", first)
    later = replace(
        GUNICORN, message="gunicorn 20.0.4 → 22.0.0", file="elsewhere", source_line=99, source="poetry.lock"
    )
    assert print_of(later) == first
    assert print_of(replace(GUNICORN, package="other")) != first, "one rule, two packages: two results"
    assert print_of(replace(SECRET, line=4)) != print_of(SECRET)


def test_what_is_accepted_is_suppressed_and_what_is_known_is_not(tmp_path: Path) -> None:
    accepted = one(tmp_path, replace(GUNICORN, stops=False, accepted="until 2026-12-31 by @alice: why"))
    (said,) = accepted["suppressions"]
    assert said == {"kind": "external", "status": "accepted", "justification": "until 2026-12-31 by @alice: why"}
    known = one(tmp_path, replace(GUNICORN, stops=False, known="main"))
    assert "suppressions" not in known and known["level"] == "error"
    assert one(tmp_path, replace(GUNICORN, stops=False))["level"] == "note", "listed only"


def test_too_many_are_cut_by_severity_and_it_says_so(tmp_path: Path) -> None:
    low = [replace(GUNICORN, rule=f"CVE-1-{n}", severity="LOW", stops=False) for n in range(sarif.LIMIT)]
    found = log(tmp_path, *low, GUNICORN, lint=(LINT,))
    assert len(found["results"]) == sarif.LIMIT
    assert [r["ruleId"] for r in found["results"][:2]] == [GUNICORN.rule, LINT.rule]
    (invocation,) = found["invocations"]
    said = invocation["toolExecutionNotifications"][0]["message"]["text"]
    assert said == "2 findings of the least severity were left out"
    rules = found["tool"]["driver"]["rules"]
    assert all(rules[r["ruleIndex"]]["id"] == r["ruleId"] for r in found["results"])
