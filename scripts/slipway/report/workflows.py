"""How `slipway check` shows what it found: text, JSON, SARIF."""

import json
import os
import sys
from collections.abc import Sized
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from slipway import __version__
from slipway.pipeline.result import SCHEMA, encode
from slipway.report.sarif import LEVELS, SCORES
from slipway.workflows.check import Report
from slipway.workflows.rules import RULES, Problem

GUIDE = "docs/reference/check.md"


def show(report: Report, as_json: bool) -> None:
    """A finding in three parts: what and where, why, and the fix."""
    if as_json:
        sys.stdout.buffer.write(encode({"schema": SCHEMA, "check": report}) + b"\n")
        return
    console = Console(highlight=False, no_color=True if os.environ.get("NO_COLOR") else None)
    for problem in report.problems:
        _print(console, problem, "")
    for note in report.notes:
        _print(console, note, "note: ")
    count = _count(report.problems, "finding") + (f", {_count(report.notes, 'note')}" if report.notes else "")
    rules = f"; the rules: {GUIDE}" if report.problems or report.notes else ""
    console.print(Text(f"{count} in {_count(report.files, 'file')}{rules}"), soft_wrap=True)
    for call in report.unread:
        console.print(Text(f"not checked, it is not here: {call}"), soft_wrap=True)
    if not report.actionlint:
        console.print(Text("not checked, actionlint did not run: the rest of the syntax"), soft_wrap=True)
    elif report.actionlint.startswith("failed"):
        console.print(Text(f"not checked, actionlint {report.actionlint}"), soft_wrap=True)


def _print(console: Console, problem: Problem, kind: str) -> None:
    where = f"{problem.file}:{problem.line}:{problem.column}"
    first = Text.assemble((where, "bold"), f": {kind}{problem.message} ", (f"[{problem.rule}]", "cyan"))
    console.print(first, soft_wrap=True)
    console.print(Text(f"    why:  {problem.why}."), soft_wrap=True)
    console.print(Text(f"    fix: {_indented(problem.fix)}\n"), soft_wrap=True)


def _count(things: Sized, what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"


def write_sarif(report: Report, path: Path) -> None:
    """SARIF 2.1.0, for GitHub's code scanning."""
    found = [*report.problems, *report.notes]
    rules = [_rule(name) for name in dict.fromkeys(problem.rule for problem in found)]
    driver = {"name": "Slipway check", "semanticVersion": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(p) for p in found],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    path.write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")


def _rule(name: str) -> dict[str, Any]:
    rule = RULES[name]
    return {
        "id": name,
        "shortDescription": {"text": rule.title},
        "help": {"text": f"{GUIDE}#{name}"},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"security-severity": SCORES[rule.severity], "tags": ["workflows"]},
    }


def _result(problem: Problem) -> dict[str, Any]:
    region = {"startLine": problem.line, "startColumn": problem.column}
    location = {"artifactLocation": {"uri": problem.file}, "region": region}
    return {
        "ruleId": problem.rule,
        "level": "note" if problem.note else LEVELS[problem.severity],
        "message": {"text": f"{problem.message}\n{problem.why}.\nFix: {problem.fix}"},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"slipway/v1": f"check:{problem.rule}:{problem.file}:{problem.message}"[:200]},
    }


def _indented(fix: str) -> str:
    """Lines of YAML keep the indentation that they have in the file: they are there to be copied."""
    first, *rest = fix.split("\n")
    return "\n".join([first, *(line if line.startswith(" ") else f"          {line}" for line in rest)])
