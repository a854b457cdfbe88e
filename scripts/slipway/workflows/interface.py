"""What a call hands over, against what the called workflow declares: inputs and secrets."""

import difflib
from collections.abc import Iterable, Iterator

from slipway.workflows import expressions, values
from slipway.workflows.model import Call, Input, Workflow, pairs
from slipway.workflows.reader import Node, Scalar, Sequence, plain_kind
from slipway.workflows.rules import REFUSED, Problem, problem, refused


def check(call: Call) -> Iterator[Problem]:
    """Inputs and secrets of one call."""
    interface = call.callee.interface
    if interface is None:
        message = f"{call.callee.source.name} cannot be called: it has no workflow_call trigger"
        why = refused("workflow_call key is not defined in the referenced workflow.")
        fix = "add `workflow_call:` to its `on:`"
        yield problem("call-not-callable", call.caller.source.name, call.uses, message, why, fix)
        return
    yield from _inputs(call, interface.inputs)
    secrets = call.job.body.get("secrets")
    if not (isinstance(secrets, Scalar) and secrets.text == "inherit"):
        yield from _secrets(call, interface.secrets, secrets)


def _inputs(call: Call, declared: dict[str, Input]) -> Iterator[Problem]:
    file, callee = call.caller.source.name, call.callee.source.name
    given = dict(_lower(call.job.body.get("with")))
    for name, (key, value) in given.items():
        if name not in declared:
            why = refused(f"Invalid input, {key.text} is not defined in the referenced workflow.")
            fix = _near(key.text, [i.key.text for i in declared.values()], "input")
            yield problem("input-unknown", file, value, f"{callee} has no input '{key.text}'", why, fix)
        elif wrong := mismatch(value, declared[name].type, call.caller):
            said, late, fix = wrong
            when = "GitHub stops the run when this call starts" if late else REFUSED
            message = f"input '{key.text}' of {callee} is a {declared[name].type}; {said}"
            shown = f": \"Unexpected value '{value.text}'\"" if isinstance(value, Scalar) and not late else ""
            yield problem("input-type", file, value, message, when + shown, fix)
    for name, one in declared.items():
        if one.required and name not in given:
            why = refused(f"Input {one.key.text} is required, but not provided while calling.")
            fix = f"add to `with:` of job '{call.job.id}': {one.key.text}: <{one.type}>"
            yield problem("input-missing", file, call.uses, f"{callee} requires input '{one.key.text}'", why, fix)


def _secrets(call: Call, declared: dict[str, tuple[Scalar, bool]], secrets: Node | None) -> Iterator[Problem]:
    file, callee = call.caller.source.name, call.callee.source.name
    given = dict(_lower(secrets))
    for name, (key, value) in given.items():
        if name not in declared:
            why = refused(f"Invalid secret, {key.text} is not defined in the referenced workflow.")
            fix = _near(key.text, [k.text for k, _ in declared.values()], "secret")
            yield problem("secret-unknown", file, value, f"{callee} has no secret '{key.text}'", why, fix)
    for name, (key, required) in declared.items():
        if required and name not in given:
            why = refused(f"Secret {key.text} is required, but not provided while calling.")
            fix = f"add to `secrets:` of job '{call.job.id}': {key.text}: ${{{{ secrets.{key.text} }}}}"
            yield problem("secret-missing", file, call.uses, f"{callee} requires secret '{key.text}'", why, fix)


def defaults(workflow: Workflow) -> Iterator[Problem]:
    """Defaults of the wrong type: GitHub sees them only when the workflow is called."""
    for one in workflow.interface.inputs.values() if workflow.interface else ():
        wrong = mismatch(one.default, one.type, workflow) if one.default else None
        if one.default and wrong and not wrong[1]:
            text = one.default.text if isinstance(one.default, Scalar) else ""
            why = f"GitHub refuses every run that calls this workflow: \"Unexpected value '{text}'\""
            message = f"input '{one.key.text}' is a {one.type}; its default is not: {wrong[0]}"
            yield problem("input-default", workflow.source.name, one.default, message, why, wrong[2])


def mismatch(value: Node, kind: str, file: Workflow) -> tuple[str, bool, str] | None:
    """Why a value is none of this type, whether GitHub sees it only at run time, and the fix."""
    if not isinstance(value, Scalar):
        what = "list" if isinstance(value, Sequence) else "mapping"
        return f"a {what} is given", False, "hand it over as one string, such as JSON, and use fromJSON there"
    if kind not in ("boolean", "number"):
        return None  # a string takes every scalar
    if "${{" in value.text:
        expression = expressions.whole(value.text)
        if expression and not values.is_text(expression.text, file):
            return None
        said = f"the result of '{value.text}' is always a string"
        if expression and (name := values.from_dispatch(expression.text)):
            return (
                f"{said}: github.event.inputs holds no other type",
                True,
                f"write ${{{{ inputs.{name} }}}}: it keeps its type",
            )
        return said, True, f"convert it: ${{{{ fromJSON({expression.text if expression else '…'}) }}}}"
    if value.kind == kind:
        return None
    quoted = value.kind == "string" and plain_kind(value.text) == kind
    usual = "true or false" if kind == "boolean" else "a plain number"
    said = "quotes make it a string" if quoted else f"'{value.text}' is not {usual}"
    return said, False, f"without quotes: {value.text}" if quoted else f"write {usual}, without quotes"


def undeclared(workflow: Workflow, texts: Iterable[tuple[Scalar, bool]]) -> Iterator[Problem]:
    """`inputs.x` that neither kind of start declares: null at run time."""
    declared = values.declared(workflow)
    names = {name for inputs in declared for name in inputs}
    if not declared:
        return
    for scalar, condition in texts:
        for access in expressions.accesses(scalar.text, "inputs", condition):
            name = access.path[0] if access.path else None
            if name and name not in names:
                message = f"'{access.text}' is read; no input of that name is declared"
                why = "GitHub runs it with an empty value, and says nothing"
                fix = _near(name, [i.key.text for inputs in declared for i in inputs.values()], "input")
                yield problem("input-undeclared", workflow.source.name, scalar, message, why, fix)


def _lower(node: Node | None) -> Iterator[tuple[str, tuple[Scalar, Node]]]:
    yield from ((key.text.lower(), (key, value)) for key, value in pairs(node))


def _near(name: str, known: list[str], what: str) -> str:
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f'did you mean "{near[0]}"?'
    return (
        f"remove it; the {what}s are: {', '.join(dict.fromkeys(known))}"
        if known
        else f"remove it; there are no {what}s"
    )
