"""Triggers that bring code of strangers together with secrets and a write token: pull_request_target, workflow_run.

Both run on the default branch with the repository's secrets, whoever caused the event. A workflow that only labels is
what they are for; one that deploys, calls the kit, or fetches what the stranger wrote is not.
"""

import re
from collections.abc import Iterator

from slipway.workflows import references, tables
from slipway.workflows.library import KIT, Library, Unread
from slipway.workflows.model import Call, Job, Workflow
from slipway.workflows.reader import Scalar, scalars, text
from slipway.workflows.references import Reference
from slipway.workflows.rules import Problem, problem

_STRANGE = re.compile(
    r"github\.head_ref|github\.event\.pull_request\.(head|number|merge_commit_sha)|github\.event\.number|refs/pull/|"
    r"github\.event\.workflow_run\.(head_|pull_requests)",
    re.IGNORECASE,
)
_DEPLOY = re.compile(r"(^|[^a-z])(deploy|promote|rollback)", re.IGNORECASE)


def check(workflow: Workflow, library: Library) -> Iterator[Problem]:
    """One finding for each dangerous trigger, naming the first job that makes it one."""
    reasons = [reason for job in workflow.jobs.values() if (reason := _reason(workflow, job, library))]
    for name in tables.DANGEROUS:
        if name in workflow.triggers and reasons:
            message = f"{name}: {reasons[0]}"
            yield problem("dangerous-trigger", workflow.source.name, workflow.triggers[name], message, *_advice(name))


def _advice(name: str) -> tuple[str, str]:
    if name == "workflow_run":
        why = (
            "workflow_run starts on the default branch with all secrets, also after a run that a fork caused, and what "
            "that run left behind is the fork's; after a rename of the first workflow it silently never starts again"
        )
        return why, "put the job into the workflow that it follows: needs: <job>, if: github.event_name == 'push'"
    why = (
        "pull_request_target runs with the repository's secrets and a write token for everybody who opens a pull "
        "request; code of the pull request that runs there owns them"
    )
    return why, "use pull_request for what builds or tests, and deploy on push"


def _reason(workflow: Workflow, job: Job, library: Library, above: tuple[Workflow, ...] = ()) -> str:
    """Why a job must not start by such a trigger; empty if it may, or if nothing can be known."""
    if job.uses:
        return _calling(workflow, job, job.uses, library, above)
    if job.body.get("environment"):
        return f"job '{job.id}' has an environment: it deploys"
    for uses in (text(step.get("uses")) for step in job.steps):
        reference = references.parse(uses)
        if _DEPLOY.search(f"{reference.repository}/{reference.path}"):
            return f"job '{job.id}' uses {uses}"
    if _DEPLOY.search(job.id):
        return f"job '{job.id}' deploys, by its name"
    for step in job.steps:
        if "/checkout@" in text(step.get("uses")) and any(_STRANGE.search(s.text) for s in scalars(step.get("with"))):
            return f"job '{job.id}' checks out what the stranger wrote"
        if re.search(r"gh pr checkout|refs/pull/", text(step.get("run"))):
            return f"job '{job.id}' fetches what the stranger wrote"
    return ""


def _calling(workflow: Workflow, job: Job, uses: Scalar, library: Library, above: tuple[Workflow, ...]) -> str:
    """The same of a call: what it hands over, what it is called, and what the called workflow does."""
    reference = references.parse(uses.text)
    if any(_STRANGE.search(scalar.text) for scalar in scalars(job.body.get("with"))):
        return f"job '{job.id}' hands what the stranger wrote to {uses.text}"
    if reference.kind == "remote" and reference.repository.lower() == KIT:
        return f"job '{job.id}' calls {uses.text}, which builds or deploys"
    if _DEPLOY.search(reference.path.rpartition("/")[2]) or _DEPLOY.search(job.id):
        return f"job '{job.id}' deploys, by its name"
    for call in library.calls(workflow):
        if isinstance(call, Unread) and call.job is job and _offers_all(job, reference, library):
            return f"job '{job.id}' offers every secret to {uses.text}, which is not here to be read"
        if isinstance(call, Call) and call.job is job and call.callee not in above:
            inner = (_reason(call.callee, one, library, (*above, workflow)) for one in call.callee.jobs.values())
            return next((f"job '{job.id}' calls {uses.text}, and {reason}" for reason in inner if reason), "")
    return ""


def _offers_all(job: Job, reference: Reference, library: Library) -> bool:
    """Return whether a call hands every secret to code that others can change, or that others own."""
    moved = not reference.pinned or library.owner(text(job.uses)) != "same"
    return moved and text(job.body.get("secrets")) == "inherit"
