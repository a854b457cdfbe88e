"""What act really did, read from its log; never from its exit code.

act can end 0 with jobs silently not run, report a step as a success whose output file it refused, and call a green
matrix leg failed. So: every expected job and step gets a result of its own here (`never` where there is no line), and
whatever the log holds beyond that is an error of the harness, which is not the same as a red job.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from workflows.harness.plan import Job, Plan

BROKEN = re.compile(r"concurrent map|panic:|fatal error|goroutine \d|schema|Unknown Property|Expected format", re.I)
# act looks for notices of its makers while it sets its log up: that line may come before the log is JSON.
HARMLESS = re.compile(r"^(Error: (Job '.*' failed|context canceled)|time=\S+ level=(debug|info|warning) .*|)$")


class HarnessError(Exception):
    """act itself failed, or wrote what cannot be judged: neither green nor red."""


@dataclass(frozen=True)
class Annotation:
    """An ::error::, ::warning:: or ::notice:: as GitHub would read it."""

    level: str
    message: str
    properties: Mapping[str, str]
    step: str


@dataclass
class Outcome:
    """What became of one job (or one leg of it)."""

    result: str = "never"
    steps: dict[str, str] = field(default_factory=dict)  # inner steps of composites: outer/inner
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    annotations: list[Annotation] = field(default_factory=list)
    summaries: dict[str, str] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)  # what each step printed


def judge(plan: Plan, stdout: str, stderr: str, exit_code: int) -> dict[str, Outcome]:
    """Every job's outcome by key; legs of a matrix as `key (values)` or, for called ones, `key-N`."""
    lines = list(_lines(stdout))
    _refuse_broken(lines, stderr)
    groups: dict[tuple[str, str], list[dict]] = defaultdict(list)
    for line in lines:
        groups[line["job"].strip(), json.dumps(line.get("matrix") or {})].append(line)
    outcomes: dict[str, Outcome] = {}
    calls: dict[str, list[dict]] = {}
    for (name, matrix), group in groups.items():
        job, key = _find(plan, name, json.loads(matrix), group)
        if job is None:
            calls[key] = group
            continue
        if key in outcomes:
            raise HarnessError(f"two groups of lines are {key}")
        outcomes[key] = _outcome(job, group)
    for job in plan.jobs:
        if not any(key == job.key or key.startswith((f"{job.key} (", f"{job.key}-")) for key in outcomes):
            skipped = any(line.get("jobResult") == "skipped" for line in calls.get(job.key.split("/")[0], []))
            inner = "/" in job.key and skipped
            outcomes[job.key] = Outcome("skipped" if inner else "never")
    failed = any(outcome.result == "failure" for outcome in outcomes.values())
    if failed != (exit_code != 0):
        raise HarnessError(f"exit code {exit_code}, but the jobs are { {k: o.result for k, o in outcomes.items()} }")
    return outcomes


def differences(
    outcomes: Mapping[str, Outcome], plan: Plan, wanted: Mapping[str, str | Mapping[str, str]]
) -> list[str]:
    """How the complete map of jobs and steps differs from the wanted one.

    A job is wanted as a word (`success`: it and each of its steps; `skipped`, `never`: no step), or as a mapping of its
    steps to results, with its own result under "" and that of all steps not named under "*".
    """
    steps = {key: _job_of(plan, key).steps for key in outcomes}
    found = {
        key: {"": outcome.result, **{s: outcome.steps.get(s, "never") for s in steps[key]}}
        for key, outcome in outcomes.items()
    }
    expected: dict[str, dict[str, str]] = {}
    for key, want in wanted.items():
        if isinstance(want, str):
            want = {"": want, "*": "success" if want == "success" else "never"}
        rest = want.get("*", "never")
        expected[key] = {s: want.get(s, rest) for s in ("", *steps.get(key, ()))}
        expected[key] |= {s: result for s, result in want.items() if s != "*"}
    both = sorted(found.keys() | expected.keys())
    result = [f"{key}: not in the run" for key in both if key not in found]
    result += [f"{key}: nobody said what it should do" for key in both if key not in expected]
    for key in (k for k in both if k in found and k in expected):
        for step in sorted(found[key].keys() | expected[key].keys()):
            is_, should = found[key].get(step, "no such step"), expected[key].get(step, "unknown")
            if is_ != should:
                result.append(f"{key} {step or '(job)'}: {is_}, expected {should}")
    return result


def _lines(stdout: str) -> Iterator[dict]:
    for line in stdout.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            raise HarnessError(f"not JSON on stdout: {line[:300]}") from None
        if not isinstance(value, dict) or "job" not in value:
            raise HarnessError(f"a line of no job: {line[:300]}")
        yield value


