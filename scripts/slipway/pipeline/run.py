"""One run from start to end: look at the machine and the source, execute, write result.json, leave nothing behind."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from slipway import config, github
from slipway.errors import ExitCode, NotReady, UsageError
from slipway.image import context as build_context
from slipway.image.reference import Repository, repository, slug
from slipway.image.taken import Taken
from slipway.image.unfetched import Unfetched
from slipway.pipeline import folder as folders
from slipway.pipeline.graph import Selection
from slipway.pipeline.result import (
    Event,
    ImageResult,
    Kind,
    RunResult,
    RunStatus,
    SourceResult,
    encode,
)
from slipway.pipeline.reuse import Store
from slipway.pipeline.scheduler import Emit, Scheduler
from slipway.stages.base import Context, Delivery, Outcome
from slipway.tools import docker, git, interrupts
from slipway.tools.docker import RUN_LABEL, Engine
from slipway.tools.git import Source
from slipway.tools.images import Images, choose, named
from slipway.tools.process import together


@dataclass(frozen=True)
class Options:
    """How to run."""

    selection: Selection
    environment: str | None = None
    keep_going: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)  # of the build
    delivery: Delivery = field(default_factory=Delivery)
    taken: Taken | None = None  # the image that another job built


async def run(root: Path, settings: config.Settings, options: Options, emit: Emit) -> RunResult:
    """Execute the selected stages in the project `root`.

    Raises:
        SlipwayError: nothing could be started at all.
    """
    state = folders.state_folder(root)
    with folders.locked(state):
        begun, started = time.monotonic(), datetime.now(UTC)
        run_id, folder = folders.fresh(state)
        context, missing = await look(root, settings, options, run_id, folder)
        scheduler = Scheduler(options.selection, context, Store(state / "reuse"), emit, options.keep_going, begun=begun)
        return await conclude(scheduler, context, started, missing)


async def conclude(scheduler: Scheduler, context: Context, started: datetime, missing: str) -> RunResult:
    """Execute, clean up, and write what came of it."""
    plan = tuple(stage.name for stage in scheduler.selection.stages)
    scheduler.emit(Event(kind=Kind.RUN_STARTED, text=headline(context.root, context), plan=plan))

    def noted() -> None:
        with contextlib.suppress(NotReady):  # the clean-up matters more
            _write(context.folder, _result(scheduler, context, started, missing, True))

    interrupted = await interrupts.interruptible(scheduler.execute(), noted)
    if interrupted and context.engine:
        await docker.remove(f"label={RUN_LABEL}={context.run_id}")
    result = _result(scheduler, context, started, missing, interrupted)
    _write(context.folder, result)
    scheduler.emit(Event(kind=Kind.RUN_FINISHED, at=result.seconds, run=result))
    if interrupted:
        interrupts.ignore()
    return result


async def look(
    root: Path, settings: config.Settings, options: Options, run_id: str, folder: Path
) -> tuple[Context, str]:
    """What a run knows before it starts anything, and why there is no engine where there is none."""
    settings.environment(options.environment)
    files = asyncio.to_thread(build_context.look, root, settings.build.context, settings.build.dockerfile)
    (engine, missing), source, images, planted, seen = await together(
        _engine(), git.source(root), _images(root), git.tracks(root, folders.NAME), files
    )
    if planted:  # results to reuse, a baseline, what a scanner kept: a change must not bring its own
        raise UsageError(
            f"{folders.NAME} is part of the repository, and what a change brings along there would be believed as the "
            f"result of an earlier run. Take it out: git rm -r --cached {folders.NAME}"
        )
    unfetched = await _unfetched(root, seen)
    context = Context(
        root=root, settings=settings, run_id=run_id, folder=folder, state=root / folders.NAME, engine=engine,
        source=source, images=images, repository=image_repository(root, settings), seen=seen.digest,
        unfetched=unfetched, version=_version(source, seen.digest), environment=options.environment,
        secrets=options.secrets, delivery=options.delivery, taken=options.taken,
    )  # fmt: skip
    return context, missing


def image_repository(root: Path, settings: config.Settings) -> Repository:
    """Where the image belongs: as configured, else GHCR on a runner and the local registry elsewhere."""
    local = f"localhost:{settings.publish.registry_port}/{slug(root.name)}"
    ghcr = f"ghcr.io/{github.event().repository}"
    return repository(settings.image.name or (ghcr if github.on_runner() else local))


async def _unfetched(root: Path, seen: build_context.Seen) -> tuple[Unfetched, ...]:
    """Return what the checkout left out. A file that Git knows not to be of LFS is no pointer, whatever it holds."""
    pointers = [one.path for one in seen.unfetched if one.kind == "pointer"]
    others = await git.not_of_lfs(root, pointers) if pointers else set()
    return tuple(one for one in seen.unfetched if one.path not in others)


async def _engine() -> tuple[Engine | None, str]:
    try:
        return await docker.engine(), ""
    except NotReady as error:
        return None, str(error)


async def _images(root: Path) -> Images:
    try:
        return await choose(root)
    except NotReady:
        return Images(named(root))  # no docker command: said by _engine


def _version(source: Source, seen: str) -> str:
    """What the image calls itself: the commit, and what differs from it, so that /version proves this very source."""
    if source.commit and not source.dirty:
        return source.commit
    return f"{source.commit or 'unknown'}+{seen[:8]}"


def headline(root: Path, context: Context) -> str:
    """What this run is about, in one line."""
    source = context.source
    if not source.commit:
        commit = "not a git repository"
    else:
        changed = f" ({source.changed} file{'s' * (source.changed != 1)} changed)" if source.changed else ""
        commit = f"{source.commit[:7]}{changed}"
    engine = f"engine {context.engine.version}" if context.engine else "no engine"
    stand_ins = " · offline stand-ins in use" if context.images.stand_ins else ""
    return f"{root.name} @ {commit} · {engine}{stand_ins}"


def _result(scheduler: Scheduler, context: Context, started: datetime, missing: str, interrupted: bool) -> RunResult:
    outcomes = scheduler.outcomes
    status, code, reason = verdict(scheduler, missing, interrupted)
    build = outcomes.get("build")
    digest = str(build.facts.get("digest", "")) if build and build.green else ""
    deploy = outcomes.get("deploy")
    ordered = [s.name for s in scheduler.selection.stages if s.name in scheduler.results]
    stages = tuple(scheduler.results[name] for name in ordered)
    return RunResult(
        id=context.run_id,
        status=status,
        exit_code=code,
        started=started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=round(scheduler.clock() - scheduler.begun, 3),
        work_seconds=round(sum(s.seconds for s in stages if s.status != "reused"), 3),
        project=context.root.name,
        source=SourceResult(context.source.commit, context.source.branch, context.source.dirty),
        image=ImageResult(context.repository.at(digest), digest) if digest else ImageResult(),
        url=str(deploy.facts.get("url", "")) if deploy and deploy.green else "",
        reason=reason,
        engine=context.engine.version if context.engine else "",
        stand_ins=context.images.stand_ins,
        stages=stages,
    )


# Where several stages fail: what a person must know of first. That something is missing never hides a red gate.
WORST = (
    ExitCode.NEEDS_HUMAN, ExitCode.DEPLOY_FAILED, ExitCode.TIMED_OUT, ExitCode.RED, ExitCode.SUPERSEDED,
    ExitCode.USAGE, ExitCode.NOT_READY,
)  # fmt: skip


def _code(outcome: Outcome) -> ExitCode:
    return next((code for code in WORST if code == outcome.exit_code), ExitCode.RED)


def verdict(scheduler: Scheduler, missing: str, interrupted: bool) -> tuple[RunStatus, int, str]:
    """Status, exit code and reason of a run: the worst of its stages."""
    outcomes = list(scheduler.outcomes.values())
    if interrupted:
        return "cancelled", ExitCode.INTERRUPTED, "interrupted"
    if broken := next((o for o in outcomes if o.status == "broken"), None):
        return "broken", ExitCode.BROKEN, broken.summary
    failures = [(_code(o), o.summary) for o in outcomes if o.status == "failed"]
    if failures:
        code, reason = min(failures, key=lambda failure: WORST.index(failure[0]))
        status: RunStatus = "not-ready" if code == ExitCode.NOT_READY else "failed"
        return status, code, reason
    if scheduler.left:
        return "not-ready", ExitCode.NOT_READY, scheduler.left[0]
    if missing and any(s.engine for s in scheduler.selection.stages):
        return "not-ready", ExitCode.NOT_READY, missing
    if degraded := next((o for o in outcomes if o.status == "degraded"), None):
        # On a runner nobody looks: what is not proven there is broken.
        return "degraded", ExitCode.BROKEN if github.on_runner() else ExitCode.PASSED, degraded.summary
    return "passed", ExitCode.PASSED, ""


def _write(folder: Path, result: RunResult) -> None:
    try:
        fresh = folder / ".result.json"
        fresh.write_bytes(encode(result) + b"\n")
        fresh.replace(folder / "result.json")
    except OSError as error:
        raise NotReady(f"the result could not be written to {folder}: {error.strerror}. Free space there.") from error
