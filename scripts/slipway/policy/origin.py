"""Where in the project a finding of the image comes from: the line of the lock file, of the Dockerfile, or of the very
file that was copied in. A place that cannot be told is left open."""

import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from slipway.policy.bar import FROM
from slipway.policy.finding import Finding

PACKAGE = {"requirements.txt": r"^{}(?![\w.-])", "Pipfile.lock": r'^\s*"{}": ', "pyproject.toml": r"[\"']{}(?![\w.-])"}
TOML = r'^name = "{}"$'  # of the other lock files


@dataclass(frozen=True)
class Sources:
    """The files of a project that say what is in its image."""

    dockerfile: str  # its name
    recipe: str  # its text
    target: str = ""  # stage that is built; empty: the last
    lock: str = ""  # name of the lock file; empty: there is none
    locked: str = ""  # its text
    context: str = "."  # the folder that is copied from
    lines: Callable[[str], int] = field(default=lambda name: 0)  # of a text file of the project; 0 where there is none


def locate(findings: Iterable[Finding], sources: Sources) -> list[Finding]:
    """The same findings, each with the place in the project where it would be mended."""
    own, base = _stages(sources)
    recipe = sources.dockerfile if own else ""

    def place(finding: Finding) -> tuple[str, int]:
        if finding.rule == "secret":
            return _copied(finding, sources) or (recipe, own)
        if finding.purl.startswith("pkg:pypi/") and (line := _line(finding.package, sources)):
            return sources.lock, line
        if finding.purl or finding.rule == "end-of-life":
            return recipe, base
        return (recipe, own) if finding.package == "image" else ("", 0)

    return [replace(f, source=name, source_line=line) for f in findings for name, line in [place(f)]]


def _line(package: str, sources: Sources) -> int:
    """The line of the lock file that names a package; 0: none does."""
    # Names differ in letters' case and in their separators: https://packaging.python.org/specifications/name-normalization
    name = "[-_.]+".join(map(re.escape, re.split(r"[-_.]+", package)))
    pattern = PACKAGE.get(sources.lock.rpartition("/")[2], TOML).format(name)
    found = re.search(pattern, sources.locked, re.MULTILINE | re.IGNORECASE)
    return sources.locked.count("\n", 0, found.start()) + 1 if found else 0


def _copied(finding: Finding, sources: Sources) -> tuple[str, int] | None:
    """The file of the project that lies in the image under this path: the longest end of it that there is."""
    parts = finding.file.strip("/").split("/")
    if ".." in parts:
        return None
    names = (posixpath.normpath("/".join([sources.context, *parts[start:]])) for start in range(len(parts)))
    return next(((name, finding.line) for name in names if sources.lines(name) >= max(finding.line, 1)), None)


def _stages(sources: Sources) -> tuple[int, int]:
    """The lines where the stage that ships begins, and where the base image that it comes from is named; 0: nowhere."""
    stages: dict[str, tuple[int, str]] = {}
    last = ""
    for number, text in enumerate(sources.recipe.splitlines(), 1):
        if start := FROM.match(text):
            last = str(start[2] or f"#{number}").lower()
            stages[last] = number, str(start[1]).lower()
    at = sources.target.lower() if sources.target.lower() in stages else last
    if not at:
        return 0, 0
    line, image = stages[at]
    own = line
    while image in stages and stages[image][0] < line:  # a stage comes from an earlier one
        line, image = stages[image]
    return own, line
