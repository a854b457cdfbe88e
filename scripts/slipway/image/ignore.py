"""What .dockerignore leaves out, by the engine's own algorithm (moby/patternmatcher), quirks and all.

It is neither git's nor fnmatch's: patterns are rooted, `**` crosses folders anywhere, a match of a folder holds for
what is below it until a later pattern with `!` takes it back. Compared with what real builds send: tests/kit/image.
"""

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pattern:
    """One line of the file."""

    text: str
    exception: bool  # began with `!`
    matches: Callable[[str], bool]


@dataclass(frozen=True)
class Rules:
    """A .dockerignore: the last pattern that matches decides."""

    patterns: tuple[Pattern, ...] = ()

    def excluded(self, name: str, parent: tuple[bool, ...] = ()) -> tuple[bool, tuple[bool, ...]]:
        """Whether a path, relative to the context, is left out, and which patterns match it.

        Args:
            parent: which patterns match the folder that it lies in: they match it too.
        """
        out, matched = False, []
        for number, pattern in enumerate(self.patterns):
            match = bool(parent) and parent[number]
            if not match and pattern.exception == out:  # else it could change nothing
                match = pattern.matches(name)
            matched.append(match)
            if match:
                out = not pattern.exception
        return out, tuple(matched)

    @property
    def exceptions(self) -> bool:
        """Whether something below a folder that is left out could be in the context all the same."""
        return any(pattern.exception for pattern in self.patterns)

    def reaches(self, folder: str) -> bool:
        """Whether a pattern takes back something below this folder."""
        return any(pattern.exception and pattern.text.startswith(f"{folder}/") for pattern in self.patterns)


def parse(text: str) -> Rules:
    """Read a .dockerignore."""
    patterns = []
    for line in text.removeprefix("\ufeff").split("\n"):
        body = line.strip()
        if line.startswith("#") or not body:
            continue
        exception = body.startswith("!")
        body = _clean(body[1:].strip() if exception else body)
        if body:
            patterns.append(Pattern(body, exception, _matcher(body)))
    return Rules(tuple(patterns))


def _clean(path: str) -> str:
    """Go's filepath.Clean, and no slash in front."""
    cleaned = posixpath.normpath(re.sub("^/+", "/", path)) if path else ""
    return cleaned[1:] if cleaned.startswith("/") and len(cleaned) > 1 else cleaned


def _matcher(pattern: str) -> Callable[[str], bool]:
    """The engine compares short of a regular expression where it can, and that differs: `**d` is any path that ends
    in d, `d**` any that begins with it."""
    special = re.search(r"[*?\[\]\\]", pattern.removeprefix("**").removesuffix("**"))
    if pattern.startswith("**") and not special and not pattern[2:].endswith("**"):
        end = pattern[2:]
        return lambda path: path.endswith(end) or (end.startswith("/") and path == end[1:])
    if special or pattern.startswith("**"):
        try:
            expression = re.compile(_expression(pattern))
        except re.error:
            return lambda _: False  # the engine refuses the whole file, and says so
        return lambda path: expression.fullmatch(path) is not None
    if pattern.endswith("**"):
        start = pattern[:-2]
        return lambda path: path.startswith(start)
    return lambda path: path == pattern


def _expression(pattern: str) -> str:
    """The engine's regular expression for a pattern."""
    tokens = re.findall(r"\*\*/?|\\.|.", pattern)
    parts = []
    for number, token in enumerate(tokens):
        if token.startswith("**"):
            parts.append(".*" if number == len(tokens) - 1 else "(.*/)?")
        elif token in ("*", "?"):
            parts.append("[^/]*" if token == "*" else "[^/]")
        elif token == "\\":
            parts.append("\\\\")
        else:
            parts.append("\\" + token if token in ".+()|{}$" else token)
    return "".join(parts)
