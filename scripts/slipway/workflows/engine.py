"""Jobs whose own steps use an action of the kit, and in which its set-up refuses the engine at the start of the run."""

from collections.abc import Iterator

from slipway.workflows import references, tables
from slipway.workflows.library import KIT
from slipway.workflows.model import Job, Workflow, items, lowered
from slipway.workflows.reader import Node, Scalar, text
from slipway.workflows.rules import Problem, problem

ACTIONS = ".github/actions/"
SET_UP = f"{ACTIONS}setup/setup.py"


def check(workflow: Workflow) -> Iterator[Problem]:
    """Job containers, and services on a runner whose engine must be restarted."""
    file = workflow.source.name
    for job in workflow.jobs.values():
        used = _action(workflow, job)
        container, services = job.body.get("container"), job.body.get("services")
        if used and container and _given(container):
            message = f"job '{job.id}' runs in a container, and {used} needs the engine outside it"
            why = (
                "the set-up ends with exit code 3: in a job container, folders below /__w do not exist for the engine, "
                "and the ports that it publishes are not on localhost"
            )
            fix = "remove `container:`; what needs another image goes into a job of its own"
            yield problem("engine-in-container", file, container, message, why, fix)
        if used and services and _given(services) and (label := _label(job)):
            message = f"job '{job.id}' starts services on {label}, where {used} must restart Docker"
            why = "the set-up ends with exit code 3: it restarts no engine while containers are running"
            fix = f"runs-on: {label.replace('22.04', '26.04').replace('24.04', '26.04')}, which needs no restart"
            yield problem("engine-restart", file, services, message, why, fix)


def _action(workflow: Workflow, job: Job) -> str:
    """The first action of the kit in a job that needs an engine there; otherwise empty."""
    for step in job.steps:
        uses, given = text(step.get("uses")), lowered(step.get("with"))
        reference = references.parse(uses)
        kit = reference.kind == "remote" and reference.repository.lower() == KIT
        copy = reference.kind == "here" and (workflow.source.repository / SET_UP).is_file()
        without = text(given.get("engine")).lower() == "false" or text(given.get("stage")) == "lint"
        if (kit or copy) and reference.path.startswith(ACTIONS) and not without:
            return uses
    return ""


def _given(node: Node) -> bool:
    """Whether something stands there that is no expression: one may turn out empty, which means nothing is started."""
    return not isinstance(node, Scalar) or bool(node.text and "${{" not in node.text)


def _label(job: Job) -> str:
    return next((one.text for one in items(job.body.get("runs-on")) if one.text.lower() in tables.WITHOUT_STORE), "")
