"""Outputs that are read and do not exist: GitHub never says so, they are empty strings."""

import difflib
from collections.abc import Iterator

from slipway.workflows import contexts, expressions, tables
from slipway.workflows.expressions import Access
from slipway.workflows.library import Library
from slipway.workflows.model import Action, Job, Workflow, items, steps
from slipway.workflows.reader import Mapping, Node, Scalar, text
from slipway.workflows.rules import Problem, problem

WHY = "GitHub checks no output: the value is an empty string, and the run goes on with it"


def check(file: Workflow | Action, library: Library) -> Iterator[Problem]:
    """All readings of outputs in one file."""
    if isinstance(file, Action):
        if file.composite:
            yield from _steps(file, file.runs, [file.runs, *file.output_values()], library)
        return
    callees = {call.job.id: call.callee for call in library.found(file)}
    for _, value in file.interface.outputs.values() if file.interface else ():
        if isinstance(value, Scalar):
            for access in expressions.accesses(value.text, "jobs"):
                yield from _job_output(file, value, access, callees)
    for job in file.jobs.values():
        yield from _needs(file, job, callees)
        yield from _steps(file, job.body, [job.body], library)


def _needs(file: Workflow, job: Job, callees: dict[str, Workflow]) -> Iterator[Problem]:
    waits = {need.text.lower() for need in job.needs}
    for scalar, condition in contexts.conditions(job.body):
        for access in expressions.accesses(scalar.text, "needs", condition) if _may(scalar, condition) else ():
            name = access.path[0] if access.path else None
            if name and name in file.jobs and name not in waits:
                why = f"`needs` holds only the jobs that '{job.id}' waits for itself: the value is an empty string"
                names = ", ".join([*(need.text for need in job.needs), file.jobs[name].id])
                message = f"'{access.text}' is read, and '{job.id}' does not need '{file.jobs[name].id}'"
                fix = f"in job '{job.id}' write needs: [{names}]"
                yield problem("needs-missing", file.source.name, scalar, message, why, fix)
            elif name:
                yield from _job_output(file, scalar, access, callees)


def _job_output(file: Workflow, scalar: Scalar, access: Access, callees: dict[str, Workflow]) -> Iterator[Problem]:
    """`needs.x.outputs.y`, and `jobs.x.outputs.y` where a called workflow hands its outputs up."""
    name, *rest = access.path or (None,)
    if name is None:
        return
    job = file.jobs.get(name)
    if job is None:
        known = [j.id for j in file.jobs.values()]
        yield _missing(file, scalar, access, f"there is no job '{name}'", name, known, "jobs")
        return
    if not rest or rest[0] is None:
        return
    if rest[0] not in ("outputs", "result"):
        yield _missing(
            file,
            scalar,
            access,
            f"a job has `outputs` and `result`, no '{rest[0]}'",
            rest[0],
            ["outputs", "result"],
            "properties",
        )
    elif rest[0] == "outputs" and len(rest) > 1 and rest[1]:
        declared = _declared(job, callees)
        if declared is not None and rest[1] not in declared:
            whose = callees[job.id].source.name if job.id in callees else f"job '{job.id}'"
            yield _missing(file, scalar, access, f"{whose} has no output '{rest[1]}'", rest[1], declared, "outputs")


def _declared(job: Job, callees: dict[str, Workflow]) -> list[str] | None:
    """A job's outputs in lower case; None where they cannot be known here."""
    if not job.uses:
        return list(job.outputs)
    callee = callees.get(job.id)
    return list(callee.interface.outputs) if callee and callee.interface else None


def _steps(file: Workflow | Action, body: Mapping, whole: list[Node], library: Library) -> Iterator[Problem]:
    """`steps.x…` anywhere in a job, or in an action."""
    named = {text(step.get("id")).lower(): step for step in steps(body) if text(step.get("id"))}
    yield from _waits(file, body, list(named))
    for scalar, condition in (pair for node in whole for pair in contexts.conditions(node)):
        for access in expressions.accesses(scalar.text, "steps", condition) if _may(scalar, condition) else ():
            name, *rest = access.path or (None,)
            if name is None:
                continue
            if name not in named:
                yield _missing(file, scalar, access, f"no step here has the id '{name}'", name, list(named), "ids")
            elif rest and rest[0] and rest[0] not in ("outputs", "outcome", "conclusion"):
                known = ["outputs", "outcome", "conclusion"]
                yield _missing(file, scalar, access, f"a step has no '{rest[0]}'", rest[0], known, "properties")
            elif len(rest) > 1 and rest[0] == "outputs" and rest[1]:
                uses = text(named[name].get("uses"))
                action = library.action(file.source, uses) if uses else None
                if action and action.composite and rest[1] not in action.outputs:
                    said = f"{uses} has no output '{rest[1]}'"
                    yield _missing(file, scalar, access, said, rest[1], list(action.outputs), "outputs")


def _waits(file: Workflow | Action, body: Mapping, known: list[str]) -> Iterator[Problem]:
    """`wait: x` and `cancel: x`: steps that wait for background steps name their ids."""
    for step in steps(body):
        for key in tables.WAITING:
            for name in items(step.get(key)):
                if name.text.lower() not in known and "${{" not in name.text:
                    near = difflib.get_close_matches(name.text.lower(), known, 1)
                    fix = f'did you mean "{near[0]}"?' if near else f"the ids are: {', '.join(known) or 'none'}"
                    message = f"`{key}` names '{name.text}', and no step here has that id"
                    why = "nothing is waited for or cancelled; GitHub does not document what it makes of such a step"
                    yield problem("step-unknown", file.source.name, name, message, why, fix)


def _may(scalar: Scalar, condition: bool) -> bool:
    return condition or "${{" in scalar.text


def _missing(
    file: Workflow | Action, scalar: Scalar, access: Access, said: str, name: str, known: list[str], what: str
) -> Problem:
    near = difflib.get_close_matches(name, known, 1)
    fix = f'did you mean "{near[0]}"?' if near else f"the {what} are: {', '.join(known) or 'none'}"
    return problem("output-unknown", file.source.name, scalar, f"'{access.text}' does not exist: {said}", WHY, fix)
