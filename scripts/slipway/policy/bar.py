"""Where a project lowers its own bar, or leaves it to others: none of it is obeyed or overlooked, and each is said.

Files that the tools load by themselves are kept from them by our flags, and so are the pragmas of hadolint and BuildKit
(`--disable-ignore-pragma`, BUILDKIT_DOCKERFILE_CHECK). Who writes one believes that it counts: so it is listed, at its
place, and does not change the verdict.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from slipway.policy.finding import Finding

FILES = {
    ".hadolint.yaml": "hadolint", ".hadolint.yml": "hadolint", ".trivyignore": "Trivy", ".trivyignore.yaml": "Trivy",
    ".trivyignore.yml": "Trivy", "trivy.yaml": "Trivy", "trivy.yml": "Trivy", "trivy-secret.yaml": "Trivy",
}  # fmt: skip
PRAGMAS = {
    "hadolint": re.compile(r"^\s*#\s*hadolint\s+(global\s+)?ignore\s*=", re.I),
    "BuildKit's checks": re.compile(r"^\s*#\s*check\s*=.*skip", re.I),
    "Trivy": re.compile(r"#\s*trivy:ignore", re.I),
}
SYNTAX = re.compile(r"^\s*#\s*syntax\s*=\s*(\S+)", re.I)
OFFICIAL = re.compile(r"(docker\.io/)?docker/dockerfile(-upstream)?([:@]|$)")
FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.I)
ARG = re.compile(r"""^\s*ARG\s+(\w+)=["']?([^\s"']+)""", re.I)
RULE = "bar"


def files(present: Iterable[str]) -> list[Finding]:
    """The files of a project that would quieten a tool."""
    return [_said(name, 0, f"{FILES[name]} is not given this file") for name in present if name in FILES]


def lines(name: str, text: str) -> Iterator[Finding]:
    """The lines of a Dockerfile that would quieten a tool; and a frontend of somebody else's: it builds as it likes."""
    for number, line in enumerate(text.splitlines(), 1):
        for tool, pragma in PRAGMAS.items():
            if pragma.search(line):
                yield _said(name, number, f"{tool} is told to look away here, and is not let")
        frontend = SYNTAX.match(line)
        if frontend and number == 1 and not OFFICIAL.match(frontend[1]):
            message = f"this Dockerfile is built by {frontend[1]}, which may build anything from it"
            fix = "take docker/dockerfile:1, or no `# syntax` at all"
            yield Finding("frontend", "HIGH", message, name, 1, fix, stops=False)


def bases(name: str, text: str, pinned: Mapping[str, str]) -> Iterator[Finding]:
    """The base images of a Dockerfile that are named without a digest: the same line may mean another image tomorrow.

    Args:
        pinned: build arguments whose values are known otherwise.
    """
    arguments, stages = dict(pinned), {"scratch"}
    for number, line in enumerate(text.splitlines(), 1):
        if (given := ARG.match(line)) and len(stages) == 1:
            arguments.setdefault(given[1], given[2])
        if not (start := FROM.match(line)):
            continue
        image = re.sub(r"\$\{?(\w+)(?::?-([^}]*))?\}?", lambda m: arguments.get(m[1], m[2] or m[0]), start[1])
        if image.lower() not in stages and "$" not in image and "@sha256:" not in image:
            fix = f"docker buildx imagetools inspect {image} tells its digest: FROM {image}@sha256:…"
            yield Finding(
                "base-digest", "MEDIUM", f"{image} is named without its digest", name, number, fix, stops=False
            )
        stages.add((start[2] or image).lower())


def _said(file: str, line: int, message: str) -> Finding:
    fix = "take it out; what must be accepted for a time goes into slipway.exceptions.yaml"
    return Finding(RULE, "LOW", f"{message}: the rules are the same", file, line, fix, stops=False)
