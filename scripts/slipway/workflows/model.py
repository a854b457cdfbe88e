"""A workflow and an action as values: what calls and callers have to know of each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from slipway.workflows import tables
from slipway.workflows.reader import Mapping, Node, Scalar, Sequence, text


@dataclass(frozen=True)
class Source:
    """Where a file lies."""

    name: str  # as it is shown
    path: Path
    repository: Path  # the folder that ./ and $/ lead to


@dataclass(frozen=True)
class Input:
    """An input, as `workflow_call` or `workflow_dispatch` declares it."""

    key: Scalar
    type: str
    required: bool
    default: Node | None


@dataclass(frozen=True)
class Interface:
    """What `workflow_call` declares. Names are in lower case: GitHub compares them so."""

    inputs: dict[str, Input]
    secrets: dict[str, tuple[Scalar, bool]]  # the key, and whether it is required
    outputs: dict[str, tuple[Scalar, Node | None]]


@dataclass(frozen=True, eq=False)
class Job:
    """One job: it has steps, or it calls a workflow."""

    id: str
    key: Scalar
    body: Mapping

    @cached_property
    def uses(self) -> Scalar | None:
        """The workflow that it calls."""
        value = self.body.get("uses")
        return value if isinstance(value, Scalar) else None

    @cached_property
    def needs(self) -> tuple[Scalar, ...]:
        """The jobs that it waits for, as written."""
        return tuple(items(self.body.get("needs")))

    @cached_property
    def steps(self) -> tuple[Mapping, ...]:
        """Its steps."""
        return steps(self.body)

    @cached_property
    def outputs(self) -> dict[str, Node]:
        """Its outputs, if it has steps."""
        return lowered(self.body.get("outputs"))


@dataclass(frozen=True, eq=False)
class Workflow:
    """One workflow file."""

    source: Source
    body: Mapping

    @cached_property
    def triggers(self) -> dict[str, Scalar]:
        """Events that start it, with their places."""
        on = self.body.get("on")
        keys = [key for key, _ in on.entries] if isinstance(on, Mapping) else list(items(on))
        return {key.text: key for key in keys}

    def evaluated(self) -> Iterator[Node]:
        """Everything that may hold expressions: descriptions below `on` may show some that nobody evaluates."""
        yield from (value for key, value in self.body.entries if key.text != "on")
        for _, output in self.interface.outputs.values() if self.interface else ():
            if output:
                yield output

    @property
    def is_root(self) -> bool:
        """Whether anything but a call starts it."""
        return any(name != "workflow_call" for name in self.triggers)

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """Its jobs by id in lower case, in order."""
        found = [Job(key.text, key, body) for key, body in pairs(self.body.get("jobs")) if isinstance(body, Mapping)]
        return {job.id.lower(): job for job in found}

    @cached_property
    def interface(self) -> Interface | None:
        """What a caller may give and take; None where it cannot be called."""
        if "workflow_call" not in self.triggers:
            return None
        call = self._event("workflow_call")
        secrets = {
            key.text.lower(): (key, isinstance(spec, Mapping) and _true(spec.get("required")))
            for key, spec in pairs(call.get("secrets") if call else None)
        }
        outputs = {
            key.text.lower(): (key, spec.get("value") if isinstance(spec, Mapping) else None)
            for key, spec in pairs(call.get("outputs") if call else None)
        }
        return Interface(_inputs(call, ""), secrets, outputs)

    @cached_property
    def dispatch(self) -> dict[str, Input] | None:
        """The inputs of a start by hand; None where there is none."""
        return _inputs(self._event("workflow_dispatch"), "string") if "workflow_dispatch" in self.triggers else None

    def _event(self, name: str) -> Mapping | None:
        on = self.body.get("on")
        event = on.get(name) if isinstance(on, Mapping) else None
        return event if isinstance(event, Mapping) else None


@dataclass(frozen=True, eq=False)
class Action:
    """One action.yml."""

    source: Source
    body: Mapping

    @cached_property
    def runs(self) -> Mapping:
        """What it does."""
        runs = self.body.get("runs")
        return runs if isinstance(runs, Mapping) else Mapping((), 1, 1)

    @property
    def composite(self) -> bool:
        """Whether it consists of steps: only then do its declared outputs say all that there is."""
        return text(self.runs.get("using")) == "composite"

    @cached_property
    def steps(self) -> tuple[Mapping, ...]:
        """Its steps."""
        return steps(self.runs)

    @cached_property
    def outputs(self) -> dict[str, Node]:
        """Its declared outputs."""
        return lowered(self.body.get("outputs"))

    def output_values(self) -> Iterator[Node]:
        """What its outputs are made of; descriptions may show expressions that nobody evaluates."""
        for output in self.outputs.values():
            if isinstance(output, Mapping) and (value := output.get("value")):
                yield value


@dataclass(frozen=True)
class Call:
    """A job, and the workflow that it calls."""

    caller: Workflow
    job: Job
    uses: Scalar
    callee: Workflow


def pairs(node: Node | None) -> Iterator[tuple[Scalar, Node]]:
    """The entries of a mapping; none for anything else."""
    yield from node.entries if isinstance(node, Mapping) else ()


def items(node: Node | None) -> Iterator[Scalar]:
    """A scalar, or the scalars of a list."""
    for item in node.items if isinstance(node, Sequence) else (node,):
        if isinstance(item, Scalar) and item.text:
            yield item


def lowered(node: Node | None) -> dict[str, Node]:
    """A mapping by lower-case keys."""
    return {key.text.lower(): value for key, value in pairs(node)}


def steps(body: Mapping) -> tuple[Mapping, ...]:
    """Return the steps of a job or of a composite action, those of parallel groups in their place."""
    return tuple(_flat(body.get("steps")))


def _flat(node: Node | None) -> Iterator[Mapping]:
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Mapping):
            yield item
            yield from _flat(item.get(tables.GROUP))


def _inputs(event: Mapping | None, usual: str) -> dict[str, Input]:
    found = {}
    for key, spec in pairs(event.get("inputs") if event else None):
        spec = spec if isinstance(spec, Mapping) else Mapping((), key.line, key.column)
        kind = text(spec.get("type")) or usual
        found[key.text.lower()] = Input(key, kind, _true(spec.get("required")), spec.get("default"))
    return found


def _true(node: Node | None) -> bool:
    return isinstance(node, Scalar) and node.kind == "boolean" and node.text.lower() == "true"
