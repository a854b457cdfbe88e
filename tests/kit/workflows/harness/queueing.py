"""GitHub's rule of concurrency groups, and a repository's workflows played by it: what runs, waits, is cancelled.

The rule: one of a group runs. Of those that wait, the one that comes last cancels all before it; with `queue: max`
up to 100 wait, and start in the order in which they began to wait. Names of groups ignore case.
Sources: the changelog of 7 May 2026, and
https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency.
What GitHub does where `queue: max` and its absence meet in one group is not documented: here the setting of the one
that comes decides, which loses more.
"""

import heapq
import itertools
import random
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from workflows.harness import places, yaml_text

from slipway.workflows import evaluate
from slipway.workflows.evaluate import Value

MOST_WAITING = 100
REPOSITORY = "acme/shop"
KIT = {file.stem: yaml_text.read(file) for file in places.workflow_files()}
# Seconds, from and to, by what a job does: tests of one commit may take many times those of the next.
SECONDS = {"verify": (1, 300), "publish": (5, 60), "deploy": (5, 120), "other": (1, 30)}


@dataclass(frozen=True)
class Event:
    """Something that starts workflows."""

    at: float
    commit: int  # the third merge is 3
    name: str = "push"
    inputs: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Job:
    """One job of one run, with the workflow that it calls, which has one job."""

    run: "Run"
    name: str
    body: Any
    state: str = ""  # waiting, running; passed, skipped, cancelled
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def calls(self) -> str:
        """The workflow of the kit that it calls, or the action that deploys."""
        uses = self.body.get("uses") or next((u for u in yaml_text.uses(self.body) if "/.github/actions/" in u), "")
        found = re.search(r"\.github/(?:workflows|actions)/([\w-]+)", uses)
        return found[1] if found else ""

    @property
    def given(self) -> dict[str, str]:
        """What it hands over, computed."""
        steps = [step for step in self.body.get("steps", []) if "/.github/actions/deploy" in step.get("uses", "")]
        node = self.body.get("with", {}) if "uses" in self.body else steps[0].get("with", {}) if steps else {}
        return {name: evaluate.filled(value, self.run.resolve) for name, value in node.items()}

    @property
    def concurrency(self) -> dict[str, str]:
        """Its group, by the called workflow where it calls one."""
        if "uses" not in self.body:
            node, resolve = self.body.get("concurrency", {}), self.run.resolve
        else:
            assert "concurrency" not in self.body, "a call that holds a group is not played here"
            (inner,) = KIT[self.calls]["jobs"].values()
            declared = KIT[self.calls]["on"]["workflow_call"]["inputs"]
            inputs = {name: one.get("default", "") for name, one in declared.items()} | self.given
            node, resolve = inner.get("concurrency", {}), lambda path: self.run.resolve(path, inputs)
        node = {"group": node} if isinstance(node, str) else node
        return {name: evaluate.filled(value, resolve) for name, value in node.items()}


@dataclass(eq=False)
class Run:
    """One workflow, started by one event."""

    file: str
    document: Any
    event: Event
    number: int
    jobs: dict[str, Job] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert "concurrency" not in self.document, "a workflow that holds a group is not played here"
        self.jobs = {name: Job(self, name, body) for name, body in self.document["jobs"].items()}

    def resolve(self, path: tuple[str, ...], inputs: dict[str, str] | None = None) -> Value:
        """What an expression reads; what is not there is null."""
        github: dict[tuple[str, ...], Value] = {
            ("event_name",): self.event.name, ("ref",): "refs/heads/main", ("ref_type",): "branch",
            ("repository",): REPOSITORY, ("run_id",): str(self.number),
            ("workflow",): self.document.get("name", self.file),
        }  # fmt: skip
        context, *rest = path
        if context == "github":
            return github.get(tuple(rest))
        if context == "inputs":
            return (self.event.inputs if inputs is None else inputs).get(rest[0])
        if context == "needs" and rest[1] == "outputs":
            return self.jobs[rest[0]].outputs.get(rest[2])
        return f"({'.'.join(path)})"  # a secret, a setting

    def started_by(self) -> bool:
        """Whether the event starts it; each of them is of the main branch."""
        return self.event.name in self.document["on"]


