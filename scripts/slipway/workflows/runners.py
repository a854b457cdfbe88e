"""Where jobs run: runners that a called workflow cannot reach, and runners that a stranger's code must not reach."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from slipway.workflows import expressions, references, tables
from slipway.workflows.expressions import within
from slipway.workflows.library import Library, Unread
from slipway.workflows.model import Call, Job, Workflow, lowered
from slipway.workflows.reader import Mapping as Tree
from slipway.workflows.reader import Node, Scalar, scalars, text
from slipway.workflows.rules import Problem, problem

# Conditions that keep pull requests, or those of strangers, away from a job.
_GUARDED = re.compile(
    r"github\.event_name\s*(==\s*'(?!pull_request)|!=\s*'pull_request)|head\.repo\.(full_name|fork)|"
    r"github\.ref(_name)?\s*==|github\.event\.pull_request\.user",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Place:
    """The labels of a job's runner as far as files say them, and where they are written."""

    labels: tuple[str, ...]
    node: Node

    @property
    def own(self) -> bool:
        """Whether it is a machine of the project's."""
        return tables.SELF_HOSTED in self.labels

    @property
    def ephemeral(self) -> bool:
        """Whether a label declares that it takes one job and is thrown away, or one that only the run knows may."""
        return any(tables.EPHEMERAL in label or "${{" in label for label in self.labels)


def check(root: Workflow, library: Library) -> Iterator[Problem]:
    """Judge the runners of a workflow's jobs, and of the calls in it."""
    strangers = [name for name in tables.PULL_REQUESTS if name in root.triggers]
    for job in root.jobs.values():
        if strangers and not _guarded(root, job) and not job.uses:
            for place in _labels(job.body.get("runs-on"), {}):
                if place.own and not place.ephemeral:
                    yield _lasting(root, job, place, strangers[0])
    for call in library.calls(root):
        if isinstance(call, Problem):
            continue
        owner = library.owner(call.uses.text)
        for place in _reached(call) if isinstance(call, Call) else _given(call.job):
            if place.own and owner != "same":
                yield _elsewhere(root, call, place, library, note=owner == "unknown")
            elif place.own and strangers and not _guarded(root, call.job) and not place.ephemeral:
                yield _lasting(root, call.job, place, strangers[0])


def _guarded(root: Workflow, job: Job, above: tuple[Job, ...] = ()) -> bool:
    """Return whether a condition keeps pull requests from a job: its own, or that of a job that it waits for.
    A job that waits for a skipped one is skipped, unless the condition asks for a status."""
    condition = text(job.body.get("if"))
    if _GUARDED.search(condition):
        return True
    if job in above or any(f.lower() in tables.STATUS for e in within(condition, True) for f, _ in e.functions):
        return False
    needed = [root.jobs[need.text.lower()] for need in job.needs if need.text.lower() in root.jobs]
    return any(_guarded(root, one, (*above, job)) for one in needed)


def _reached(call: Call) -> Iterator[Place]:
    """Return the runners that the jobs of a called workflow name, each written place once."""
    given = lowered(call.job.body.get("with"))
    declared = call.callee.interface.inputs if call.callee.interface else {}
    values = {name: given.get(name, one.default) for name, one in declared.items()}
    places = [p for job in call.callee.jobs.values() if not job.uses for p in _labels(job.body.get("runs-on"), values)]
    at_call = {id(node) for value in given.values() for node in (value, *scalars(value))}
    seen = set()
    for place in places:
        node = place.node if id(place.node) in at_call else call.uses
        if (place.labels, id(node)) not in seen:
            seen.add((place.labels, id(node)))
            yield Place(place.labels, node)


def _given(job: Job) -> Iterator[Place]:
    """Return the runners that a call hands to a workflow that cannot be read: values that hold the label itself."""
    for value in lowered(job.body.get("with")).values():
        yield from (place for place in _labels(value, {}) if place.own)


def _labels(node: Node | None, inputs: Mapping[str, Node | None]) -> Iterator[Place]:
    """Return the labels of `runs-on`, where they are written out or come from one input."""
    if isinstance(node, Tree):
        node = node.get("labels")
    if node is None:
        return
    written = [scalar.text for scalar in scalars(node)]
    if not isinstance(node, Scalar) or "${{" not in node.text:
        yield Place(tuple(label.lower() for one in written for label in _listed(one)), node)
    elif whole := expressions.whole(node.text):
        names = {access.path[0] for access in whole.accesses if access.context == "inputs" and access.path}
        if len(names) == 1 and all(access.context == "inputs" for access in whole.accesses):
            yield from _labels(inputs.get(str(names.pop())), {})


def _listed(value: str) -> list[str]:
    """Return one label, or those of a JSON list or object."""
    try:
        found = json.loads(value) if value.lstrip().startswith(("[", "{")) else value
    except ValueError:
        return [value]
    found = found.get("labels", []) if isinstance(found, dict) else found
    return [str(one) for one in (found if isinstance(found, list) else [found])]


def _lasting(root: Workflow, job: Job, place: Place, event: str) -> Problem:
    shown = ", ".join(place.labels)
    message = f"job '{job.id}' runs the code of pull requests ({event}) on a runner that lasts: {shown}"
    why = (
        "what a pull request's code leaves on a self-hosted runner meets the next job there, with its token and "
        "secrets; nothing declares this runner to be thrown away after one job"
    )
    fix = (
        "register it with config.sh --ephemeral --labels ephemeral, and add the label: runs-on: [self-hosted, "
        f"ephemeral]; or keep pull requests away: if: github.event_name != '{event}'"
    )
    return problem("runner-lasting", root.source.name, place.node, message, why, fix)


def _elsewhere(root: Workflow, call: Call | Unread, place: Place, library: Library, *, note: bool) -> Problem:
    uses = call.uses.text
    reference = references.parse(uses)
    message = f"{uses} cannot reach your self-hosted runners ({', '.join(place.labels)})"
    why = (
        "GitHub gives the jobs of a called workflow the caller's self-hosted runners only where both belong to the "
        "same user, organization or enterprise; otherwise the job waits for a runner until it is cancelled"
    )
    if note:
        message = f"{uses} cannot reach your self-hosted runners unless {reference.owner} owns this repository too"
        why = f"{why}. No git remote says who owns this repository"
    action = tables.composite(reference.path.rpartition("/")[2]) if library.is_kit(root.source, uses) else ""
    kit = f"{reference.owner}/{reference.repository}/{action}@{reference.ref}" if action else "a composite action"
    fix = (
        f"write a job of your own: runs-on: [{', '.join(place.labels)}], and in its steps uses: {kit}; or copy the "
        "workflow into your organization. --same-owner says that both have one owner"
    )
    return problem("runner-unreachable", root.source.name, place.node, message, why, fix, note=note)
