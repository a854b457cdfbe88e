"""The parts of a workflow that a call rests on, in the shape that GitHub's schema asks for."""

import re
from collections.abc import Iterator

from slipway.workflows import permissions
from slipway.workflows.model import Job, Workflow, pairs
from slipway.workflows.reader import Mapping, Node, Scalar, text
from slipway.workflows.rules import REFUSED, Problem, problem, refused

CALL_KEYS = ("name", "uses", "with", "secrets", "needs", "if", "permissions", "concurrency", "strategy")
CALL_ONLY = ("uses", "with", "secrets")
TYPES = ("string", "boolean", "number")
_INPUT_KEYS = ("description", "type", "required", "default")
_SECRET_KEYS = ("description", "required")
_OUTPUT_KEYS = ("description", "value")
_ID = re.compile(r"[A-Za-z_][\w-]{0,99}", re.ASCII)


def check(workflow: Workflow) -> Iterator[Problem]:
    """Triggers, the interface, jobs, permissions."""
    file, body = workflow.source.name, workflow.body
    if not workflow.triggers:
        why, fix = f"{REFUSED}: no event triggers it", "on: {push: {branches: [main]}}, or on: workflow_call"
        yield problem("missing-key", file, body.key("on") or body, "nothing starts it", why, fix)
    jobs = body.get("jobs")
    if not isinstance(jobs, Mapping) or not jobs.entries:
        yield _required(file, jobs or body, "jobs", "a workflow has at least one job", "add a job below `jobs:`")
    for key, value in body.entries:
        if key.text == "<<":
            yield _merge(file, key)
        if key.text == "permissions":
            yield from permissions.check_values(file, value)
    if workflow.interface:
        yield from _interface(workflow)
    for key, value in pairs(jobs):
        if not _ID.fullmatch(key.text) or key.text.startswith("__"):
            quote = f"The identifier '{key.text}' is invalid."
            fix = "letters, digits, '_' and '-', at most 100, not starting with a digit, '-' or '__'"
            yield problem("unexpected-key", file, key, f"'{key.text}' is no name for a job", refused(quote), fix)
        if not isinstance(value, Mapping):
            message = f"job '{key.text}' is not a mapping"
            yield problem(
                "unexpected-value", file, value, message, f"{REFUSED}: a job is a mapping", "write its keys below it"
            )
    for job in workflow.jobs.values():
        yield from _job(file, job)


def _job(file: str, job: Job) -> Iterator[Problem]:
    for key, value in job.body.entries:
        if key.text == "permissions":
            yield from permissions.check_values(file, value)
        elif key.text == "<<":
            yield _merge(file, key)
    keys = [key.text for key, _ in job.body.entries]
    if any(key in keys for key in CALL_ONLY):
        yield from _calling(file, job, keys)
    elif all(key in CALL_KEYS for key in keys):
        quote = "There's not enough info to determine what you meant. Add one of these properties: …"
        message = f"job '{job.id}' has neither `runs-on` nor `uses`"
        yield problem("missing-key", file, job.body, message, refused(quote), "add runs-on: and steps:, or uses:")
    elif "runs-on" not in keys and "<<" not in keys:
        yield _required(
            file, job.body, "runs-on", f"job '{job.id}' has neither `runs-on` nor `uses`", "runs-on: ubuntu-26.04"
        )


