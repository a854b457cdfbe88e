"""Which contexts and functions an expression may use where: GitHub's own table, read from its schema."""

from collections.abc import Iterator

from slipway.workflows import expressions, tables
from slipway.workflows.model import Action, Job, Workflow, pairs, steps
from slipway.workflows.reader import Mapping, Node, Scalar, scalars
from slipway.workflows.rules import Problem, problem, refused

_SOMEWHERE = tables.STATUS | {"hashfiles"}  # functions that exist in some places only; all others exist everywhere
_WORKFLOW, _JOB, _STEP, _ACTION = (tables.contexts(part) for part in ("workflow", "job", "step", "action"))
_NONE: frozenset[str] = frozenset()


def check(file: Workflow | Action) -> Iterator[Problem]:
    """Expressions that read what does not exist where they stand."""
    name = file.source.name
    for node, allowed, condition in _places(file):
        for scalar in scalars(node):
            if condition or "${{" in scalar.text:
                yield from _judge(name, scalar, allowed, condition)


def _places(file: Workflow | Action) -> Iterator[tuple[Node, frozenset[str], bool]]:
    """Every value that may hold expressions, with what they may use, and whether it is a condition."""
    if isinstance(file, Action):
        if file.composite:
            yield from _steps(file.runs, _ACTION)
            yield from ((value, _ACTION["output-value"], False) for value in file.output_values())
        return
    yield from ((value, _WORKFLOW[key.text], False) for key, value in file.body.entries if key.text in _WORKFLOW)
    if file.interface:
        for one in file.interface.inputs.values():
            if one.default:
                yield one.default, _WORKFLOW["input-default"], False
        for _, output in file.interface.outputs.values():
            if output:
                yield output, _WORKFLOW["output-value"], False
    for job in file.jobs.values():
        yield from _job(job)


def _job(job: Job) -> Iterator[tuple[Node, frozenset[str], bool]]:
    for key, value in job.body.entries:
        if key.text == "environment" and isinstance(value, Mapping):
            for part, inner in pairs(value):
                yield inner, _JOB["environment-url" if part.text == "url" else "environment"], False
        elif key.text in _JOB:
            yield value, _JOB[key.text], key.text == "if"
    yield from _steps(job.body, _STEP)


def _steps(body: Mapping, allowed: dict[str, frozenset[str]]) -> Iterator[tuple[Node, frozenset[str], bool]]:
    for step in steps(body):
        for key, value in step.entries:
            if key.text in _STEP["none"]:
                yield value, _NONE, False
            elif key.text != tables.GROUP:  # the steps of a group come one by one
                yield value, allowed["if" if key.text == "if" else "any"], key.text == "if"


def _judge(file: str, scalar: Scalar, allowed: frozenset[str], condition: bool) -> Iterator[Problem]:
    if "${{" in scalar.text:
        found, opened = expressions.bodies(scalar.text)
        quote = ""
        if opened:
            quote = (
                "The expression is not closed. An unescaped ${{ sequence was found, but the closing }} sequence was "
                "not found."
            )
        elif "" in found:
            quote = "An expression was expected"
        elif not allowed:
            quote = "A template expression is not allowed in this context"
        if quote:
            why = refused(quote)
            yield problem(
                "unexpected-value",
                file,
                scalar,
                "an expression that is none, or not possible here",
                why,
                "write it out, or close it with }}",
            )
            return
    for expression in expressions.within(scalar.text, condition):
        for access in expression.accesses:
            if access.context not in allowed:
                word = access.text[: len(access.context)]
                at = f"Located at position {access.position} within expression: {expression.text}"
                quote = f"Unrecognized named-value: '{word}'. {at}"
                yield _unavailable(file, scalar, f"context '{word}' does not exist here", quote, allowed)
        for function, position in expression.functions:
            if function.lower() in _SOMEWHERE and function.lower() not in allowed:
                at = f"Located at position {position} within expression: {expression.text}"
                quote = f"Unrecognized function: '{function}'. {at}"
                yield _unavailable(file, scalar, f"function '{function}' does not exist here", quote, allowed)


def _unavailable(file: str, scalar: Scalar, message: str, quote: str, allowed: frozenset[str]) -> Problem:
    there = ", ".join(sorted(allowed - _SOMEWHERE))
    fix = f"use what exists here ({there}), or compute it in a job before and hand it over as an output"
    return problem("context-unavailable", file, scalar, message, refused(quote), fix)


def conditions(node: Node, below: str = "") -> Iterator[tuple[Scalar, bool]]:
    """Every value below a node, and whether it stands after an `if:`."""
    if isinstance(node, Mapping):
        for key, value in node.entries:
            yield key, False
            yield from conditions(value, key.text)
    elif isinstance(node, Scalar):
        yield node, below == "if"
    else:
        for item in node.items:
            yield from conditions(item)
