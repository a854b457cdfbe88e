"""Computes an expression from what is known of a run, by GitHub's rules of comparison and truth.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/expressions.
"""

import math
import re
from collections.abc import Callable

from slipway.workflows import expressions

Value = str | float | bool | None
Resolve = Callable[[tuple[str, ...]], Value]  # `inputs.environment` is ("inputs", "environment"), in lower case
Later = Callable[[], Value]  # what stands behind `&&` and `||` is not always computed
_HOLE = re.compile(r"\$?\{\{.*?\}\}", re.DOTALL)


class Unknown(Exception):
    """An expression reads what is not known here."""


class Open(str):
    """Text with holes, `${{…}}`: the same on both sides of a comparison of groups, and its value unknown."""


def filled(text: str, resolve: Resolve) -> str:
    """Return a value with its expressions computed.

    Raises:
        Unknown: `resolve` does not know what one of them reads, or it calls a function that is not computed here.
    """
    bodies, opened = expressions.bodies(text)
    if opened:
        raise Unknown
    parts, rest = [], text
    for body in bodies:
        before, _, rest = rest.partition("${{")
        parts += [before, _text(value(body, resolve))]
        rest = rest[rest.index(body) + len(body) :].lstrip().removeprefix("}}")
    return "".join([*parts, rest])


def value(expression: str, resolve: Resolve) -> Value:
    """Return what an expression gives. Raises Unknown."""
    parser = _Parser(expressions.tokens(expression), resolve)
    found = parser.either()
    if not parser.done:
        raise Unknown
    return found()


def true(found: Value) -> bool:
    """Return whether a value counts as true. Raises Unknown for text that may be empty."""
    if isinstance(found, Open) and not _HOLE.sub("", found):
        raise Unknown
    return bool(found) and not (isinstance(found, float) and math.isnan(found))


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], resolve: Resolve) -> None:
        self._tokens, self._at, self._resolve = tokens, 0, resolve

    @property
    def done(self) -> bool:
        return self._at == len(self._tokens)

    def _takes(self, *marks: str) -> str:
        if self.done or self._tokens[self._at][1] not in marks:
            return ""
        self._at += 1
        return self._tokens[self._at - 1][1]

    def either(self) -> Later:
        found = self._both()
        while self._takes("||"):
            found = _either(found, self._both())
        return found

    def _both(self) -> Later:
        found = self._compared()
        while self._takes("&&"):
            found = _both(found, self._compared())
        return found

    def _compared(self) -> Later:
        found = self._single()
        while mark := self._takes("==", "!="):
            found = _compared(found, self._single(), mark)
        return found

    def _single(self) -> Later:
        if self._takes("!"):
            inner = self._single()
            return lambda: not true(inner())
        if self._takes("("):
            inner = self.either()
            if not self._takes(")"):
                raise Unknown
            return inner
        if self.done:
            raise Unknown
        group, word = self._tokens[self._at]
        self._at += 1
        if group == "string":
            return lambda: word[1:-1].replace("''", "'")
        if group == "number":
            return lambda: _number(word)
        if group != "word":
            raise Unknown
        if self._takes("("):
            return self._call(word.lower())
        literals: dict[str, Value] = {"true": True, "false": False, "null": None}
        return (lambda: literals[word.lower()]) if word.lower() in literals else self._access(word.lower())

    def _call(self, name: str) -> Later:
        arguments: list[Later] = []
        while not self._takes(")"):
            if self.done or (arguments and not self._takes(",")):
                raise Unknown
            arguments.append(self.either())
        if name not in _FUNCTIONS:
            raise Unknown
        return lambda: _FUNCTIONS[name](*[_text(argument()) for argument in arguments])

    def _access(self, context: str) -> Later:
        path = [context]
        while mark := self._takes(".", "["):
            if self.done:
                raise Unknown
            group, word = self._tokens[self._at]
            self._at += 1
            if group not in (("word",) if mark == "." else ("string",)) or (mark == "[" and not self._takes("]")):
                raise Unknown
            path.append((word[1:-1] if mark == "[" else word).lower())
        return lambda: self._resolve(tuple(path))


def _either(one: Later, other: Later) -> Later:
    def compute() -> Value:
        found = one()
        return found if true(found) else other()

    return compute


def _both(one: Later, other: Later) -> Later:
    def compute() -> Value:
        found = one()
        return other() if true(found) else found

    return compute


def _compared(one: Later, other: Later, mark: str) -> Later:
    return lambda: _equal(one(), other()) == (mark == "==")


def _equal(one: Value, other: Value) -> bool:
    """Text ignores case; what is of two kinds is compared as numbers."""
    if isinstance(one, Open) or isinstance(other, Open):
        raise Unknown
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    return one is other or _number(one) == _number(other)


def _number(found: Value) -> float:
    try:
        return float(found or 0)
    except ValueError:
        return math.nan


def _text(found: Value) -> str:
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, float):
        return f"{found:g}"
    return found or ""


def _format(template: str, *values: str) -> str:
    made = re.sub(r"\{(\d+)\}", lambda match: values[int(match[1])], template)
    return Open(made) if any(isinstance(one, Open) for one in values) else made


def _known(function: Callable[[str, str], bool]) -> Callable[..., Value]:
    def compute(*values: str) -> Value:
        if len(values) != 2 or any(isinstance(one, Open) for one in values):
            raise Unknown
        return function(values[0].casefold(), values[1].casefold())

    return compute


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "format": _format,
    "startswith": _known(str.startswith),
    "endswith": _known(str.endswith),
    "contains": _known(str.__contains__),
}