def _calling(file: str, job: Job, keys: list[str]) -> Iterator[Problem]:
    """Keys of a calling job. The first key that only one kind of job has decides for GitHub which kind it is."""
    if "uses" not in keys:
        message = f"job '{job.id}' has `with` or `secrets` and calls nothing"
        yield _required(file, job.body, "uses", message, "add `uses:`, or move them into a step")
        return
    decided = next(key for key in keys if key in CALL_ONLY or key not in CALL_KEYS)
    for key, _ in job.body.entries:
        if key.text in CALL_KEYS or key.text == "<<":
            continue
        first = decided not in CALL_ONLY
        quote = f"Unexpected value '{'uses' if first else key.text}'"
        place = f" (it stands before `uses`, so GitHub takes {job.id} for a job with steps)" if first else ""
        message = f"a calling job cannot have `{key.text}`"
        fix = f"remove it; a calling job has only {', '.join(CALL_KEYS)}. {_INSTEAD.get(key.text, '')}".rstrip()
        yield problem("call-key", file, key, message, f'{REFUSED}: "{quote}"{place}', fix)
    secrets = job.body.get("secrets")
    if isinstance(secrets, Scalar) and secrets.text != "inherit":
        quote = f"Unexpected value '{secrets.text}'"
        fix = "name the secrets one by one, or write `inherit`"
        yield problem("unexpected-value", file, secrets, "not `inherit`, and no secrets", refused(quote), fix)
    given = job.body.get("with")
    if given is not None and not isinstance(given, Mapping):
        quote = f"Unexpected value '{text(given)}'"
        yield problem(
            "unexpected-value",
            file,
            given,
            "`with` is not a mapping",
            refused(quote),
            "write input: value below it",
        )


_INSTEAD = {
    "env": "Hand values over as inputs: the caller's env never reaches a called workflow.",
    "environment": "The called workflow's job has the environment; its secrets do not cross owners, an action does.",
    "timeout-minutes": "The called workflow's jobs have it.",
    "runs-on": "The called workflow decides where it runs.",
    "steps": "A job either calls a workflow or has steps: make two jobs.",
}


def _interface(workflow: Workflow) -> Iterator[Problem]:
    """Inputs, secrets and outputs as they are declared."""
    file, on = workflow.source.name, workflow.body.get("on")
    call = on.get("workflow_call") if isinstance(on, Mapping) else None
    for key, part in pairs(call):
        if key.text not in ("inputs", "secrets", "outputs"):
            yield _unexpected(file, key, ("inputs", "secrets", "outputs"))
            continue
        known = {"inputs": _INPUT_KEYS, "secrets": _SECRET_KEYS, "outputs": _OUTPUT_KEYS}[key.text]
        for name, spec in pairs(part):
            for word, value in pairs(spec):
                if word.text not in known:
                    yield _unexpected(file, word, known)
                elif word.text == "required" and not (isinstance(value, Scalar) and value.kind == "boolean"):
                    quote = f"Unexpected value '{text(value)}'"
                    yield problem(
                        "unexpected-value",
                        file,
                        value,
                        "`required` is true or false",
                        refused(quote),
                        "required: true",
                    )
                elif word.text == "type" and key.text == "inputs" and text(value) not in TYPES:
                    quote = f"Unexpected value '{text(value)}'"
                    message = f"a call has no inputs of type '{text(value)}'"
                    yield problem(
                        "unexpected-value",
                        file,
                        value,
                        message,
                        refused(quote),
                        f"type: one of {', '.join(TYPES)}",
                    )
            missing = {"inputs": "type", "outputs": "value"}.get(key.text)
            if missing and not (isinstance(spec, Mapping) and spec.get(missing)):
                place = spec if isinstance(spec, Mapping) else name
                yield _required(
                    file, place, missing, f"{key.text[:-1]} '{name.text}' has no {missing}", f"add {missing}:"
                )


def _required(file: str, node: Node, key: str, message: str, fix: str) -> Problem:
    return problem("missing-key", file, node, message, refused(f"Required property is missing: {key}"), fix)


def _unexpected(file: str, key: Scalar, known: tuple[str, ...]) -> Problem:
    message, quote = f"'{key.text}' is not a key here", f"Unexpected value '{key.text}'"
    return problem("unexpected-key", file, key, message, refused(quote), f"the keys are: {', '.join(known)}")


def _merge(file: str, key: Scalar) -> Problem:
    why = f"{REFUSED}: \"Unexpected value '<<'\". GitHub follows anchors and aliases, not merge keys"
    return problem("unexpected-key", file, key, "a merge key", why, "repeat the keys, or alias the whole value")
