"""One finding for one fault: hadolint and BuildKit's own checks have rules that say the same."""

from collections.abc import Iterable

from msgspec import structs

from slipway.policy.finding import ORDER, Finding

# BuildKit's rule → hadolint's, for the same line of the same file. Source: both lists of rules
# (docs.docker.com/reference/build-checks, github.com/hadolint/hadolint/wiki), and both tools run on the same files.
SAME_LINE = {
    "WorkdirRelativePath": {"DL3000"},
    "JSONArgsRecommended": {"DL3025"},
    "MaintainerDeprecated": {"DL4000"},
    "DuplicateStageName": {"DL3024"},
    "FromPlatformFlagConstDisallowed": {"DL3029"},
}
# Here BuildKit names the instruction that has no effect, hadolint the one that takes it away.
SAME_FILE = {"MultipleInstructionsDisallowed": {"DL3012", "DL4003", "DL4004"}}


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings without BuildKit's twins of hadolint's. What one of two would have stopped, both stop."""
    kept = list(findings)
    for finding in [f for f in kept if f.rule in SAME_LINE or f.rule in SAME_FILE]:
        twin = next((f for f in kept if _twins(finding, f)), None)
        if twin:
            severity = min(twin.severity, finding.severity, key=ORDER.index)
            kept[kept.index(twin)] = structs.replace(twin, severity=severity, stops=twin.stops or finding.stops)
            kept.remove(finding)
    return kept


def _twins(finding: Finding, other: Finding) -> bool:
    if finding.rule in SAME_FILE:
        return other.rule in SAME_FILE[finding.rule] and other.file == finding.file
    return other.rule in SAME_LINE[finding.rule] and other.place == finding.place
