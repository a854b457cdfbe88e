"""hadolint and BuildKit say the same of a line: one finding, and nothing that stopped is let through by that."""

import pytest

from slipway.policy.finding import Finding
from slipway.policy.twins import merge


def hadolint(rule: str, line: int, *, stops: bool = True) -> Finding:
    return Finding(rule, "LOW", "hadolint's", "Dockerfile", line, stops=stops)


def buildkit(rule: str, line: int, file: str = "Dockerfile") -> Finding:
    return Finding(rule, "MEDIUM", "BuildKit's", file, line)


PAIRS = [
    ("DL3000", "WorkdirRelativePath"),
    ("DL3025", "JSONArgsRecommended"),
    ("DL4000", "MaintainerDeprecated"),
    ("DL3024", "DuplicateStageName"),
    ("DL3029", "FromPlatformFlagConstDisallowed"),
]


@pytest.mark.parametrize(("theirs", "twin"), PAIRS)
def test_one_finding_for_one_line(theirs: str, twin: str) -> None:
    (one,) = merge([buildkit(twin, 3), hadolint(theirs, 3)])
    assert (one.rule, one.message, one.severity) == (theirs, "hadolint's", "MEDIUM")


@pytest.mark.parametrize(("theirs", "twin"), PAIRS)
def test_another_line_or_file_is_another_fault(theirs: str, twin: str) -> None:
    findings = [hadolint(theirs, 3), buildkit(twin, 4), buildkit(twin, 3, "ops/Dockerfile")]
    assert merge(findings) == findings


def test_one_that_is_alone_stays() -> None:
    findings = [buildkit("WorkdirRelativePath", 3), hadolint("DL3025", 3)]
    assert merge(findings) == findings


def test_two_instructions_of_one_kind() -> None:
    """BuildKit names the first, hadolint the second."""
    (one,) = merge([buildkit("MultipleInstructionsDisallowed", 4), hadolint("DL4003", 5)])
    assert (one.rule, one.line) == ("DL4003", 5)


def test_the_bar_is_not_lowered() -> None:
    """hadolint's threshold may only list what BuildKit's checks stop."""
    (one,) = merge([hadolint("DL3025", 3, stops=False), buildkit("JSONArgsRecommended", 3)])
    assert one.stops and one.severity == "MEDIUM"
