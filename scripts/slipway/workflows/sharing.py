"""What one event starts that gets into each other's way: jobs that share a concurrency group, two deploys to one place.

GitHub runs one of a group, keeps one waiting, and cancels the one that waited before; with `queue: max` up to 100 wait.
A group is the repository's, whatever the workflow. Only what is certain counts: texts of groups that are the same in
every run of an event, conditions of which one contains the other. Source of GitHub's rule:
https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency.
"""

import math
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from slipway.workflows import concurrency, references
from slipway.workflows.concurrency import Holder
from slipway.workflows.library import Library
from slipway.workflows.model import Job, Workflow, lowered
from slipway.workflows.reader import Mapping, Node, Sequence, text
from slipway.workflows.rules import Problem, problem

# Each starts workflows one by one, or at times of their own.
_ALONE = ("workflow_call", "workflow_dispatch", "schedule")
# Differs from run to run or from leg to leg, or is not known to be the same.
_UNCERTAIN = re.compile(r"\b(github\.(run_|job\b)|(inputs|matrix|strategy|needs|secrets|env)\b[.\[])")
_HOLE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_WHATEVER = re.compile(r"\b(always|failure|cancelled)\s*\(", re.IGNORECASE)
LEGS = 3  # of a matrix in one group: one runs, one waits, the third cancels the second


@dataclass(frozen=True)
class Place:
    """A deploy by the kit: to which environment, of the project in which folder."""

    file: str
    job: Job
    environment: str
    folder: str


def check(roots: Iterable[Workflow], library: Library) -> Iterator[Problem]:
    """Compare all workflows of a project with each other, and with themselves."""
    started = [root for root in roots if root.is_root]
    groups = [(root, one) for root in started for one in concurrency.holders(root, library)]
    known = [(root, one) for root, one in groups if not one.deadlocked and not _unsure(one.group)]
    for root, one in known:
        others = [
            other for there, other in known if one.group == other.group and _meet(root, one.top, there, other.top)
        ]
        if not one.queues and (others or _legs(one) >= (2 if one.option("cancel-in-progress") == "true" else LEGS)):
            yield _cancelled(one, others)
    places = [(root, place) for root in started for place in _deploys(root, library)]
    for (root, place), (there, other) in combinations(places, 2):
        same = (place.environment, place.folder) == (other.environment, other.folder)
        if same and _meet(root, place.job, there, other.job):
            yield _twice(other, place)


def _unsure(group: str) -> bool:
    return any(_UNCERTAIN.search(hole) for hole in _HOLE.findall(group))


def _cancelled(one: Holder, others: list[Holder]) -> Problem:
    names = [f"{other.who} ({other.file}:{other.node.line})" for other in others]
    message = f"{one.who} shares its group with {' and '.join(names) or 'the other legs of its matrix'}"
    why = (
        "one event starts them all: GitHub runs one of a group, keeps one waiting, and cancels the one that waited "
        "before, in the whole repository"
    )
    fix = "name what differs in the group, such as the folder or the workflow, or keep those that wait: queue: max"
    return problem("concurrency-cancelled", *one.place, message, why, fix)


def _twice(one: Place, first: Place) -> Problem:
    where = f"environment {one.environment} of {'the project' if one.folder == '.' else one.folder}"
    message = f"job '{one.job.id}' deploys to {where}, and so does job '{first.job.id}' of {first.file}"
    why = "one event starts both, and the second replaces what the first brought up"
    fix = "name the folder of each project (working-directory), or another environment, or remove one of the two"
    return problem("deploy-twice", one.file, one.job.key, message, why, fix)


def _meet(root: Workflow, job: Job | None, there: Workflow, other: Job | None) -> bool:
    """Return whether one event is certain to start both, and neither waits for the other."""
    if root is there:
        if job is None or other is None or job is other:
            return False
        if _waits(root, job, other) or _waits(root, other, job):
            return False
    elif not _events(root) & _events(there):
        return False
    ours = _conditions(root, job) if job else frozenset()
    theirs = _conditions(there, other) if other else frozenset()
    return ours <= theirs or theirs <= ours


def _events(root: Workflow) -> set[str]:
    """Return the events that start several workflows at once; pushes of branches and of tags are two."""
    found = {name for name in root.triggers if name not in _ALONE}
    on = root.body.get("on")
    push = on.get("push") if isinstance(on, Mapping) else None
    if "push" not in found:
        return found
    named = {key.text.removesuffix("-ignore") for key, _ in push.entries} if isinstance(push, Mapping) else set()
    kinds = {kind for kind in ("branches", "tags") if kind in named} or {"branches", "tags"}
    return (found - {"push"}) | {f"push of {kind}" for kind in kinds}


def _above(root: Workflow, job: Job) -> Iterator[Job]:
    """Return the jobs that a job waits for, directly or not."""
    seen, left = {job.id.lower()}, [job]
    while left:
        for name in (need.text.lower() for need in left.pop().needs):
            if name in root.jobs and name not in seen:
                seen.add(name)
                left.append(root.jobs[name])
                yield root.jobs[name]


def _waits(root: Workflow, job: Job, other: Job) -> bool:
    return any(one is other for one in _above(root, job))


def _conditions(root: Workflow, job: Job) -> frozenset[str]:
    """Return what must hold for a job to run: its own condition, and those of the jobs that it waits for."""
    own = text(job.body.get("if"))
    jobs = [job] if _WHATEVER.search(own) else [job, *_above(root, job)]
    texts = ["".join(text(one.body.get("if")).split()) for one in jobs]
    return frozenset(one.removeprefix("${{").removesuffix("}}") for one in texts if one)


def _legs(one: Holder) -> float:
    """Return how many legs of the started workflow's matrix take the same group; at least one."""
    strategy = one.top.body.get("strategy") if one.top else None
    if not isinstance(strategy, Mapping) or text(strategy.get("max-parallel")) == "1":
        return 1
    matrix = strategy.get("matrix")
    if not isinstance(matrix, Mapping):
        return math.inf if matrix else 1
    axes: list[Node] = [values for key, values in matrix.entries if key.text not in ("include", "exclude")]
    if any(not isinstance(values, Sequence) for values in axes):
        return math.inf
    include = matrix.get("include")
    more = len(include.items) if isinstance(include, Sequence) and not axes else 0
    return more or math.prod(len(values.items) for values in axes if isinstance(values, Sequence))


def _deploys(root: Workflow, library: Library) -> Iterator[Place]:
    """Return the deploys of a workflow's jobs, by the kit's workflow or by its action, whose place is written out."""
    for job in root.jobs.values():
        uses = [(job.uses.text, job.body.get("with"))] if job.uses else []
        uses += [(text(step.get("uses")), step.get("with")) for step in job.steps]
        for name, node in uses:
            if not _is_deploy(root, name, library):
                continue
            given = lowered(node)
            environment, folder = text(given.get("environment")), text(given.get("working-directory")) or "."
            if environment and "${{" not in environment + folder:
                yield Place(root.source.name, job, environment, posixpath.normpath(folder))


def _is_deploy(root: Workflow, uses: str, library: Library) -> bool:
    """Return whether a reference leads to the kit's deploy, in the kit or in a copy of it."""
    path = references.parse(uses).path
    if path not in (".github/workflows/deploy.yml", ".github/actions/deploy"):
        return False
    return library.is_kit(root.source, uses) or (root.source.repository / ".github/actions/setup/setup.py").is_file()
