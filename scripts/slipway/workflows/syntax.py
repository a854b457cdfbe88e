"""The syntax that no rule here looks at is left to actionlint, where it is installed."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from slipway.errors import SlipwayError
from slipway.tools import actionlint
from slipway.workflows import check, tables
from slipway.workflows.check import Report
from slipway.workflows.model import Workflow
from slipway.workflows.permissions import Default
from slipway.workflows.reader import Scalar
from slipway.workflows.rules import Problem, problem

_NO_FAULT = re.compile("|".join(tables.NO_FAULTS))
_UNREADABLE = re.compile(tables.UNREADABLE)


async def check_all(project: Path, files: Iterable[Path], kit: Path | None, default: Default) -> Report:
    """Check files by the rules here and by actionlint."""
    library, paths = check.opened(project, files, kit, default)
    report = check.judge(library, paths, default)
    workflows = {path: content for path in paths if isinstance(content := check.read(library, path), Workflow)}
    program = actionlint.find(library.own.folder if library.own else library.project)
    if program is None or not workflows:
        return report
    try:
        version, found = await actionlint.lint(program, list(workflows), library.project)
    except SlipwayError as error:
        return msgspec.structs.replace(report, actionlint=f"failed: {error}")
    more = [
        one
        for remark in found
        if (workflow := workflows.get((library.project / remark["filepath"]).resolve()))
        for one in _problem(workflow, remark, version)
        if not any(_same(one, ours) for ours in (*report.problems, *report.notes))
    ]
    problems = sorted([*report.problems, *more], key=check.place)
    return msgspec.structs.replace(report, problems=problems, actionlint=version)


def _same(one: Problem, ours: Problem) -> bool:
    """Return whether a rule here has said it already: on that line, or below the name of a job that lacks a key."""
    lines = (0, 1) if ours.rule == "missing-key" else (0,)
    return one.file == ours.file and ours.line - one.line in lines


def _problem(workflow: Workflow, remark: dict[str, object], version: str) -> Iterator[Problem]:
    kind, message = str(remark["kind"]), str(remark["message"])
    line, column = (int(str(remark[key])) for key in ("line", "column"))
    wanted = kind in tables.ACTIONLINT_KINDS or (kind == "expression" and _UNREADABLE.search(message))
    if not wanted or _NO_FAULT.search(message) or line in _newer_steps(workflow):
        return
    why = f"actionlint {version} says so ({kind}): GitHub's schema has no such thing there"
    fix = f"https://github.com/rhysd/actionlint/blob/v{version}/docs/checks.md says what each of its messages means"
    at = Scalar("", "string", line, column)
    yield problem("actionlint", workflow.source.name, at, message[:300], why, fix)


def _newer_steps(workflow: Workflow) -> set[int]:
    """Return the lines of steps of a kind that actionlint does not know: for those it says that `run` is missing."""
    steps = [step for job in workflow.jobs.values() for step in job.steps]
    return {step.line for step in steps if any(key.text in tables.NEWER_STEPS for key, _ in step.entries)}
