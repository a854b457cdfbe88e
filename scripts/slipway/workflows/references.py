"""References in `uses`: what kind each is, and which of them can be moved to other code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from slipway.workflows import model
from slipway.workflows.model import Action, Workflow
from slipway.workflows.reader import Scalar
from slipway.workflows.rules import Problem, problem

_REMOTE = re.compile(r"(?P<owner>[\w.-]+)/(?P<repository>[\w.-]+)(?P<path>(/[^@]*)?)@(?P<ref>\S+)")
_COMMIT = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)


@dataclass(frozen=True)
class Reference:
    """What a `uses` names."""

    kind: Literal["here", "remote", "image", "expression", "malformed"]
    path: str = ""  # in its repository
    owner: str = ""
    repository: str = ""
    ref: str = ""

    @property
    def pinned(self) -> bool:
        """Whether it always means the same bytes."""
        if self.kind == "image":
            return "@sha256:" in self.ref
        return self.kind != "remote" or bool(_COMMIT.fullmatch(self.ref))


def parse(uses: str) -> Reference:
    """Take a reference apart. `./` and `$/` both lead to a path of a repository that the caller knows."""
    if "${{" in uses:
        return Reference("expression")
    if uses.startswith("docker://"):
        return Reference("image", ref=uses.removeprefix("docker://"))
    if uses.startswith(("./", "$/")):
        return Reference("malformed" if "@" in uses else "here", uses[2:].rstrip("/"))
    if found := _REMOTE.fullmatch(uses):
        return Reference("remote", found["path"].strip("/"), found["owner"], found["repository"], found["ref"])
    return Reference("malformed")


def used(file: Workflow | Action) -> Iterator[Scalar]:
    """Every `uses` of a file: of calling jobs and of steps."""
    if isinstance(file, Action):
        bodies = [file.runs]
    else:
        yield from (job.uses for job in file.jobs.values() if job.uses)
        bodies = [job.body for job in file.jobs.values()]
    for body in bodies:
        for step in model.steps(body):
            uses = step.get("uses")
            if isinstance(uses, Scalar):
                yield uses


def unpinned(file: Workflow | Action) -> Iterator[Problem]:
    """References that a tag or a branch decides."""
    for uses in used(file):
        reference = parse(uses.text)
        if reference.pinned:
            continue
        if reference.kind == "image":
            why = "an image tag can be pushed again with other content, and the next run starts it"
            fix = (
                f"name the digest: uses: {uses.text}@sha256:<64 hex> (docker buildx imagetools inspect {reference.ref})"
            )
        else:
            why = (
                f"'{reference.ref}' is a branch, a tag or an abbreviation: whoever can move it runs code in this job, "
                "with its token and secrets. Repositories that require full commits refuse the run"
            )
            name = uses.text.rpartition("@")[0]
            url = f"https://github.com/{reference.owner}/{reference.repository}"
            ref = reference.ref.removeprefix("refs/tags/").removeprefix("refs/heads/")
            look = f"git ls-remote {url} '{ref}' '{ref}^{{}}'; the ^{{}} line, if any, is the commit"
            fix = f"uses: {name}@<40 hex> # {ref}   ({look})"
        yield problem("reference-unpinned", file.source.name, uses, f"{uses.text} is not pinned", why, fix)
