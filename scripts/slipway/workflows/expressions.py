"""Finds the expressions in a value, and what each of them reads."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<string>'(?:[^']|'')*')|(?P<word>[A-Za-z_][\w-]*)|(?P<number>[-+]?\.?\d[\w.+-]*)|(?P<mark>[!=<>]=|&&|\|\||\S)"
)
_LITERALS = {"true", "false", "null", "nan", "infinity"}


@dataclass(frozen=True, slots=True)
class Access:
    """One reading of a context: `needs.build.outputs.digest` is needs and (build, outputs, digest)."""

    context: str
    path: tuple[str | None, ...]  # None: `*`, or an index that only the run knows
    position: int  # in the expression, from 1
    text: str


@dataclass(frozen=True, slots=True)
class Expression:
    """The text between `${{` and `}}`, without blanks around it."""

    text: str
    accesses: tuple[Access, ...]
    functions: tuple[tuple[str, int], ...]  # name as written, position from 1

    @property
    def sole(self) -> Access | None:
        """The access that the whole expression consists of."""
        only = self.accesses[0] if len(self.accesses) == 1 else None
        return only if only and only.text == self.text else None


def bodies(text: str) -> tuple[list[str], bool]:
    """The texts of the expressions in a value, and whether the last one is left open."""
    found: list[str] = []
    at = 0
    while (start := text.find("${{", at)) >= 0:
        end, quoted = start + 3, False
        while end < len(text) and (quoted or text[end : end + 2] != "}}"):
            quoted ^= text[end] == "'"
            end += 1
        if end >= len(text):
            return found, True
        found.append(text[start + 3 : end].strip())
        at = end + 2
    return found, False


def within(text: str, condition: bool = False) -> list[Expression]:
    """The expressions of a value; an `if:` without `${{` is one as a whole."""
    texts = [text.strip()] if condition and "${{" not in text else bodies(text)[0]
    return [parse(body) for body in texts if body]


def whole(text: str) -> Expression | None:
    """The expression, when the value is nothing else."""
    found, opened = bodies(text)
    stripped = text.strip()
    alone = len(found) == 1 and not opened and stripped.startswith("${{") and stripped.endswith("}}")
    return parse(found[0]) if alone else None


def tokens(text: str) -> list[tuple[str, str]]:
    """Return the words of an expression, each with its kind: string, word, number or mark."""
    return [(str(match.lastgroup), match[0]) for match in _TOKEN.finditer(text)]


def parse(text: str) -> Expression:
    """Contexts and functions that an expression names. What GitHub's own parser would object to is not judged."""
    tokens = [(str(m.lastgroup), m[0], m.start()) for m in _TOKEN.finditer(text)]
    accesses, functions = [], []
    at = 0
    while at < len(tokens):
        group, word, start = tokens[at]
        at += 1
        if group != "word" or (at > 1 and tokens[at - 2][1] == "."):
            continue
        if at < len(tokens) and tokens[at][1] == "(":
            functions.append((word, start + 1))
        elif word.lower() not in _LITERALS:
            path, at = _path(tokens, at)
            end = tokens[at - 1][2] + len(tokens[at - 1][1])
            accesses.append(Access(word.lower(), tuple(path), start + 1, text[start:end]))
    return Expression(text, tuple(accesses), tuple(functions))


def _path(tokens: list[tuple[str, str, int]], at: int) -> tuple[list[str | None], int]:
    """The properties that follow a context's name: `.x`, `.*`, `['x']`; and where they end."""
    path: list[str | None] = []
    while at + 1 < len(tokens):
        group, word, _ = tokens[at + 1]
        closed = at + 2 < len(tokens) and tokens[at + 2][1] == "]"
        if tokens[at][1] == "." and (group == "word" or word == "*"):
            path.append(word.lower() if group == "word" else None)
            at += 2
        elif tokens[at][1] == "[" and group in ("string", "number") and closed:
            path.append(word[1:-1].replace("''", "'").lower() if group == "string" else None)
            at += 3
        elif tokens[at][1] == "[":
            path.append(None)  # what stands in the brackets is read as an expression of its own
            return path, at
        else:
            break
    return path, at


def accesses(text: str, context: str, condition: bool = False) -> Iterator[Access]:
    """Every reading of one context in a value."""
    for expression in within(text, condition):
        yield from (access for access in expression.accesses if access.context == context)