def _refuse_broken(lines: list[dict], stderr: str) -> None:
    for text in stderr.splitlines():
        is_json = text.startswith("{")
        message = json.loads(text).get("msg", "") if is_json else text
        level = json.loads(text).get("level") if is_json else ""
        if level in ("fatal", "panic") or (not is_json and not HARMLESS.match(text)):
            raise HarnessError(f"act: {message[:2000]}")
    for line in lines:
        own = line.get("level") in ("error", "fatal") and "command" not in line and not line.get("raw_output")
        if line.get("level") == "fatal" or (own and BROKEN.search(line.get("msg", ""))):
            raise HarnessError(f"act, in {line['job'].strip()}: {line['msg'][:2000]}")


def _find(plan: Plan, name: str, matrix: dict, group: list[dict]) -> tuple[Job | None, str]:
    job_id = group[0].get("jobID")
    found = [job for job in plan.jobs if job.id == job_id and re.fullmatch(job.pattern, name)]
    if len(found) > 1:
        raise HarnessError(f"{name!r} may be any of {[job.key for job in found]}: give them names of their own")
    if not found:
        for pattern, key in plan.calls.items():
            if re.fullmatch(pattern, name):
                return None, key
        raise HarnessError(f"the log has a job that no file has: {name!r}")
    job = found[0]
    if matrix:
        return job, f"{job.key} ({', '.join(str(value) for value in matrix.values())})"
    leg = re.match(r"[^/]*-(\d+)/", name) if job.matrix and "/" in job.key else None
    return job, job.key + (f"-{leg[1]}" if leg else "")


def _job_of(plan: Plan, key: str) -> Job:
    return next(job for job in plan.jobs if key == job.key or key.startswith((f"{job.key} (", f"{job.key}-")))


def _outcome(job: Job, group: list[dict]) -> Outcome:
    outcome = Outcome()
    said = [line["jobResult"] for line in group if "jobResult" in line]
    broken: set[str] = set()
    elsewhere = False
    for line in group:
        path = line.get("stepID") or []
        step = "/".join(path)
        main = line.get("stage", "Main") == "Main"
        if path and main and "stepResult" in line:
            outcome.steps[step] = line["stepResult"]
        elif path and main:
            outcome.steps.setdefault(step, "interrupted")
        if line.get("level") == "error" and "command" not in line and not line.get("raw_output"):
            if path and main:
                broken.add(step)
            else:
                elsewhere = True  # set-up, clean-up or a post step
        _take(outcome, line, step)
    for said_by in (outcome.outputs, outcome.summaries):
        # The last inner step's outputs and summary appear again at the composite itself: the longer path is enough.
        for step in [s for s in said_by if any(other.startswith(f"{s}/") for other in said_by)]:
            del said_by[step]
    for step in broken:
        if outcome.steps.get(step) != "failure":
            outcome.steps[step] = "failure"
    failed = {step for step, result in outcome.steps.items() if result == "failure" and "/" not in step}
    if (failed - job.forgiven) or elsewhere or "interrupted" in outcome.steps.values():
        outcome.result = "failure"
    elif said:
        torn = job.matrix and said[-1] == "failure" and not failed
        outcome.result = "success" if torn else said[-1]
    if outcome.result == "skipped":
        outcome.steps = {}
    return outcome


def _take(outcome: Outcome, line: dict, step: str) -> None:
    """Outputs, annotations, summaries and text of a step."""
    command = line.get("command")
    if line.get("raw_output"):
        outcome.text[step] = outcome.text.get(step, "") + line["msg"]
    elif command == "set-output":
        outcome.outputs.setdefault(step, {})[line["name"]] = line["arg"]
    elif command == "summary":
        outcome.summaries[step] = outcome.summaries.get(step, "") + line["content"]
    elif command in ("error", "warning", "notice"):
        outcome.annotations.append(annotation(line["raw"], step))


def annotation(raw: str, step: str = "") -> Annotation:
    """A workflow command, split where GitHub splits it (act takes the last `::`)."""
    found = re.match(r"\s*::(\w+)(?: (.*?))?::(.*)", raw, re.S)
    if not found:
        return Annotation("unreadable", raw, {}, step)
    level, properties, message = found[1], found[2] or "", found[3]
    pairs = (pair.split("=", 1) for pair in properties.split(",") if "=" in pair)
    read = {key.strip(): _unescape(value, inner=True) for key, value in pairs}
    return Annotation(level, _unescape(message.rstrip("\n")), read, step)


def _unescape(text: str, *, inner: bool = False) -> str:
    for code, sign in (("%0D", "\r"), ("%0A", "\n"), *((("%3A", ":"), ("%2C", ",")) if inner else ()), ("%25", "%")):
        text = text.replace(code, sign)
    return text
