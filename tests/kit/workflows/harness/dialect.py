"""A copy of the shipped files in the dialect that act, actionlint and the parser understand, and proof that it is one.

Rewritten, and nothing else: our own references `$/…` (to the mapped repository for act, to `./` for the static tools),
`cache-mode:` lines (blanked: line numbers stay) and, for act, `queue:` lines (blanked: act 0.2.89 refuses the key that
GitHub has since 7 May 2026) and `max-parallel: 1` in every matrix (act's table of mapped repositories has no lock).
`proves` does not trust the rewriting: it compares line by line by rules of its own.
"""

import re
from collections.abc import Callable
from pathlib import Path

from workflows.harness import yaml_text
from workflows.harness.places import COMMIT, SELF

OWN = re.compile(r"""(uses:\s*['"]?)\$/([^\s'"#]+)""")
CACHE_MODE = re.compile(r"^\s+cache-mode: (read|write|write-only|none)\s*(#.*)?$")
QUEUE = re.compile(r"^\s+queue: (single|max)$")
MATRIX = re.compile(r"^(\s+)matrix:(\s|$)")


def for_act(text: str) -> str:
    """As act reads it, with our own files mapped as SELF@COMMIT."""
    lines: list[str] = []
    for line in _common(text, lambda found: f"{found[1]}{SELF}/{found[2]}@{COMMIT}"):
        indent = MATRIX.match(line)
        if indent:
            lines.append(f"{indent[1]}max-parallel: 1")
        lines.append("" if QUEUE.match(line) else line)
    return "\n".join(lines)


def for_static_tools(text: str) -> str:
    """As actionlint and GitHub's parser read it: `./`, so that both look into the called files."""
    return "\n".join(_common(text, lambda found: f"{found[1]}./{found[2]}"))


def _common(text: str, own: Callable[[re.Match[str]], str]) -> list[str]:
    return ["" if CACHE_MODE.match(line) else OWN.sub(own, line) for line in text.split("\n")]


def proves(shipped: str, copy: str, *, act: bool) -> list[str]:
    """What differs between a shipped file and its copy beyond the rules: empty when the copy may stand for it."""
    wrong: list[str] = []
    document = yaml_text.load(shipped)
    counted = {
        "own": sum(value.startswith("$/") for value in yaml_text.uses(document)),
        "cache-mode": sum(key == "cache-mode" for _, key, _ in yaml_text.walk(document)),
        "matrix": sum(key == "matrix" and path[-1:] == ("strategy",) for path, key, _ in yaml_text.walk(document)),
        "queue": sum(key == "queue" and path[-1:] == ("concurrency",) for path, key, _ in yaml_text.walk(document)),
    }
    if not act:
        counted["matrix"] = counted["queue"] = 0  # the static tools read matrices and queues as they are
    seen = dict.fromkeys(counted, 0)
    rest = copy.split("\n")
    for number, line in enumerate(shipped.split("\n"), 1):
        other = rest.pop(0) if rest else None
        if other is not None and other.strip() == "max-parallel: 1" and line.strip().startswith("matrix:"):
            seen["matrix"] += 1
            other = rest.pop(0) if rest else None
        if other == line:
            continue
        back = [re.sub(rf"{re.escape(SELF)}/([^\s'\"#]+)@{COMMIT}", r"$/\1", other or "", count=1)]
        back.append(re.sub(r"(uses:\s*['\"]?)\./", r"\1$/", other or "", count=1))
        if line in back:
            seen["own"] += 1
        elif other == "" and line.lstrip().startswith("cache-mode:"):
            seen["cache-mode"] += 1
        elif act and other == "" and line.strip() in ("queue: max", "queue: single"):
            seen["queue"] += 1
        else:
            wrong.append(f"line {number}: {line!r} became {other!r}")
    if rest:
        wrong.append(f"{len(rest)} lines more than the shipped file")
    wrong += [f"{seen[what]} × {what} rewritten, {n} in the file" for what, n in counted.items() if seen[what] != n]
    return wrong


def write(root: Path, target: Path, *, act: bool) -> list[Path]:
    """Copies `.github` of a repository into `target` in a dialect; refuses a copy that is not proven to be one."""
    made: list[Path] = []
    for source in sorted((root / ".github").rglob("*")):
        if not source.is_file() or "__pycache__" in source.parts:
            continue
        copy = target / source.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix not in (".yml", ".yaml"):
            copy.write_bytes(source.read_bytes())
            copy.chmod(source.stat().st_mode)
            continue
        text = source.read_text(encoding="utf-8")
        new = for_act(text) if act else for_static_tools(text)
        wrong = proves(text, new, act=act)
        if wrong:
            raise ValueError(f"{source}: the copy is not the file: {'; '.join(wrong)}")
        copy.write_text(new, encoding="utf-8")
        made.append(copy)
    return made
