"""Concurrency groups that wait for themselves: a holder that waits for a job or a call which wants the same group.

GitHub finds out only when that job or call starts, so it can sleep for months. Groups are compared as text, after
putting in what is equal on both sides: in a called workflow `github` is the caller's, `inputs` are what it was given.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from slipway.workflows import expressions
from slipway.workflows.library import Library
from slipway.workflows.model import Call, Workflow, lowered
from slipway.workflows.reader import Mapping, Node, Scalar, text
from slipway.workflows.rules import Problem, problem

_HOLE = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)


@dataclass(frozen=True)
class Group:
    """A group that is held while something waits."""

    text: str
    whose: str


@dataclass(frozen=True)
class Frame:
    """What stands for what in one workflow of a tree of calls."""

    name: str  # what github.workflow gives
    inputs: dict[str, str] | None  # None: the workflow that was started; its inputs are the same text everywhere
    level: int
    place: tuple[str, Node] | None = None  # of a call into another repository: findings below belong to it


def check(root: Workflow, library: Library) -> Iterator[Problem]:
    """All groups of a tree of calls."""
    name = text(root.body.get("name"))
    called = "${{github.workflow}}"
    own = name if name and "${{" not in name else root.source.name
    frame = Frame(own if root.is_root else called, None, 0)
    yield from _walk(root, library, frame, (), (root,))


def _walk(
    workflow: Workflow, library: Library, frame: Frame, held: tuple[Group, ...], above: tuple[Workflow, ...]
) -> Iterator[Problem]:
    file, callees = workflow.source.name, {call.job.id: call for call in library.found(workflow)}
    node = workflow.body.get("concurrency")
    group = _group(node, frame)
    if node and group is not None:
        whose = f"{file}:{node.line}"
        yield from _judge(file, node, group, held, f"the called workflow {file}", frame.place)
        held = (*held, Group(group, f"the workflow ({whose})"))
    for job in workflow.jobs.values():
        node = job.body.get("concurrency")
        group = _group(node, frame)
        inner = held
        if node and group is not None:
            yield from _judge(file, node, group, held, f"job '{job.id}'", frame.place)
            inner = (*held, Group(group, f"job '{job.id}' ({file}:{node.line})"))
        call = callees.get(job.id)
        if call and call.callee not in above:
            ours = call.callee.source.repository == above[0].source.repository
            place = None if ours else frame.place or (file, job.key)
            below = Frame(frame.name, _given(call, frame), frame.level + 1, place)
            yield from _walk(call.callee, library, below, inner, (*above, call.callee))


def _judge(
    file: str, node: Node, group: str, held: tuple[Group, ...], who: str, call: tuple[str, Node] | None
) -> Iterator[Problem]:
    holder = next((one for one in held if one.text == group), None)
    if holder is None:
        return
    place = node.get("group") or node if isinstance(node, Mapping) else node
    shown = text(place)
    why = (
        f"{holder.whose} holds the group and waits for {who}, which waits for the group. GitHub cancels it when it "
        "starts, whatever cancel-in-progress says: "
        f"\"Canceling since a deadlock was detected for concurrency group: '{shown}' …\""
    )
    mend = f"give it a group of its own, such as group: {_other(shown)}, or remove one of the two"
    file, place = call or (file, place)
    yield problem("concurrency-deadlock", file, place, f"{who} waits for a group that {holder.whose} holds", why, mend)


def _other(group: str) -> str:
    return (
        f"{group}-inner"
        if "github.workflow" not in group
        else re.sub(r"\$\{\{\s*github\.workflow\s*\}\}", "inner", group)
    )


def _group(node: Node | None, frame: Frame) -> str | None:
    """A group as comparable text; None where nothing is known of it."""
    value = text(node.get("group") if isinstance(node, Mapping) else node)
    return _filled(value, frame) if value else None


def _filled(value: str, frame: Frame) -> str | None:
    """The text with everything put in that is the same in the whole run. GitHub compares groups without case."""
    parts, at = [], 0
    for hole in _HOLE.finditer(value):
        inner = _value(hole[0], frame)
        if inner is None:
            return None
        parts += [value[at : hole.start()], inner]
        at = hole.end()
    return "".join([*parts, value[at:]]).casefold()


def _value(hole: str, frame: Frame) -> str | None:
    expression = expressions.whole(hole)
    if expression is None:
        return None
    sole = expression.sole
    if sole and (sole.context, sole.path) == ("github", ("workflow",)):
        return frame.name
    if sole and sole.context == "inputs" and len(sole.path) == 1 and frame.inputs is not None:
        return frame.inputs.get(str(sole.path[0]))
    mine = {"matrix", "strategy", "needs"} | (set() if frame.inputs is None else {"inputs"})
    if any(access.context in mine for access in expression.accesses):
        # Only the same file's own text means the same: marked with its level, it equals nothing in a callee.
        return f"{{{{{frame.level}:{''.join(expression.text.split())}}}}}"
    return f"${{{{{''.join(expression.text.split())}}}}}"


def _given(call: Call, frame: Frame) -> dict[str, str]:
    """The callee's inputs in the caller's words; what cannot be known is left out."""
    values = {}
    given = lowered(call.job.body.get("with"))
    for name, one in call.callee.interface.inputs.items() if call.callee.interface else ():
        value = given.get(name, one.default)
        unset = {"boolean": "false", "number": "0"}.get(one.type, "")
        filled = _filled(value.text, frame) if isinstance(value, Scalar) else unset
        if filled is not None:
            values[name] = filled
    return values
