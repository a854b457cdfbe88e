"""Runs stages overlapped: each starts when what it needs is green; the first failure ends the others."""

import asyncio
import contextlib
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.errors import Broken, SlipwayError
from slipway.pipeline.graph import Selection
from slipway.pipeline.result import Event, Kind, StageResult
from slipway.pipeline.reuse import Store
from slipway.stages.base import Cancelled, Context, Outcome, Stage
from slipway.tools.interrupts import to_the_end

Emit = Callable[[Event], None]


@dataclass
class Scheduler:
    """One execution of the selected stages."""

    selection: Selection
    context: Context
    store: Store
    emit: Emit
    keep_going: bool = False
    clock: Callable[[], float] = time.monotonic
    begun: float = 0.0
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    results: dict[str, StageResult] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)  # what could not be cleaned up, for people
    _tasks: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)
    _preparations: dict[str, "asyncio.Task[Any]"] = field(default_factory=dict)
    _finishes: list["asyncio.Task[None]"] = field(default_factory=list)
    _begun: set[str] = field(default_factory=set)
    _planned: dict[str, tuple[str | None, Outcome]] = field(default_factory=dict)

    async def execute(self) -> None:
        """Run all; afterwards `outcomes` and `results` have an entry for every stage. Cancelling this cancels them."""
        try:
            self._prepare_all(lambda stage: not stage.reusable)
            await self._predict()
            self._prepare_all(lambda stage: stage.reusable)
            for stage in self.selection.stages:
                self._tasks[stage.name] = asyncio.create_task(self._stage(stage))
            # A stage that is ended before its first step never gets to say so: it is recorded here.
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            for stage in self.selection.stages:
                if stage.name not in self.outcomes:
                    self._record(stage, self._now(), Outcome("skipped", "not reached"))
        except asyncio.CancelledError:
            await to_the_end(self._cancel(self._tasks))  # a second one does not lose what came of a deploy
            raise
        finally:
            # Whatever ended the run, what it left outside is removed, also at a second Ctrl-C: every call has an end.
            await to_the_end(self._cancel(self._preparations))
            await to_the_end(self._clean_up())

    def _prepare_all(self, among: Callable[[Stage], bool]) -> None:
        for stage in filter(among, self.selection.stages):
            if stage.prepare and self._will_run(stage):
                self._preparations[stage.name] = asyncio.create_task(self._prepare(stage))

    def _will_run(self, stage: Stage) -> bool:
        able = self.context.engine is not None or not stage.engine
        return able and stage.name not in self._planned and stage.name not in self.selection.skipped

    async def _predict(self) -> None:
        """Where the image is unchanged, settle at once what else is: nothing needs to be prepared for it."""
        by_name = {stage.name: stage for stage in self.selection.stages}
        done: dict[str, Outcome] = {}
        if "build" not in by_name or self.context.engine is None:
            return
        for name in ("build", "test", "scan", "integration"):
            stage = by_name.get(name)
            if stage is None or name in self.selection.afresh or name in self.selection.skipped:
                continue
            key, earlier = await self._reusable(stage, done)
            if earlier:
                self._planned[name] = (key, earlier)
                done[name] = earlier
            elif name == "build":
                return

    async def _reusable(self, stage: Stage, done: dict[str, Outcome]) -> tuple[str | None, Outcome | None]:
        try:
            return await self.store.find(stage, self.context.at(stage.name, done=done))
        except Exception:
            return None, None  # the stage itself meets the same trouble, and says it

    async def _prepare(self, stage: Stage) -> Any:
        assert stage.prepare
        doing = self._doing(stage)
        try:
            return await stage.prepare(self.context.at(stage.name, doing=doing))
        finally:
            doing("")

    def _doing(self, stage: Stage) -> Callable[[str], None]:
        return lambda text: self.emit(Event(kind=Kind.STAGE_PROGRESS, at=self._now(), stage=stage.name, text=text))

    def _now(self) -> float:
        return round(self.clock() - self.begun, 3)

    async def _stage(self, stage: Stage) -> None:
        started = self._now()
        outcome = Outcome("skipped", "not reached")
        try:
            for need in stage.needs:
                if need in self._tasks:
                    await asyncio.shield(asyncio.wait([self._tasks[need]]))
            started = self._now()
            outcome = Outcome("cancelled", "stopped before its end")
            outcome = await self._run(stage)
        except Cancelled as end:
            outcome = end.outcome
        except asyncio.CancelledError:
            pass
        finally:
            self._record(stage, started, outcome)
            if stage.finish and (stage.name in self._preparations or stage.name in self._begun):
                self._finishes.append(asyncio.create_task(self._finish(stage)))
        if outcome.status in ("failed", "broken") and not self.keep_going:
            others = {n: t for n, t in self._tasks.items() if n != stage.name and not t.done()}
            await self._cancel(others)

    async def _run(self, stage: Stage) -> Outcome:
        if stage.name in self.selection.skipped:
            return Outcome("skipped", "left out by request")
        if self.context.engine is None and stage.engine:
            return Outcome("skipped", "needs a Docker engine")
        red = [n for n in stage.needs if not self._satisfied(n)]
        if red:
            return Outcome("skipped", f"needs {' and '.join(red)}")
        context = self.context.at(
            stage.name, done=dict(self.outcomes), doing=self._doing(stage), prepared=self._prepared(stage)
        )
        try:
            key, earlier = self._planned.get(stage.name) or (None, None)
            if not earlier and stage.name not in self.selection.afresh:
                key, earlier = await self.store.find(stage, context)
            if earlier:
                return earlier
            self._begun.add(stage.name)
            self.emit(Event(kind=Kind.STAGE_STARTED, at=self._now(), stage=stage.name))
            outcome = await stage.run(context)
            if key is None and outcome.green:
                key = await self._key(stage, context)
            self.store.keep(stage, key, context.run_id, outcome)
            return outcome
        except Broken as error:
            return Outcome("broken", str(error), exit_code=error.code)
        except SlipwayError as error:
            return Outcome("failed", str(error), exit_code=error.code)
        except OSError as error:
            return Outcome("broken", f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
        except Exception as error:  # a bug of ours: said as such, the traceback goes to the log
            _append(context.log, traceback.format_exc())
            return Outcome("broken", f"internal error, please report it: {type(error).__name__}: {error}")

    async def _key(self, stage: Stage, context: Context) -> str | None:
        hashed, _ = await self.store.find(stage, context)
        return hashed

    def _satisfied(self, need: str) -> bool:
        outcome = self.outcomes.get(need)
        # What there is nothing of (no integration tests) or what the user left out does not hold the others up,
        # but for the image itself.
        return outcome is not None and (
            outcome.green or (outcome.status == "skipped" and need != "build" and self._clear(need))
        )

    def _clear(self, need: str) -> bool:
        return not self.outcomes[need].summary.startswith("needs ")

    def _prepared(self, stage: Stage) -> Callable[[], Awaitable[Any]]:
        async def wait() -> Any:
            if stage.name not in self._preparations and stage.prepare:
                self._preparations[stage.name] = asyncio.create_task(self._prepare(stage))
            return await self._preparations[stage.name]

        return wait

    def _record(self, stage: Stage, started: float, outcome: Outcome) -> None:
        self.outcomes[stage.name] = outcome
        log = self.context.folder / f"{stage.name}.log"
        self.results[stage.name] = StageResult(
            name=stage.name,
            status=outcome.status,
            seconds=round(self._now() - started, 3),
            started=started,
            reason=outcome.summary,
            findings=tuple(outcome.findings),
            fix=outcome.fix,
            log=_relative(log, self.context.root) if log.exists() else "",
            facts=dict(outcome.facts),
        )
        self.emit(Event(kind=Kind.STAGE_FINISHED, at=self._now(), stage=stage.name, result=self.results[stage.name]))

    async def _finish(self, stage: Stage) -> None:
        assert stage.finish
        preparation = self._preparations.get(stage.name)
        if preparation and not preparation.done():
            await self._cancel({stage.name: preparation})
        await stage.finish(self.context.at(stage.name))

    async def _clean_up(self) -> None:
        for result in await asyncio.gather(*self._finishes, return_exceptions=True):
            if isinstance(result, BaseException):
                self.left.append(str(result))
                _append(self.context.folder / "clean-up.log", f"{result}\n")

    async def _cancel(self, tasks: "dict[str, asyncio.Task[Any]]") -> None:
        for task in tasks.values():
            task.cancel()
        for task in tasks.values():
            with contextlib.suppress(BaseException):
                await asyncio.shield(asyncio.wait([task]))
            if task.done() and not task.cancelled():
                task.exception()  # taken, so that nothing is said about it at exit


def _append(path: Path, text: str) -> None:
    with contextlib.suppress(OSError), path.open("a", encoding="utf-8") as log:
        log.write(text)


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
