"""Which expressions can only give text: where a boolean or a number is wanted, GitHub stops the run for them."""

import re
from collections.abc import Callable

from slipway.workflows import expressions, tables
from slipway.workflows.model import Input, Workflow

_BARE = re.compile(r"'(?:[^']|'')*'")
_CALL = re.compile(r"([A-Za-z_][\w-]*)\s*\(")


def declared(file: Workflow) -> list[dict[str, Input]]:
    """Return the inputs that each kind of start declares."""
    called = file.interface.inputs if file.interface else None
    return [inputs for inputs in (called, file.dispatch) if inputs is not None]


def is_text(expression: str, file: Workflow) -> bool:
    """Return whether an expression gives text in every run. What is not certain is not text."""
    return _every(expression.strip(), lambda atom: _atom(atom, file))


def from_dispatch(expression: str) -> str:
    """Return the name in `github.event.inputs.NAME`, where an expression is nothing else; otherwise nothing."""
    sole = expressions.parse(expression).sole
    path = sole.path if sole and sole.context == "github" else ()
    return str(path[2]) if path[:2] == ("event", "inputs") and len(path) == 3 and path[2] else ""


def _every(text: str, atom: Callable[[str], bool]) -> bool:
    """`a || b` gives `a` where that is true and `b` otherwise; `a && b` gives `a` where that is false and `b`
    otherwise."""
    *first, last = split(text, "||")
    if first:
        return all(_when_true(one, atom) for one in first) and _every(last, atom)
    parts = split(text, "&&")
    if len(parts) > 1:
        return all(_every(one, atom) for one in parts)
    inner = _unwrapped(text)
    return atom(text) if inner is None else _every(inner, atom)


def _when_true(text: str, atom: Callable[[str], bool]) -> bool:
    """Return whether an expression gives text where it gives anything that counts as true."""
    parts = split(text, "||")
    if len(parts) > 1:
        return all(_when_true(one, atom) for one in parts)
    last = split(text, "&&")[-1]
    if last != text:
        return _when_true(last, atom)
    inner = _unwrapped(text)
    return atom(text) if inner is None else _when_true(inner, atom)


def split(text: str, operator: str) -> list[str]:
    """Return the parts of an expression around an operator that stands in no brackets and in no quotes."""
    parts, depth, begun, quoted = [], 0, 0, False
    for at, letter in enumerate(text):
        quoted ^= letter == "'"
        depth += 0 if quoted else (letter in "([") - (letter in ")]")
        if not quoted and depth == 0 and text.startswith(operator, at) and at >= begun:
            parts.append(text[begun:at].strip())
            begun = at + len(operator)
    return [*parts, text[begun:].strip()]


def _unwrapped(text: str) -> str | None:
    """Return what stands in the brackets around a whole expression."""
    return text[1:-1].strip() if text.startswith("(") and _closes_last(text, 0) else None


def _closes_last(text: str, start: int) -> bool:
    """Return whether the bracket that opens at a place is closed by the last character."""
    depth, quoted = 0, False
    for at in range(start, len(text)):
        quoted ^= text[at] == "'"
        depth += 0 if quoted else (text[at] == "(") - (text[at] == ")")
        if depth == 0:
            return at == len(text) - 1
    return False


def _atom(text: str, file: Workflow) -> bool:
    if _BARE.fullmatch(text):
        return True
    call = _CALL.match(text)
    if call:
        return call[1].lower() in tables.TEXT_FUNCTIONS and _closes_last(text, call.end() - 1)
    access = expressions.parse(text).sole
    if access is None:
        return False
    path = access.path
    if access.context in ("vars", "secrets"):
        return len(path) == 1
    if access.context == "needs":
        return len(path) > 1 and (path[1:] == ("result",) or (path[1] == "outputs" and len(path) == 3))
    if access.context == "inputs" and len(path) == 1 and path[0]:
        types = [inputs[path[0]].type for inputs in declared(file) if path[0] in inputs]
        return bool(types) and all(kind not in ("boolean", "number") for kind in types)
    if from_dispatch(text):
        return "workflow_dispatch" in file.triggers  # null where nothing dispatches it
    return access.context == "github" and len(path) == 1 and path[0] in tables.TEXT_PROPERTIES
