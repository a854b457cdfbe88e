"""Findings that are accepted until a day: `slipway.exceptions.yaml`, beside slipway.toml.

Each entry names one finding of one package, says why and who answers for it, and ends within 90 days. Nothing is taken
off a list: what is accepted is still shown, and so is an entry that nothing needs any more.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from msgspec.structs import replace

from slipway.policy.finding import Finding

FILE = "slipway.exceptions.yaml"
LONGEST = timedelta(days=90)
KEYS = ("id", "package", "reason", "owner", "expires")
EXAMPLE = (
    "- {id: CVE-2024-1135, package: gunicorn, reason: why it is harmless here, owner: '@name', expires: 2026-12-31}"
)


@dataclass(frozen=True)
class Accepted:
    """One entry."""

    id: str
    package: str  # or the file, for a secret
    reason: str
    owner: str
    expires: date  # the last day on which it holds
    line: int

    def about(self, finding: Finding) -> bool:
        """Whether it speaks of a finding."""
        return self.id == finding.rule and self.package in (finding.package, finding.file)


def read(text: str, today: date) -> list[Accepted]:
    """The entries of the file.

    Raises:
        ValueError: an entry says too little or too much: `line: what. How to fix it`.
    """
    import yaml  # most runs have no such file

    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"{mark.line + 1 if mark else 1}: this is no YAML: {error}".splitlines()[0]) from error
    if node is None:
        return []
    if not isinstance(node, yaml.SequenceNode):
        raise ValueError(f"1: a list of entries is wanted, such as - {EXAMPLE}")
    entries = [_entry(one, today) for one in node.value]
    for number, entry in enumerate(entries):
        if any((e.id, e.package) == (entry.id, entry.package) for e in entries[:number]):
            raise ValueError(f"{entry.line}: {entry.id} of {entry.package} stands here twice. Keep one")
    return entries


def apply(findings: Iterable[Finding], accepted: Iterable[Accepted], today: date) -> list[Finding]:
    """The same findings, those that are accepted today no longer stopping; and what is to be said of the entries."""
    found, entries = list(findings), list(accepted)
    result = [_accept(f, next((e for e in entries if e.about(f) and e.expires >= today), None)) for f in found]
    for entry in entries:
        name, needed = f"{entry.id} of {entry.package}", any(entry.about(f) for f in found)
        if needed and entry.expires < today:
            rule, fix = "exception-expired", "raise the package, or look again and set a new day"
            message = f"{name} was accepted until {entry.expires} by {entry.owner}: {entry.reason}"
        elif not needed:
            rule, fix = "exception-unused", "take the entry out"
            message = f"{name} is accepted, and not found any more"
        else:
            continue
        result.append(Finding(rule, "LOW", message, file=FILE, line=entry.line, fix=fix, stops=False))
    return result


def _accept(finding: Finding, entry: Accepted | None) -> Finding:
    if entry is None or not finding.stops:
        return finding
    return replace(finding, stops=False, accepted=f"until {entry.expires} by {entry.owner}: {entry.reason}")


def _entry(node: Any, today: date) -> Accepted:
    import yaml

    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        raise ValueError(f"{line}: an entry has the keys {', '.join(KEYS)}: {EXAMPLE}")
    given = {str(k.value): (v.value.strip() if isinstance(v, yaml.ScalarNode) else "") for k, v in node.value}
    if unknown := [name for name in given if name not in KEYS]:
        raise ValueError(f"{line}: unknown key {unknown[0]!r}. An entry has {', '.join(KEYS)}")
    if lacking := [name for name in KEYS if not given.get(name)]:
        raise ValueError(f"{line}: `{lacking[0]}` is missing. An entry has {', '.join(KEYS)}: {EXAMPLE}")
    for name in ("id", "package"):
        if re.search(r"[*?\[\]\s]", given[name]):
            raise ValueError(f"{line}: {name} {given[name]!r} is a pattern. Name one finding of one package")
    try:
        expires = date.fromisoformat(given["expires"])
    except ValueError:
        raise ValueError(f"{line}: expires {given['expires']!r} is no day. Write it as {today + LONGEST}") from None
    if expires > today + LONGEST:
        raise ValueError(f"{line}: expires {expires} is further than 90 days. {today + LONGEST} is the latest")
    return Accepted(given["id"], given["package"], given["reason"], given["owner"], expires, line)
