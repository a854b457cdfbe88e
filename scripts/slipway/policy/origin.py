"""Where in the project a finding of the image comes from: the line of the lock file, of the Dockerfile, or of the very
file that was copied in. A place that cannot be told is left open."""

import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from slipway.policy.bar import FROM
from slipway.policy.finding import Finding

# How a file names a package; the first line that does is the one.
PACKAGE = {
    "requirements.txt": r"^(\w[\w.-]*)", "Pipfile.lock": r'^\s*"(\w[\w.-]*)": ', "pyproject.toml": r"[\"'](\w[\w.-]*)",
}  # fmt: skip
TOML = r'^name = "([^"]+)"$'  # of the other lock files


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
    """The same findings, each with the place in the project where it would be fixed."""
    own, base = _stages(sources)
    recipe = sources.dockerfile if own else ""
    lines = _lines(sources)

    from packaging.utils import canonicalize_name  # here: a run that reuses its scan starts without it

    def place(finding: Finding) -> tuple[str, int]:
        if finding.rule == "secret":
            return _copied(finding, sources) or (recipe, own)
        if finding.purl.startswith("pkg:pypi/") and (line := lines.get(canonicalize_name(finding.package))):
            return sources.lock, line
        if finding.purl or finding.rule == "end-of-life":
            return recipe, base
        return (recipe, own) if finding.package == "image" else ("", 0)

    return [replace(f, source=name, source_line=line) for f in findings for name, line in [place(f)]]


def _lines(sources: Sources) -> dict[str, int]:
    """The lines of the lock file that name a package, by its canonical name."""
    from packaging.utils import canonicalize_name

    found: dict[str, int] = {}
    pattern = re.compile(PACKAGE.get(posixpath.basename(sources.lock), TOML))
    for number, line in enumerate(sources.locked.splitlines(), 1):
        for name in pattern.findall(line):
            found.setdefault(canonicalize_name(name), number)
    return found


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