class Simulation:
    """A repository in time.

    Args:
        callers: its workflows, by file.
        seed: of the durations.
        supersede: an older commit is left out where a newer one runs; False: it is deployed, as if nobody looked.
    """

    def __init__(self, callers: dict[str, str], events: list[Event], seed: int, *, supersede: bool = True) -> None:
        self._random, self._supersede = random.Random(seed), supersede
        self._count = itertools.count().__next__
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._running: dict[str, Job] = {}
        self._waiting: dict[str, list[Job]] = defaultdict(list)
        self._at_work: dict[str, Job] = {}
        self.now = 0.0
        self.deployed: dict[str, int] = {}  # folder and environment → commit
        self.tags: dict[str, dict[str, int]] = defaultdict(dict)  # image → tag → commit
        self.cancelled: list[str] = []
        self.at_once: list[str] = []
        self.verified: set[tuple[str, int]] = set()  # image and commit
        documents = {name: yaml_text.load(text) for name, text in callers.items()}
        for event in events:
            self._in(event.at, lambda event=event: self._start(documents, event))
        while self._later:
            self.now, _, action = heapq.heappop(self._later)
            action()

    def _in(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._later, (self.now + seconds, self._count(), action))

    def _start(self, documents: dict[str, Any], event: Event) -> None:
        for file, document in documents.items():
            run = Run(file, document, event, self._count())
            if run.started_by():
                self._ready(run)

    def _ready(self, run: Run) -> None:
        """Start what waits for nothing any more."""
        for job in run.jobs.values():
            needs = job.body.get("needs", [])
            above = [run.jobs[name] for name in ([needs] if isinstance(needs, str) else needs)]
            if job.state or any(one.state not in ("passed", "skipped", "cancelled") for one in above):
                continue
            condition = job.body.get("if", "true").removeprefix("${{").removesuffix("}}")
            if any(one.state != "passed" for one in above) or not evaluate.true(evaluate.value(condition, run.resolve)):
                job.state = "skipped"
                self._ready(run)
            else:
                self._enter(job)

    def _enter(self, job: Job) -> None:
        wanted = job.concurrency
        group = wanted.get("group", "").casefold()
        job.state = "waiting"
        if not group or group not in self._running:
            self._go(job, group)
            return
        assert wanted.get("cancel-in-progress", "false") == "false", "one that runs is never cancelled here"
        if wanted.get("queue") == "max":
            if len(self._waiting[group]) >= MOST_WAITING:
                self._cancel(job)
                return
        else:
            for one in self._waiting.pop(group, []):
                self._cancel(one)
        self._waiting[group].append(job)

    def _cancel(self, job: Job) -> None:
        job.state = "cancelled"
        self.cancelled.append(f"{job.run.file}: {job.name} of commit {job.run.event.commit}")
        self._ready(job.run)

    def _go(self, job: Job, group: str) -> None:
        job.state = "running"
        if group:
            self._running[group] = job
        resource = self._resource(job)
        if resource in self._at_work:
            self.at_once.append(f"{resource}: {job.run.file} {job.name} beside {self._at_work[resource].name}")
        if resource:
            self._at_work[resource] = job
        least, most = SECONDS.get(job.calls, SECONDS["other"])
        self._in(self._random.uniform(least, most), lambda: self._end(job, group, resource))

    def _resource(self, job: Job) -> str:
        """What must not be worked at twice at once: an image's tags, an environment of a project."""
        if job.calls == "publish":
            return _image(job)
        return f"{job.given.get('working-directory', '.')} {job.given['environment']}" if job.calls == "deploy" else ""

    def _end(self, job: Job, group: str, resource: str) -> None:
        commit = job.run.event.commit
        if job.calls == "verify":
            self.verified.add((_image(job), commit))
            job.outputs = {"digest": f"{commit}", "artifact-id": "1001"}
        elif job.calls == "publish":
            tags = self.tags[resource]
            tags |= {f"sha-{commit}": commit, "latest": max(commit, tags.get("latest", 0))}
            job.outputs = {"image": f"{resource}@{commit}"}
        elif job.calls == "deploy":
            wanted = int(job.given["image"].rpartition("@")[2])
            back = job.given.get("allow-downgrade") == "true" or not self._supersede
            late = wanted < self.deployed.get(resource, 0) and not back
            job.outputs = {"result": "superseded" if late else "live"}
            self.deployed[resource] = self.deployed[resource] if late else wanted
        job.state = "passed"
        if self._at_work.get(resource) is job:
            del self._at_work[resource]
        if group:
            del self._running[group]
            if self._waiting[group]:
                self._go(self._waiting[group].pop(0), group)
        self._ready(job.run)

    def faults(self, last: int, places: set[str]) -> list[str]:
        """What went wrong: last commits that do not run, commits without their tag, jobs that were cancelled."""
        found = [f"{one} runs commit {self.deployed.get(one, 0)}, not {last}" for one in sorted(places)
                 if self.deployed.get(one) != last]  # fmt: skip
        found += [f"{image} has no sha-{commit}" for image, commit in sorted(self.verified)
                  if f"sha-{commit}" not in self.tags[image]]  # fmt: skip
        found += [f"latest of {image} is commit {tags['latest']}" for image, tags in self.tags.items()
                  if tags["latest"] != last]  # fmt: skip
        return found + [f"cancelled: {one}" for one in self.cancelled] + [f"at once: {one}" for one in self.at_once]


def _image(job: Job) -> str:
    return job.given.get("image") or f"ghcr.io/{REPOSITORY}"
