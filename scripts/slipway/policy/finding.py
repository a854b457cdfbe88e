"""What a gate found, in one form for all gates."""

import re
from typing import Literal

from msgspec import Struct

Severity = Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"]
ORDER: tuple[Severity, ...] = ("CRITICAL", "HIGH", "UNKNOWN", "MEDIUM", "LOW")


class Finding(Struct, frozen=True, omit_defaults=True, rename={"stops": "blocking", "known": "baseline"}):
    """One thing that a gate objects to, or lists."""

    rule: str  # DL3008, CVE-2024-1135, secret, test name …
    severity: Severity
    message: str
    file: str = ""
    line: int = 0
    fix: str = ""
    stops: bool = True  # False: listed, does not stop the image
    package: str = ""
    accepted: str = ""  # until when, by whom and why; such a finding does not stop
    known: str = ""  # the branch that has it already; such a finding does not stop
    purl: str = ""  # the package with its version, as a package URL without qualifiers
    url: str = ""  # where one can read more
    source: str = ""  # the file of the project that it comes from, where that is known and is not `file`
    source_line: int = 0

    @property
    def place(self) -> tuple[str, int]:
        """File and line in the project, as far as they are known."""
        return (self.source, self.source_line) if self.source else (self.file, self.line)


def link(text: str) -> str:
    """A text from outside where it can safely become a link, else nothing."""
    return text if re.fullmatch(r"https://[\w./~%?=&#-]{1,500}", text, re.ASCII) else ""


def severe(findings: tuple[Finding, ...] | list[Finding]) -> list[Finding]:
    """Findings in the order in which people should read them."""
    return sorted(findings, key=urgency)


def urgency(f: Finding) -> tuple[bool, bool, int, str, str, int]:
    """What comes first is least: what stops, what others have already, the most severe."""
    return not f.stops, not f.known, ORDER.index(f.severity), f.rule, f.file, f.line
