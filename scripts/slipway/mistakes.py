"""Turns what a validation says ("… - at `$.lint`") into what the user needs: file, line, fix."""

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

WORDS = {"str": "a string", "int": "an integer", "array": "a list", "object": "a table", "bool": "true or false"}


def explain(
    error: Exception, file: str, text: str, tables: Mapping[str, Any], kind: Any, chosen: Mapping[str, str]
) -> str:
    """One line on one mistake in a TOML file.

    Args:
        error: msgspec's, from converting `tables` to `kind`.
        text: the file, to find the line in: TOML readers keep no positions.
        chosen: path of a key → environment variable that its value came from.
    """
    what, _, place = str(error).partition(" - at `")
    path, kind, examples = _walk(place, tables, kind)
    if unknown := re.search(r"unknown field `(.*)`", what):
        key, known = unknown[1], [f.encode_name for f in msgspec.structs.fields(kind)]
        where = f"in [{'.'.join(path)}]" if path else "at the top"
        fix = _near(key, known) or f"Known keys: {', '.join(known)}."
        return f'{file}:{_line(text, [*path, key])}: unknown key "{key}" {where}. {fix}'
    if own := re.match(r"`([a-z-]+)` ", what):  # raised by a table of ours, about one of its keys
        path, what = [*path, own[1]], what[own.end() :]
    said, fix = _plain(what, examples), "Correct the value."
    if invalid := re.match(r"Invalid enum value '(.*)'", what):
        known = [str(value) for value in get_args(kind)]
        said = f'"{invalid[1]}" is not one of {", ".join(known)}'
        fix = _near(invalid[1], known) or "Choose one of them."
    name = ".".join(path)
    if name in chosen:
        return f"{chosen[name]} is not usable: {said}. Change the variable, or unset it."
    return f"{file}:{_line(text, path)}: {name}: {said}. {fix}"


def _walk(place: str, value: Any, kind: Any) -> tuple[list[str], Any, list[Any]]:
    """The keys that a path such as $.deploy[...].url goes through, the type at its end, and examples for it."""
    path: list[str] = []
    examples: list[Any] = []
    for name, index in re.findall(r"\.([\w-]+)|\[([^\]]*)\]", place):
        if index.isdigit():
            break  # an item of a list: the list is named
        if index:  # "...": one of the tables with names of the user's own
            kind = get_args(kind)[1]
            name = next((n for n, v in value.items() if not _fits(v, kind)), "…")
        else:
            kind = next(f.type for f in msgspec.structs.fields(kind) if f.encode_name == name)
        while get_origin(kind) is Annotated:
            kind, *notes = get_args(kind)
            examples = next((list(n.examples) for n in notes if getattr(n, "examples", None)), examples)
        value = value.get(name) if isinstance(value, dict) else None
        path.append(name)
    return path, kind, examples if get_origin(kind) is not Literal else []


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _plain(what: str, examples: list[Any]) -> str:
    what = re.sub(r" matching regex '.*'$", f" such as {', '.join(map(str, examples))}", what)
    what = re.sub(r"`(\w+)`", lambda word: WORDS.get(word[1], word[1]), what).replace(", got ", ", found ")
    return what[:1].lower() + what[1:]


def _near(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, 1) or [k for k in known if k.lower() == word.lower()]
    return f'Did you mean "{near[0]}"?' if near else ""


def _line(text: str, path: list[str]) -> int:
    """The line on which a key stands; else the one of what holds it (an inline table), else the first."""
    best, depth, table = 1, 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[\[?(.+?)\]\]?\s*(#.*)?$", line):
            here = table = _parts(head[1])
        elif key := re.match(r"""\s*((?:[\w.\s-]|"[^"]*"|'[^']*')+)=""", line):
            here = [*table, *_parts(key[1])]
        else:
            continue
        common = min(len(here), len(path))
        if here[:common] == path[:common] and common > depth:
            best, depth = number, common
    return best


def _parts(dotted: str) -> list[str]:
    """The parts of a dotted key, quoted or not."""
    return [part.strip("\"'") for part in re.findall(r""""[^"]*"|'[^']*'|[^.\s]+""", dotted)]
