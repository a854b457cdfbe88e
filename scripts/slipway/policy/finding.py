"""What a gate found, in one form for all gates."""

from typing import Literal

from msgspec import Struct

Severity = Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"]
ORDER: tuple[Severity, ...] = ("CRITICAL", "HIGH", "UNKNOWN", "MEDIUM", "LOW")


class Finding(Struct, frozen=True, omit_defaults=True):
    """One thing that a gate objects to, or lists."""

    rule: str  # DL3008, CVE-2024-1135, secret, test name …
    severity: Severity
    message: str
    file: str = ""
    line: int = 0
    mend: str = ""
    stops: bool = True  # False: listed, does not stop the image
    package: str = ""
    accepted: str = ""  # until when, by whom and why; such a finding does not stop


def severe(findings: tuple[Finding, ...] | list[Finding]) -> list[Finding]:
    """Findings in the order in which people should read them."""
    return sorted(findings, key=lambda f: (not f.stops, ORDER.index(f.severity), f.rule, f.file, f.line))
