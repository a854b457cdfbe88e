"""What was there already: what the base's last scan found and saw, held against the scan of a change.

A finding is known where the base had it in that package, in whatever version and at whatever line; and a vulnerability
also where the base has that very package: then only the advisory is new, and no change brought it. What a secret was is
in no report, so one cannot be told from another: secrets are never known, and neither is what was accepted until a day
that has gone by.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from slipway.policy.exceptions import Accepted
from slipway.policy.finding import Finding

SECRETS = ("secret", "DS-0031")  # the second: in the image's environment
LIMIT = 20_000_000  # bytes of a file that is read at all


class Baseline(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base's last scan, as it is kept: no severity, no text, nothing of a secret."""

    schema: Literal[1]
    image: str
    platform: str
    branch: str
    commit: str
    scanned: str  # RFC 3339
    findings: tuple[tuple[str, str], ...]  # rule and package of what stopped, or would have
    accepted: tuple[tuple[str, str], ...]  # likewise, of what was accepted until a day
    packages: tuple[str, ...]  # their package URLs, without qualifiers

    def same(self, other: "Baseline") -> bool:
        """Whether both say the same of the image, whenever they were made."""
        return replace(self, commit="", scanned="") == replace(other, commit="", scanned="")


def read(content: bytes, image: str, platform: str, branch: str) -> Baseline:
    """A baseline as it was kept.

    Raises:
        ValueError: it is damaged, or of something else; says what.
    """
    if len(content) > LIMIT:
        raise ValueError(f"it has {len(content)} bytes")
    try:
        found = msgspec.json.decode(content, type=Baseline)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"it is damaged: {error}") from error
    for what, said, wanted in (
        ("image", found.image, image), ("platform", found.platform, platform), ("branch", found.branch, branch),
    ):  # fmt: skip
        if said != wanted:
            raise ValueError(f"it is of the {what} {said!r}, not {wanted!r}")
    return found


def seen(report: Mapping[str, Any]) -> tuple[str, ...]:
    """The packages of a scanner's report."""
    packages = [package for result in report.get("Results") or [] for package in result.get("Packages") or []]
    return tuple(sorted({name for one in packages if (name := purl(one.get("Identifier")))}))


def purl(identifier: Any) -> str:
    """A package's URL without its qualifiers, of which the distribution's point release is one."""
    return str((identifier or {}).get("PURL") or "").partition("?")[0]


def named(findings: Iterable[Finding]) -> tuple[tuple[str, str], ...]:
    """What a baseline keeps of findings: their rules and packages."""
    return tuple(sorted({(f.rule, f.package) for f in findings if f.rule not in SECRETS}))


def apply(findings: Iterable[Finding], base: Baseline, accepted: Iterable[Accepted]) -> list[Finding]:
    """The same findings; those that the base has no longer stop.

    Args:
        accepted: the exceptions, of which none holds today for a finding that stops: it has ended.
    """
    entries, found, packages = list(accepted), set(base.findings), set(base.packages)
    until_a_day = set(base.accepted)

    def known(finding: Finding) -> bool:
        if not finding.stops or finding.rule in SECRETS or any(entry.about(finding) for entry in entries):
            return False
        name = finding.rule, finding.package
        return name in found or (bool(finding.purl) and finding.purl in packages and name not in until_a_day)

    return [replace(f, stops=False, known=base.branch) if known(f) else f for f in findings]
