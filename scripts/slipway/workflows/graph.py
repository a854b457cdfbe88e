"""What waits for what: `needs` between jobs, and calls between workflows."""

from collections.abc import Iterator

from slipway.workflows.library import Library, Unread
from slipway.workflows.model import Call, Job, Workflow
from slipway.workflows.reader import Scalar
from slipway.workflows.rules import REFUSED, Problem, problem, refused

DEEPEST = 9  # called workflows below the one that is started: ten levels in all
MOST_FILES = 50


def needs(workflow: Workflow) -> Iterator[Problem]:
    """Jobs that never start, found as GitHub does: what can start is taken away until nothing more can."""
    file, jobs = workflow.source.name, workflow.jobs
    waiting = {id: [need.text.lower() for need in job.needs] for id, job in jobs.items() if job.needs}
    ready = [id for id in jobs if id not in waiting]
    if jobs and not ready:
        first = next(iter(jobs.values())).key
        why = refused("The workflow must contain at least one job with no dependencies.")
        fix = "take `needs` away from the job that is to run first"
        yield problem("needs-start", file, first, "every job waits for another", why, fix)
        return
    while ready:
        done = ready.pop()
        for id in list(waiting):
            waiting[id] = [need for need in waiting[id] if need != done]
            if not waiting[id]:
                ready.append(id)
                del waiting[id]
    for id, left in waiting.items():
        for need in jobs[id].needs:
            if need.text.lower() in left:
                yield _stuck(file, jobs, jobs[id], need)


def _stuck(file: str, jobs: dict[str, Job], job: Job, need: Scalar) -> Problem:
    if need.text.lower() not in jobs:
        why = refused(f"Job '{job.id}' depends on unknown job '{need.text}'.")
        fix = f"correct the name or remove it; the jobs are: {', '.join(j.id for j in jobs.values())}"
        return problem("needs-unknown", file, need, f"there is no job '{need.text}'", why, fix)
    quote = f"Job '{job.id}' depends on job '{need.text}' which creates a cycle in the dependency graph."
    circle = _circle(jobs, job)
    if circle:
        message = f"jobs wait for each other: {' → '.join(circle)}"
        fix = f"remove one of these `needs`, such as '{need.text}' here"
    else:
        message = f"job '{job.id}' waits for '{need.text}', which never starts"
        fix = f"fix the `needs` of '{need.text}' first; GitHub speaks of a cycle although there is none here"
    return problem("needs-cycle", file, need, message, refused(quote), fix)


def _circle(jobs: dict[str, Job], start: Job) -> list[str]:
    """A way from a job back to itself; empty where there is none."""
    ways = [[start.id]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for need in jobs[way[-1].lower()].needs:
            name = need.text.lower()
            if name == start.id.lower():
                return [*way, start.id]
            if name in jobs and name not in seen:
                seen.add(name)
                ways.append([*way, jobs[name].id])
    return []


def calls(root: Workflow, library: Library) -> Iterator[Problem]:
    """Nesting: circles, depth, and the number of different files."""
    seen: set[str] = set()
    yield from _descend(root, library, (), seen)
    if len(seen) > MOST_FILES:
        first = next(job.uses for job in root.jobs.values() if job.uses)
        why = f"{REFUSED}: a run may call {MOST_FILES} different workflows, nested ones too (Enterprise Server: 20)"
        message = f"{len(seen)} different workflows are called from here"
        fix = "call fewer: put jobs of small workflows together, or start some by another event"
        yield problem("call-files", root.source.name, first, message, why, fix)


def _descend(workflow: Workflow, library: Library, above: tuple[Call, ...], seen: set[str]) -> Iterator[Problem]:
    for call in library.calls(workflow):
        if isinstance(call, Unread):
            seen.add(call.uses.text.lower())
        if not isinstance(call, Call):
            continue
        seen.add(str(call.callee.source.path))
        way = (*above, call)
        start = next((at for at, one in enumerate(way) if one.caller is call.callee), None)
        if start is not None:
            yield _loop(way[start:])
        elif len(way) > DEEPEST:
            top = way[0].caller.source.name
            why = f'{REFUSED}: "Nested reusable workflow depth exceeded …" (four levels on Enterprise Server)'
            message = f"level {len(way) + 1} below {top}; GitHub allows {DEEPEST + 1} levels in all"
            fix = "call this workflow from a higher level"
            yield problem("call-depth", call.caller.source.name, call.uses, message, why, fix)
        else:
            yield from _descend(call.callee, library, way, seen)


def _loop(circle: tuple[Call, ...]) -> Problem:
    """A circle is the same wherever it is entered: it is told from its first name on."""
    last = min(range(len(circle)), key=lambda at: circle[at].callee.source.name)
    ordered = circle[last + 1 :] + circle[: last + 1]
    names = [call.callee.source.name for call in (ordered[-1], *ordered)]
    why = f"{REFUSED}: loops of calls are not allowed"
    file, uses = ordered[-1].caller.source.name, ordered[-1].uses
    message = f"workflows call each other: {' → '.join(names)}"
    return problem("call-loop", file, uses, message, why, "remove one of these calls")
