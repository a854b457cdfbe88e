"""What a job holds that code in it could take: secrets that a call hands on, write scopes and environments beside the
kit's actions that run the project's code."""

from collections.abc import Iterator

from slipway.workflows import references, tables
from slipway.workflows.library import Library
from slipway.workflows.model import Job, Source, Workflow
from slipway.workflows.permissions import UNKNOWN, Default, Level, Levels, parse
from slipway.workflows.reader import Node, Scalar, text
from slipway.workflows.rules import Problem, problem

WHY = "the action runs the project's code, tests and all, and whatever runs in a job can take what the job holds"


def check(root: Workflow, library: Library, default: Default) -> Iterator[Problem]:
    """Judge every job of a file."""
    for job in root.jobs.values():
        secrets = job.body.get("secrets")
        if job.uses and isinstance(secrets, Scalar) and secrets.text == "inherit":
            yield from _inherited(root, job.uses, secrets, library)
        for step in job.steps:
            uses = step.get("uses")
            if isinstance(uses, Scalar) and _runs_project_code(root.source, uses.text, library):
                yield from _held(root, job, uses, default)


def _inherited(root: Workflow, uses: Scalar, secrets: Scalar, library: Library) -> Iterator[Problem]:
    owner = library.owner(uses.text)
    if owner == "same":
        return
    whose = references.parse(uses.text).owner
    why = (
        "every secret of this repository, also one that is added later, is offered to a workflow that others write; "
        "GitHub documents `inherit` for workflows of the same organization or enterprise alone"
    )
    message = f"`secrets: inherit` offers every secret to {uses.text}"
    if owner == "unknown":
        message = f"{message}, unless {whose} owns this repository too"
    fix = "name the secrets that it needs, one by one: secrets: {NAME: ${{ secrets.NAME }}}"
    yield problem("secrets-inherit", root.source.name, secrets, message, why, fix, note=owner == "unknown")


def _runs_project_code(source: Source, uses: str, library: Library) -> bool:
    """Return whether a step uses an action of the kit that runs the project's code: the kit's own, or a copy of it."""
    reference = references.parse(uses)
    if reference.path not in tables.RUNS_PROJECT_CODE:
        return False
    if library.is_kit(source, uses):
        return True
    action = library.action(source, uses)
    return action is not None and any("slipway" in text(step.get("run")) for step in action.steps)


def _held(root: Workflow, job: Job, uses: Scalar, default: Default) -> Iterator[Problem]:
    file, action = root.source.name, references.parse(uses.text).path.rpartition("/")[2]
    environment = job.body.get("environment")
    if environment:
        message = f"job '{job.id}' has an environment and runs the project's code (action {action})"
        fix = f"take `environment` away from job '{job.id}'; deploy in a job of its own, with needs: {job.id}"
        yield problem("privileged-code", file, uses, message, WHY, fix)
    levels, unknown = _granted(root, job.body.get("permissions"), default)
    writes = sorted(scope for scope, level in levels.items() if level is Level.write and scope != UNKNOWN)
    if writes:
        held = ", ".join(f"{scope}: write" for scope in writes) if len(writes) < 4 else "write scopes"
        message = f"job '{job.id}' holds {held} and runs the project's code (action {action})"
        why = WHY
        if unknown:
            message = f"job '{job.id}' runs the project's code (action {action}) and may hold a token that can write"
            why = f"{WHY}. It has no `permissions`, so {tables.SETTING} decides, and no file says it"
        fix = f"in job '{job.id}' write permissions: {{contents: read}}"
        yield problem("privileged-code", file, uses, message, why, fix, note=unknown)


def _granted(root: Workflow, own: Node | None, default: Default) -> tuple[Levels, bool]:
    """Return what a job's token holds, and whether that depends on an unknown setting."""
    for block in (own, root.body.get("permissions")):
        if block is not None:
            return parse(block) or {}, False
    if not root.is_root:
        return {}, False  # its callers decide
    unknown = default.policy is None
    return Default("write" if unknown else default.policy).levels(trusted=True), unknown
