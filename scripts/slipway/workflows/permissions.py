"""What a called workflow asks for, against what its caller grants: the commonest reason of a run that never starts.

Read from GitHub's own parser (docs/reference/check.md says how it judges). A grant is one block, never a union: the
calling job's, else its file's, else what the file itself was called with, else the repository's default.
"""

import difflib
import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from slipway.workflows.library import Library
from slipway.workflows.model import Call, Workflow
from slipway.workflows.reader import Mapping as Tree
from slipway.workflows.reader import Node, Scalar, text
from slipway.workflows.rules import REFUSED, Problem, problem, refused
from slipway.workflows.tables import CHECKED, NEWER_SCOPES, SCOPES, SETTING, words

Policy = Literal["read", "write"]
MESSAGE = 500  # characters of an error that GitHub keeps


class Level(enum.IntEnum):
    """How much of a scope."""

    none = 0
    read = 1
    write = 2


Levels = Mapping[str, Level]  # a scope that is not named is `none`
# The key that read-all, write-all and the default hold for scopes of which it is not known whether they include them.
UNKNOWN = "*"


@dataclass(frozen=True)
class Grant:
    """What a call may ask for."""

    levels: Levels | None  # None: the default policy
    why: str  # where it comes from


@dataclass(frozen=True)
class Step:
    """One call on the way from the workflow that is started to the one that is judged."""

    call: Call
    levels: Levels


@dataclass(frozen=True)
class Default:
    """The repository's setting "Workflow permissions", and whether callees elsewhere have the same owner."""

    policy: Policy | None = None  # None: not known, and then what depends on it is a note
    same_owner: bool = False

    def levels(self, trusted: bool) -> Levels:
        """Return what a call without any block above it may ask for; of an unknown setting the stricter one."""
        if self.policy != "write":
            return {"contents": Level.read, "packages": Level.read}
        levels = everything(Level.write)
        return levels if trusted else {**levels, "id-token": Level.none}


def everything(level: Level) -> dict[str, Level]:
    """Return what `read-all` or `write-all` grants."""
    known = {scope: level if "write" in words(scope) else min(level, Level.read) for scope in SCOPES}
    return {**known, UNKNOWN: Level.write}


def parse(node: Node | None) -> Levels | None:
    """Return a block as levels. None where there is none, or one that cannot be judged: a key with nothing after it (no
    source says what GitHub makes of that), or values that have findings of their own."""
    if isinstance(node, Tree):
        named = {key.text: text(value) for key, value in node.entries}
        known = all(word in words(scope) and not _nearest(scope) for scope, word in named.items())
        return {scope: Level[word] for scope, word in named.items()} if known else None
    if text(node) in ("read-all", "write-all"):
        return everything(Level.read if text(node) == "read-all" else Level.write)
    return None


def exceeded(asked: Levels, granted: Levels) -> list[str]:
    """Return the scopes of which more is asked than granted, in GitHub's order."""
    return [s for s in _ordered(asked) if asked[s] > granted.get(s, granted.get(UNKNOWN, Level.none))]


def _ordered(levels: Levels) -> list[str]:
    """Return the scopes that are named: first in GitHub's order, then those that it is not known of."""
    return [s for s in SCOPES if s in levels] + sorted(s for s in levels if s not in SCOPES and s != UNKNOWN)


def check(root: Workflow, library: Library, default: Default) -> Iterator[Problem]:
    """Judge the whole tree of calls below a workflow that something starts, or that states its own grants."""
    setting = f"{SETTING}: {default.policy}" if default.policy else SETTING
    passed = Grant(None, f"the repository's default token ({setting}): there is no `permissions` above the call")
    yield from _walk(root, library, default, passed if root.is_root else None, ())


def _walk(
    workflow: Workflow, library: Library, default: Default, passed: Grant | None, above: tuple[Step, ...]
) -> Iterator[Problem]:
    for call in library.found(workflow):
        if any(step.call.callee is call.callee for step in above):
            continue  # a circle, which has a rule of its own
        grant = _grant(call, passed)
        if grant is None:
            continue
        start = above[0].call.caller if above else workflow
        same = call.callee.source.repository == start.source.repository or library.owner(call.uses.text) == "same"
        levels = default.levels(same) if grant.levels is None else grant.levels
        trail = (*above, Step(call, levels))
        yield from _judge(trail, grant, library, unknown=grant.levels is None and default.policy is None)
        yield from _walk(call.callee, library, default, grant, trail)


def _grant(call: Call, passed: Grant | None) -> Grant | None:
    file = call.caller.source.name
    for body, whose in ((call.job.body, f"job '{call.job.id}'"), (call.caller.body, "the workflow")):
        if key := body.key("permissions"):
            levels = parse(body.get("permissions"))
            return None if levels is None else Grant(levels, f"the block of {whose}, {file}:{key.line}")
    return passed


