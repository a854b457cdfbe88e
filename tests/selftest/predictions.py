"""How each job of a run must end on GitHub, as the executions of the tests predict it.

The tests execute every workflow by act and keep what happened in tests/kit/workflows/traces: the last lines of a trace
name each job, how it ended, and how each of its steps did. This module translates them into GitHub's names.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from asking import Check

ROOT = Path(__file__).parents[2]
TRACES = ROOT / "tests" / "kit" / "workflows" / "traces"
LINE = re.compile(r"(?P<job>\S+) (?P<end>success|failure|skipped|cancelled)(?: \| (?P<steps>.*))?")
# What GitHub puts around the steps that a workflow names.
FRAME = re.compile(r"Set up job|Complete job|(Pre|Post) .*|Set up runner|Initialize containers|Stop containers")


@dataclass(frozen=True)
class Predicted:
    """One job: how it must end, and how each of its steps must, in their order."""

    conclusion: str
    steps: dict[str, str] = field(default_factory=dict)


def workflow(name: str) -> Any:
    """Return a workflow of this repository as YAML."""
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8"))


def of_trace(name: str, file: str) -> dict[str, Predicted]:
    """Return GitHub's job name → prediction, from the trace `name` of the workflow `file`."""
    found: dict[str, Predicted] = {}
    jobs = workflow(file)["jobs"]
    for line in (TRACES / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        match = LINE.fullmatch(line)
        if not match:
            continue
        outer, _, inner = match["job"].partition("/")
        body, shown = jobs[outer], jobs[outer].get("name", outer)
        if "uses" in body:
            called = workflow(Path(body["uses"]).stem)["jobs"][inner]
            # GitHub lists a call that is skipped by the name of the calling job alone.
            shown = shown if match["end"] == "skipped" else f"{shown} / {called.get('name', inner)}"
            body = called
        found[shown] = Predicted(match["end"], _steps(body, match["steps"] or ""))
    return found


def _steps(job: Any, said: str) -> dict[str, str]:
    """Return the steps by the names that GitHub shows."""
    steps = {str(step.get("id", number)): step for number, step in enumerate(job.get("steps", []))}
    ended = dict(part.rpartition(":")[::2] for part in said.split())
    # GitHub lists the steps of a job, not those of an action that it uses.
    return {_shown(steps[key]): end for key, end in ended.items() if "/" not in key}


def _shown(step: Any) -> str:
    """Return a step's name, which is made up where the workflow gives it none."""
    return str(step.get("name") or f"Run {step.get('uses') or step['run'].splitlines()[0]}")


def all_green(file: str) -> dict[str, Predicted]:
    """Return a prediction for every job of a workflow that no trace is kept of: each is green."""
    found = {}
    for key, body in workflow(file)["jobs"].items():
        shown = body.get("name", key)
        legs = [leg for values in body.get("strategy", {}).get("matrix", {}).values() for leg in values]
        inner = (
            [called["name"] for called in workflow(Path(body["uses"]).stem)["jobs"].values()] if "uses" in body else []
        )
        for leg in legs or [""]:
            name = re.sub(r"\$\{\{.*?\}\}", str(leg), shown) if "${{" in shown else f"{shown} ({leg})" if leg else shown
            found[" / ".join([name, *inner])] = Predicted("success")
    return found


def differences(jobs: dict[str, Any], predicted: dict[str, Predicted]) -> Iterator[Check]:
    """Yield a check for each job: predicted, or only there."""
    for name in sorted(jobs.keys() - predicted.keys()):
        yield Check(name, f"no execution of the tests has this job; it ended with {jobs[name]['conclusion']}")
    for name, how in predicted.items():
        what = f"{name}: {how.conclusion}"
        if name in jobs:
            yield Check(what, "; ".join(_faults(jobs[name], how)))
        else:
            yield Check(what, "it did not run")


def _faults(job: Any, how: Predicted) -> Iterator[str]:
    if job["conclusion"] != how.conclusion:
        yield f"it ended with {job['conclusion']}"
    ours = [step for step in job.get("steps", []) if not FRAME.fullmatch(step["name"])]
    ends = {_pinned(step["name"]): step["conclusion"] for step in ours}
    for name, end in how.steps.items():
        said = ends.pop(_pinned(name), "not there")
        if said != end:
            yield f"“{name}”: {said}, predicted {end}"
    for name in ends if how.steps else ():
        yield f"“{name}” was not predicted"


def _pinned(name: str) -> str:
    """Return a step's name without the commit of an action: the log names the same one in full."""
    return re.sub(r"@[0-9a-f]{40}$", "", name)
