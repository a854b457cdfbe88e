"""Reads YAML as GitHub does: plain values by YAML 1.2, each key once, and a line and column for everything.

PyYAML's own constructors read YAML 1.1 (`on` is True, `yes` is True, 010 is 8), so only its node tree is used. Anchors
are followed, as GitHub does since 2025; merge keys (`<<`) are not known there.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

Kind = Literal["string", "boolean", "number", "null"]
LARGEST = 1024 * 1024  # characters in a file, values after anchors are followed, levels: GitHub's own limits
MOST_NODES = 50_000
DEEPEST = 50

_PLAIN = "plain"
_TAG = "tag:yaml.org,2002:"
_NUMBER = re.compile(
    r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|"
    r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value that is neither list nor mapping."""

    text: str
    kind: Kind
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: "tuple[Node, ...]"
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping; keys keep their order and their places."""

    entries: "tuple[tuple[Scalar, Node], ...]"
    line: int
    column: int
    flow: bool = False  # written in braces

    def get(self, name: str) -> "Node | None":
        """The value of a key, as GitHub compares keys here: letter by letter."""
        return next((value for key, value in self.entries if key.text == name), None)

    def key(self, name: str) -> Scalar | None:
        """The key itself, for its place."""
        return next((key for key, _ in self.entries if key.text == name), None)


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a file as YAML."""

    rule: str
    line: int
    column: int
    message: str


class _Loader(Reader, Scanner, Parser, Composer, BaseResolver):
    """PyYAML up to its node tree; a plain scalar is tagged as such, so that we can tell its type ourselves."""

    def __init__(self, text: str):
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)

    def resolve(self, kind: type[yaml.Node], value: object, implicit: tuple[bool, bool]) -> str:
        """The tag of a node that names none: of a scalar, whether it is plain."""
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else f"{_TAG}str"
        return f"{_TAG}map"

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """A node. An anchor may be set again, which PyYAML forbids: the latest counts."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if not isinstance(event, yaml.AliasEvent):
            self.anchors.pop(getattr(event, "anchor", None), None)
        return super().compose_node(parent, index)


def read(text: str) -> tuple[Node | None, list[Mistake]]:
    """The tree of a file, and what is wrong with it. Without a tree there is at least one mistake."""
    text = text.removeprefix("\ufeff")
    if len(text) > LARGEST:
        return None, [Mistake("yaml-syntax", 1, 1, f"the file has {len(text)} characters; GitHub reads {LARGEST}")]
    try:
        loader = _Loader(text)
        tree = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = ", ".join(part for part in (error.context, error.problem) if part)
        return None, [Mistake("yaml-syntax", line, column, said)]
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return None, [Mistake("yaml-syntax", line, column, f"a character that YAML forbids: {error.character!r}")]
    except RecursionError:
        return None, [Mistake("yaml-syntax", 1, 1, f"nested deeper than {DEEPEST} levels")]
    if tree is None:
        return None, [Mistake("yaml-syntax", 1, 1, "the file is empty")]
    convert = _Convert()
    try:
        return convert.node(tree, ()), convert.mistakes
    except _TooMuch as error:
        return None, [*convert.mistakes, Mistake("yaml-syntax", *error.place, error.said)]


class _TooMuch(Exception):
    def __init__(self, node: yaml.Node, said: str):
        super().__init__(said)
        self.place, self.said = _place(node), said


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


class _Convert:
    """Turns PyYAML's nodes into ours, following anchors within GitHub's limits."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.count = 0

    def node(self, node: yaml.Node, above: tuple[int, ...]) -> Node:
        self.count += 1
        if self.count > MOST_NODES:
            raise _TooMuch(node, f"more than {MOST_NODES} values once anchors are followed")
        if id(node) in above:
            raise _TooMuch(node, "an anchor that contains itself")
        if len(above) >= DEEPEST:
            raise _TooMuch(node, f"nested deeper than {DEEPEST} levels")
        line, column = _place(node)
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        above = (*above, id(node))
        if isinstance(node, yaml.SequenceNode):
            return Sequence(tuple(self.node(item, above) for item in node.value), line, column)
        assert isinstance(node, yaml.MappingNode)
        return Mapping(tuple(self.entries(node, above)), line, column, bool(node.flow_style))

    def entries(self, node: yaml.MappingNode, above: tuple[int, ...]) -> Iterator[tuple[Scalar, Node]]:
        seen: set[str] = set()
        for raw, value in node.value:
            key = self.node(raw, above)
            if not isinstance(key, Scalar):
                self.mistakes.append(Mistake("yaml-syntax", key.line, key.column, "a list or mapping as a key"))
                continue
            if key.text.casefold() in seen and "${{" not in key.text:
                said = f"'{key.text}' is already defined"
                self.mistakes.append(Mistake("duplicate-key", key.line, key.column, said))
                continue  # GitHub reads on without it
            seen.add(key.text.casefold())
            yield key, self.node(value, above)

    def scalar(self, node: yaml.ScalarNode) -> Scalar:
        line, column = _place(node)
        if node.tag not in {_PLAIN, *(_TAG + name for name in ("str", "bool", "int", "float", "null"))}:
            self.mistakes.append(Mistake("yaml-syntax", line, column, f"Unexpected tag '{node.tag}'"))
        kind = "string" if node.tag == f"{_TAG}str" else plain_kind(node.value)
        return Scalar(node.value, kind, line, column)


def plain_kind(text: str) -> Kind:
    """What an unquoted value is: YAML 1.2's core schema."""
    if text in ("", "null", "Null", "NULL", "~"):
        return "null"
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return "boolean"
    return "number" if _NUMBER.fullmatch(text) else "string"


def scalars(node: Node | None) -> Iterator[Scalar]:
    """Every value below a node, keys too: expressions may stand in both."""
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from scalars(item)
    elif isinstance(node, Mapping):
        for key, value in node.entries:
            yield key
            yield from scalars(value)


def text(node: Node | None) -> str:
    """The text of a scalar; empty for anything else."""
    return node.text if isinstance(node, Scalar) else ""