def _judge(here: tuple[Step, ...], grant: Grant, library: Library, *, unknown: bool) -> Iterator[Problem]:
    call, levels = here[-1].call, here[-1].levels
    asks = [("The workflow", call.callee.body.get("permissions"))]
    asks += [(f"The nested job '{job.id}'", job.body.get("permissions")) for job in call.callee.jobs.values()]
    for who, node in asks:
        asked = parse(node)
        scopes = exceeded(asked, levels) if asked is not None else []
        if not scopes or asked is None or node is None:
            continue
        wanted = ", ".join(f"{scope}: {asked[scope].name}" for scope in scopes)
        allowed = ", ".join(f"{scope}: {levels.get(scope, Level.none).name}" for scope in scopes)
        file, key = call.caller.source.name, call.job.key
        quote = f"Error calling workflow '{call.uses.text}'. {who} is requesting '{wanted}', but is only allowed"
        quote = f"{quote} '{allowed}'."
        prefix = f"{file} (Line: {key.line}, Col: {key.column}): "
        if len(prefix + quote) > MESSAGE:
            quote = f"{(prefix + quote)[:MESSAGE]}[...]".removeprefix(prefix)
        asker = f"{who[0].lower()}{who[1:]} ({call.callee.source.name}:{node.line})"
        why = f'{REFUSED}, whatever `if:` says: "{quote}" The grant is {grant.why}'
        message = f"{asker} asks for '{wanted}'; the call grants '{allowed}'"
        if unknown:
            message = f"{asker} asks for '{wanted}', which the repository's default token may not hold"
            why = (
                f"{SETTING} decides, and no file says it. With the read permission {why}. "
                "--policy read or --policy write says which it is"
            )
        yield problem("permission-exceeded", file, key, message, why, _fix(here, library), note=unknown)


def _fix(here: tuple[Step, ...], library: Library) -> str:
    """The block to write, and the callers above that have to grant it too."""
    call = here[-1].call
    needed = _needed(call.callee, here[-1].levels, library, (call.callee,))
    own = parse(call.job.body.get("permissions"))
    block = _merged(own or {}, needed)
    fix = f"in job '{call.job.id}' ({call.caller.source.name}:{call.job.key.line}) write\n{_lines(call, block)}"
    for step in here[:-1]:
        if exceeded(block, step.levels):
            job = step.call.job
            fix += f"\nand let job '{job.id}' ({step.call.caller.source.name}:{job.key.line}) grant as much"
    return fix


def _needed(callee: Workflow, granted: Levels, library: Library, above: tuple[Workflow, ...]) -> Levels:
    """The least block with which a call passes. Jobs that ask for nothing keep what they get today."""
    top = parse(callee.body.get("permissions"))
    needed: Levels = top or {}
    nested = {call.job.id: call.callee for call in library.found(callee)}
    for job in callee.jobs.values():
        own = parse(job.body.get("permissions"))
        if own is None and top is None and job.id not in nested:
            needed = _merged(needed, granted)
        needed = _merged(needed, own or {})
        inner = nested.get(job.id)
        if inner and inner not in above:
            needed = _merged(needed, _needed(inner, {} if own or top else granted, library, (*above, inner)))
    return needed


def _merged(one: Levels, other: Levels) -> Levels:
    both = _ordered({**one, **other})
    return {scope: max(one.get(scope, Level.none), other.get(scope, Level.none)) for scope in both}


def _lines(call: Call, block: Levels) -> str:
    """A `permissions` block as it stands in the calling job, contents first."""
    named = sorted((scope for scope in block if block[scope]), key=lambda scope: (scope != "contents", scope))
    pairs = [f"{scope}: {block[scope].name}" for scope in named]
    if call.job.body.flow:
        return f"  permissions: {{{', '.join(pairs)}}}"
    indent = " " * (call.job.body.column - 1)
    return "\n".join([f"{indent}permissions:", *(f"{indent}  {pair}" for pair in pairs)])


def check_values(file: str, node: Node | None) -> Iterator[Problem]:
    """Scopes and levels that GitHub does not know."""
    if node is None or (isinstance(node, Scalar) and node.text in ("read-all", "write-all")):
        return
    if isinstance(node, Scalar) and node.kind == "null":
        return  # see `parse`
    if not isinstance(node, Tree):
        said = f"Unexpected value '{text(node)}'" if isinstance(node, Scalar) else "A sequence was not expected"
        fix = "write `permissions: {}`, read-all, write-all, or one line for each scope"
        yield problem("permission-value", file, node, "not a permissions block", refused(said), fix)
        return
    for key, value in node.entries:
        word = text(value)
        if word not in words(key.text):
            said = (
                "A template expression is not allowed in this context"
                if "${{" in word
                else f"Unexpected value '{word}'"
            )
            message, fix = f"'{key.text}' cannot be '{word}'", f"write one of {', '.join(words(key.text))}"
            yield problem("permission-value", file, value, message, refused(said), fix)
        if key.text not in (*SCOPES, *NEWER_SCOPES):
            yield _unknown(file, key)


def _unknown(file: str, key: Scalar) -> Problem:
    """List a scope that is not in the tables. One that is nearly another is misspelt; any other may be new."""
    near = _nearest(key.text)
    why = f"GitHub had no such scope on {CHECKED}, and starts no run with a scope that it does not know; it adds scopes"
    fix = f'did you mean "{near}"?' if near else f"correct the name if it is not new; known are: {', '.join(SCOPES)}"
    message = f"'{key.text}' is a permission that Slipway does not know"
    return problem("permission-value", file, key, message, why, fix, note=not near)


def _nearest(scope: str) -> str:
    """Return the scope that an unknown one is misspelt for."""
    known = [*SCOPES, *NEWER_SCOPES]
    return "" if scope in known else next(iter(difflib.get_close_matches(scope, known, 1, cutoff=0.85)), "")
