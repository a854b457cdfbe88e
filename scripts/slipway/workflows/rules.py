"""The rules: what each is called, how grave it is, and when GitHub lets its user know."""

from dataclasses import dataclass
from typing import Literal

from slipway.policy.finding import Finding, Severity
from slipway.workflows.reader import Node

When = Literal["refused", "run", "silent", "open"]
# refused: no run starts. run: it stops while it runs. silent: green, and wrong. open: to an attacker.

REFUSED = "GitHub refuses the whole run before any job starts (startup failure: no job, no log)"


@dataclass(frozen=True)
class Rule:
    """A rule; docs/reference/check.md has its reason and its fix."""

    title: str
    severity: Severity
    when: When


def refused(quote: str) -> str:
    """Why a run never starts, in GitHub's words."""
    return f'{REFUSED}: "{quote}"'


RULES = {
    "yaml-syntax": Rule("the file is not YAML that GitHub reads", "HIGH", "refused"),
    "duplicate-key": Rule("a key stands twice in one mapping", "HIGH", "refused"),
    "unexpected-key": Rule("a key that GitHub does not know there", "HIGH", "refused"),
    "unexpected-value": Rule("a value that GitHub does not take there", "HIGH", "refused"),
    "missing-key": Rule("a key that GitHub requires is missing", "HIGH", "refused"),
    "call-reference": Rule("the reference of a call is not one", "HIGH", "refused"),
    "call-not-found": Rule("the called workflow does not exist", "HIGH", "refused"),
    "call-not-callable": Rule("the called workflow has no workflow_call trigger", "HIGH", "refused"),
    "call-key": Rule("a calling job has a key that only a job with steps may have", "HIGH", "refused"),
    "call-depth": Rule("calls are nested too deep", "HIGH", "refused"),
    "call-loop": Rule("workflows call each other in a circle", "HIGH", "refused"),
    "call-files": Rule("one run calls too many different workflows", "HIGH", "refused"),
    "input-unknown": Rule("an input that the called workflow does not declare", "HIGH", "refused"),
    "input-missing": Rule("a required input is not given", "HIGH", "refused"),
    "input-type": Rule("an input's value has the wrong type", "HIGH", "refused"),
    "input-default": Rule("an input's default has the wrong type", "HIGH", "refused"),
    "input-undeclared": Rule("`inputs.x` is read and declared nowhere", "MEDIUM", "silent"),
    "secret-unknown": Rule("a secret that the called workflow does not declare", "HIGH", "refused"),
    "secret-missing": Rule("a required secret is not given", "HIGH", "refused"),
    "output-unknown": Rule("an output is read that does not exist", "MEDIUM", "silent"),
    "step-unknown": Rule("`wait` or `cancel` names a step that does not exist", "MEDIUM", "run"),
    "needs-missing": Rule("a job's result or output is read without `needs`", "MEDIUM", "silent"),
    "needs-unknown": Rule("`needs` names a job that does not exist", "HIGH", "refused"),
    "needs-cycle": Rule("jobs wait for each other in a circle", "HIGH", "refused"),
    "needs-start": Rule("no job can start", "HIGH", "refused"),
    "permission-exceeded": Rule("the called workflow asks for more than the call grants", "HIGH", "refused"),
    "permission-value": Rule("a permission that does not exist, or not at that level", "HIGH", "refused"),
    "context-unavailable": Rule("an expression reads a context that does not exist there", "HIGH", "refused"),
    "concurrency-deadlock": Rule("a concurrency group waits for itself", "HIGH", "run"),
    "concurrency-cancelled": Rule("jobs that one event starts cancel each other in a group", "MEDIUM", "run"),
    "deploy-twice": Rule("one event deploys twice to one place", "MEDIUM", "silent"),
    "runner-unreachable": Rule("a called workflow cannot reach the caller's self-hosted runner", "MEDIUM", "run"),
    "runner-lasting": Rule("code of pull requests runs on a machine that lasts", "MEDIUM", "open"),
    "privileged-code": Rule("the project's code runs in a job that can write or deploy", "HIGH", "open"),
    "secrets-inherit": Rule("every secret is offered to another owner's workflow", "MEDIUM", "open"),
    "engine-in-container": Rule("a job container, where Slipway cannot use the engine", "HIGH", "run"),
    "engine-restart": Rule("services on a runner whose engine must be restarted first", "HIGH", "run"),
    "dangerous-trigger": Rule("code of strangers meets secrets and a write token", "HIGH", "open"),
    "reference-unpinned": Rule("a reference that can be moved to other code", "MEDIUM", "open"),
    "actionlint": Rule("what actionlint says of the syntax", "MEDIUM", "refused"),
}


class Problem(Finding, frozen=True, omit_defaults=True):
    """A finding in a workflow file: with its column, and why GitHub objects, in GitHub's words where they are known."""

    column: int = 0
    why: str = ""
    note: bool = False  # depends on what no file says, such as a setting: shown, and never red


def problem(rule: str, file: str, node: Node, message: str, why: str, fix: str, *, note: bool = False) -> Problem:
    """Return a finding at a place of a file; a note is one that only a setting of the repository decides."""
    severity: Severity = "LOW" if note else RULES[rule].severity
    return Problem(
        rule, severity, message, file, node.line, fix, stops=not note, column=node.column, why=why, note=note
    )
