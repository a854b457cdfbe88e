"""Concurrency groups that wait for themselves: a holder that waits for a job or a call which wants the same group.

GitHub finds out only when that job or call starts, so it can sleep for months. Groups are compared as text, after
putting in what is equal on both sides: in a called workflow `github` is the caller's, `inputs` are what it was given.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from slipway.workflows import evaluate, expressions
from slipway.workflows.evaluate import Open, Unknown, Value
from slipway.workflows.library import Library
from slipway.workflows.model import Call, Job, Workflow, lowered
from slipway.workflows.reader import Mapping, Node, Scalar, text
from slipway.workflows.rules import Problem, problem, refused

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


@dataclass(frozen=True)
class Holder:
    """A job, a call or a workflow that takes a group, somewhere in a tree of calls."""

    file: str
    node: Node  # the value of `concurrency`
    group: str  # comparable text
    who: str
    top: Job | None  # the job of the workflow that was started, below which it stands; None: that workflow
    held: tuple[Group, ...]  # what is held above it meanwhile
    call: tuple[str, Node] | None  # of a call into another repository: findings belong to it

    @property
    def place(self) -> tuple[str, Node]:
        """Where a finding belongs."""
        inside = self.node.get("group") if isinstance(self.node, Mapping) else None
        return self.call or (self.file, inside or self.node)

    @property
    def deadlocked(self) -> bool:
        """Whether something that waits for it holds the group already."""
        return any(one.text == self.group for one in self.held)

    @property
    def queues(self) -> bool:
        """Whether those that wait are kept, up to 100 of them."""
        return self.option("queue") == "max"

    def option(self, name: str) -> str:
        """Return a value beside the group, such as `cancel-in-progress`."""
        return text(self.node.get(name) if isinstance(self.node, Mapping) else None)


def check(root: Workflow, library: Library) -> Iterator[Problem]:
    """All groups of a tree of calls."""
    for one in holders(root, library):
        yield from _judge(one)
        if one.queues and one.option("cancel-in-progress") == "true" and not one.call:
            yield _both(one)


def holders(root: Workflow, library: Library) -> Iterator[Holder]:
    """Everything in a tree of calls that takes a group of which something is known."""
    name = text(root.body.get("name"))
    called = "${{github.workflow}}"
    own = name if name and "${{" not in name else root.source.name
    frame = Frame(own if root.is_root else called, None, 0)
    yield from _walk(root, library, frame, (), (root,), None)


def _walk(
    workflow: Workflow,
    library: Library,
    frame: Frame,
    held: tuple[Group, ...],
    above: tuple[Workflow, ...],
    top: Job | None,
) -> Iterator[Holder]:
    file, callees = workflow.source.name, {call.job.id: call for call in library.found(workflow)}
    node = workflow.body.get("concurrency")
    group = _group(node, frame)
    if node and group is not None:
        yield Holder(file, node, group, f"the called workflow {file}", top, held, frame.place)
        held = (*held, Group(group, f"the workflow ({file}:{node.line})"))
    for job in workflow.jobs.values():
        node = job.body.get("concurrency")
        group = _group(node, frame)
        inner = held
        if node and group is not None:
            yield Holder(file, node, group, f"job '{job.id}'", top or job, held, frame.place)
            inner = (*held, Group(group, f"job '{job.id}' ({file}:{node.line})"))
        call = callees.get(job.id)
        if call and call.callee not in above:
            ours = call.callee.source.repository == above[0].source.repository
            place = None if ours else frame.place or (file, job.key)
            below = Frame(frame.name, _given(call, frame), frame.level + 1, place)
            yield from _walk(call.callee, library, below, inner, (*above, call.callee), top or job)


def _judge(one: Holder) -> Iterator[Problem]:
    holder = next((held for held in one.held if held.text == one.group), None)
    if holder is None:
        return
    inside = one.node.get("group") if isinstance(one.node, Mapping) else None
    shown = text(inside or one.node)
    why = (
        f"{holder.whose} holds the group and waits for {one.who}, which waits for the group. GitHub cancels it when it "
        "starts, whatever cancel-in-progress says: "
        f"\"Canceling since a deadlock was detected for concurrency group: '{shown}' …\""
    )
    fix = f"give it a group of its own, such as group: {_other(shown)}, or remove one of the two"
    message = f"{one.who} waits for a group that {holder.whose} holds"
    yield problem("concurrency-deadlock", *one.place, message, why, fix)


def _both(one: Holder) -> Problem:
    said = "`queue: max` and `cancel-in-progress: true` exclude each other"
    why = refused("The combination of `queue: max` and `cancel-in-progress: true` is not allowed")
    fix = "remove one of the two: `queue: max` keeps those that wait, `cancel-in-progress: true` ends the one that runs"
    return problem("unexpected-value", one.file, one.node, said, why, fix)


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
    try:
        return evaluate.filled(hole, lambda path: _known(path, frame))
    except Unknown:
        pass
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


def _known(path: tuple[str, ...], frame: Frame) -> Value:
    """What is read, where it is known or the same on both sides. Raises Unknown."""
    if path == ("github", "workflow"):
        return Open(frame.name) if "${{" in frame.name else frame.name
    if path[0] == "inputs" and len(path) == 2 and frame.inputs is not None and path[1] in frame.inputs:
        given = frame.inputs[path[1]]
        return Open(given) if "{{" in given else given
    if path[0] in ("github", "vars"):
        return Open(f"${{{{{'.'.join(path)}}}}}")
    raise Unknown


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
