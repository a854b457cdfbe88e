"""How `slipway init` and `slipway update` show what they found and wrote."""

import difflib
import os
import sys
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from slipway.pipeline.result import SCHEMA, encode
from slipway.scaffold.init import Plan
from slipway.scaffold.kit import Kit
from slipway.scaffold.update import Update, counts

MANY = 12  # files that are listed by name; a copy of the kit has some two hundred


def show_init(made: Plan, dry_run: bool, as_json: bool) -> None:
    """What was found, what was written, and what stands in the way."""
    if as_json:
        said = {
            "found": made.found, "written": [] if dry_run else [new.path for new in made.new], "kept": made.kept,
            "in-the-way": made.ways, "notes": made.notes,
        }  # fmt: skip
        sys.stdout.buffer.write(encode({"schema": SCHEMA, "init": said}) + b"\n")
        return
    console = _console()
    _list(console, "found", made.found)
    if dry_run:
        for new in made.new[:MANY]:
            text = new.content.decode(errors="replace").splitlines(keepends=True)
            console.print(
                Text("".join(difflib.unified_diff([], text, "/dev/null", f"b/{new.path}")).rstrip()), soft_wrap=True
            )
    _list(console, "would write" if dry_run else "wrote", _few([new.path for new in made.new]))
    _list(console, "there already, left as it is", made.kept)
    _list(console, "in the way of a green run", made.ways)
    _list(console, "to know", made.notes)
    if not dry_run:
        console.print(Text("\nnext: slipway run"), soft_wrap=True)


def show_update(update: Update) -> None:
    """The diff first, then what it means."""
    console = _console()
    for change in update.changes:
        if change.diff:
            console.print(Text(change.diff.rstrip("\n")), soft_wrap=True)
    _list(console, "breaking", update.breaking)
    said = [f"{change.path}: {change.says}" for change in update.changes if change.says]
    _list(console, "to know", said)
    _list(console, "in conflict, marked in the file", update.conflicts)
    numbers = counts(Counter(change.kind for change in update.changes)) or "nothing to do"
    console.print(Text(f"\n{_name(update.old)} → {_name(update.new)}: {numbers}"), soft_wrap=True)


def show_updated(update: Update) -> None:
    """What is left to do."""
    if update.conflicts:
        _console().print(
            Text("written. Resolve the conflicts (look for <<<<<<<), then test and commit"), soft_wrap=True
        )
    else:
        _console().print(Text("written. Test and commit it"), soft_wrap=True)


def _name(one: Kit) -> str:
    return f"{one.version} ({one.commit[:7]})"


def _few(names: list[str]) -> list[str]:
    kit = [name for name in names if name.startswith("scripts/")]
    own = [name for name in names if name not in kit]
    return [*own, f"scripts/ ({len(kit)} files)"] if len(kit) > MANY else names


def _list(console: Console, head: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(Text(f"\n{head}:"), soft_wrap=True)
        for line in lines:
            console.print(Text(f"  {line}"), soft_wrap=True)


def _console() -> Console:
    return Console(highlight=False, no_color=True if os.environ.get("NO_COLOR") else None)
