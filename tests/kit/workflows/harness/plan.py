"""What a workflow file says should run: every job, over calls, and every step. The log is held against this."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workflows.harness import yaml_text
from workflows.harness.places import SELF


@dataclass(frozen=True)
class Job:
    """A job that has steps; `key` is `id`, or `call id/id` for one in a called workflow."""

    key: str
    id: str
    pattern: str  # what act writes into "job", as a regular expression
    steps: tuple[str, ...]
    forgiven: frozenset[str]  # steps with continue-on-error; of an expression act knows the value
    matrix: bool


@dataclass(frozen=True)
class Plan:
    """All jobs of one execution; a call that is skipped has a line of its own, hence `calls`."""

    jobs: tuple[Job, ...]
    calls: Mapping[str, str] = field(default_factory=dict)  # pattern of a call job's own line → its key


def step_names(steps: list[dict]) -> tuple[str, ...]:
    """As act names them: the id, else the position."""
    return tuple(step.get("id", str(number)) for number, step in enumerate(steps))


def _named(text: str) -> str:
    """A name, which may hold expressions, as a regular expression."""
    return ".*?".join(re.escape(part) for part in re.split(r"\$\{\{.*?\}\}", text))


def _with_inner(steps: list[dict], mapped: Mapping[str, Path]) -> tuple[str, ...]:
    """All names, those of the steps in our own composite actions after the step that uses one: `outer/inner`."""
    names: list[str] = []
    for name, step in zip(step_names(steps), steps, strict=True):
        names.append(name)
        path, _, ref = step.get("uses", "").partition("@")
        if path.startswith(f"{SELF}/") and f"{SELF}@{ref}" in mapped:
            folder = mapped[f"{SELF}@{ref}"] / path.removeprefix(f"{SELF}/")
            inner = yaml_text.read(next(folder.glob("action.y*ml")))["runs"]["steps"]
            names += [f"{name}/{one}" for one in step_names(inner)]
    return tuple(names)


def _job(key: str, prefix: str, job_id: str, job: dict, mapped: Mapping[str, Path], *, matrix: bool) -> Job:
    steps = job.get("steps", [])
    own = "matrix" in job.get("strategy", {})
    pattern = f"{prefix}/{_named(job.get('name', job_id))}" + (r"(?:-\d+)?" if own else "")
    named = zip(step_names(steps), steps, strict=True)
    forgiven = [n for n, s in named if s.get("continue-on-error", "false") != "false"]
    return Job(key, job_id, pattern, _with_inner(steps, mapped), frozenset(forgiven), own or matrix)


def read(file: Path, root: Path, mapped: Mapping[str, Path]) -> Plan:
    """The plan of a workflow file (a dialect copy) whose repository is `root`; `mapped`: owner/name@ref → folder."""
    document = yaml_text.read(file)
    own_name = _named(document.get("name", file.name))
    jobs: list[Job] = []
    calls: dict[str, str] = {}
    for job_id, job in document["jobs"].items():
        if "uses" not in job:
            jobs.append(_job(job_id, own_name, job_id, job, mapped, matrix=False))
            continue
        called = _called(job["uses"], root, mapped)
        inner = yaml_text.read(called)
        matrix = "matrix" in job.get("strategy", {})
        caller = _named(job.get("name", job_id)) + (r"(?:-\d+)?" if matrix else "")
        calls[f"{own_name}/{caller}"] = job_id
        prefix = f"{caller}/{_named(inner.get('name', called.name))}"
        for inner_id, inner_job in inner["jobs"].items():
            jobs.append(_job(f"{job_id}/{inner_id}", prefix, inner_id, inner_job, mapped, matrix=matrix))
    return Plan(tuple(jobs), calls)


def _called(reference: str, root: Path, mapped: Mapping[str, Path]) -> Path:
    if reference.startswith("./"):
        return root / reference
    path, _, ref = reference.partition("@")
    owner, name, inside = path.split("/", 2)
    return mapped[f"{owner}/{name}@{ref}"] / inside
