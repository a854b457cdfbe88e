"""Triggers that bring code of strangers together with secrets and a write token: pull_request_target, workflow_run.

Both run on the default branch with the repository's secrets, whoever caused the event. A workflow that only labels is
none of our business; one that deploys, calls a workflow, or fetches the stranger's code is.
"""

import re
from collections.abc import Iterator

from slipway.workflows import references
from slipway.workflows.library import Library
from slipway.workflows.model import Job, Workflow
from slipway.workflows.reader import Scalar, scalars, text
from slipway.workflows.rules import Problem, problem

DANGEROUS = ("pull_request_target", "workflow_run")
_STRANGE = re.compile(
    r"github\.head_ref|github\.event\.pull_request\.(head|number|merge_commit_sha)|github\.event\.number|refs/pull/|"
    r"github\.event\.workflow_run\.(head_|pull_requests)",
    re.IGNORECASE,
)
_DEPLOY = re.compile(r"(^|[^a-z])(deploy|promote|release|publish|rollback)", re.IGNORECASE)


def check(workflow: Workflow, library: Library) -> Iterator[Problem]:
    """One finding for each dangerous trigger, naming the first job that makes it one."""
    reasons = [reason for job in workflow.jobs.values() if (reason := _reason(workflow, job, library))]
    for name in DANGEROUS:
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


def _reason(workflow: Workflow, job: Job, library: Library) -> str:
    """Why a job must not start by such a trigger; empty if it may."""
    if job.uses:
        return f"job '{job.id}' calls {job.uses.text}"
    if job.body.get("environment"):
        return f"job '{job.id}' has an environment: it deploys"
    for uses in (step.get("uses") for step in job.steps):
        reference = references.parse(text(uses))
        if reference.kind in ("here", "remote") and _DEPLOY.search(f"{reference.repository}/{reference.path}"):
            return f"job '{job.id}' uses {text(uses)}"
    if _DEPLOY.search(job.id):
        return f"job '{job.id}' deploys, by its name"
    for step in job.steps:
        if "/checkout@" in text(step.get("uses")) and any(_STRANGE.search(s.text) for s in scalars(step.get("with"))):
            return f"job '{job.id}' checks out what the stranger wrote"
        if isinstance(run := step.get("run"), Scalar) and re.search(r"gh pr checkout|refs/pull/", run.text):
            return f"job '{job.id}' fetches what the stranger wrote"
    return ""
