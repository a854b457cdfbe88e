"""A pipeline of stages written in the test: what they do is a line of code, what runs them is the real scheduler."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from slipway.config import Settings
from slipway.image.reference import Repository
from slipway.pipeline.graph import Selection
from slipway.pipeline.result import Event
from slipway.pipeline.reuse import Store
from slipway.pipeline.scheduler import Scheduler
from slipway.stages.base import Context, Outcome, Stage
from slipway.tools.docker import Engine
from slipway.tools.git import Source
from slipway.tools.images import Images

Run = Callable[[Context], Awaitable[Outcome]]
ENGINE = Engine("26.1.5", True, "amd64", "v0.13.1", "2.26.1", "an-engine")


@dataclass
class Line:
    """Stages, and what happened when they ran."""

    context: Context
    events: list[Event] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)  # in order of time: "build run", "build end", "build finish" …
    scheduler: Scheduler | None = None

    def stage(self, name: str, *needs: str, does: Any = "passed", seconds: float = 0.0, **parts: Any) -> Stage:
        """A stage that takes its time and then has this outcome (a status, an Outcome or an exception)."""

        async def run(context: Context) -> Outcome:
            self.calls.append(f"{name} run")
            try:
                if parts.get("awaits"):
                    await context.prepared()
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                self.calls.append(f"{name} cancelled")
                raise
            self.calls.append(f"{name} end")
            if isinstance(does, BaseException):
                raise does
            return does if isinstance(does, Outcome) else Outcome(does, f"{name} {does}", facts={"digest": "d"})

        async def finish(_: Context) -> None:
            self.calls.append(f"{name} finish")
            if isinstance(parts.get("finish"), BaseException):
                raise parts["finish"]

        async def prepare(_: Context) -> Any:
            self.calls.append(f"{name} prepare")
            wanted = parts["prepare"]
            if isinstance(wanted, BaseException):
                raise wanted
            await asyncio.sleep(wanted)
            self.calls.append(f"{name} prepared")

        async def key(_: Context) -> str | None:
            wanted = parts["key"]
            if isinstance(wanted, BaseException):
                raise wanted
            return str(wanted) if wanted is not None else None

        stage = Stage(name, needs, run, engine=parts.get("engine", True), holds=parts.get("holds"))
        if "finish" in parts:
            stage = replace(stage, finish=finish)
        if "prepare" in parts:
            stage = replace(stage, prepare=prepare)
        return replace(stage, key=key) if "key" in parts else stage

    def run(self, *stages: Stage, interrupt: tuple[float, ...] = (), keep_going: bool = False, **selection: Any) -> Any:
        """Run them; returns name → status. `interrupt`: cancel after so many seconds, once or more often."""
        chosen = Selection(stages, **{name: frozenset(names) for name, names in selection.items()})
        self.calls.clear()
        self.events.clear()

        async def main() -> None:
            store = Store(self.context.state / "reuse")
            self.scheduler = Scheduler(
                chosen, self.context, store, self.events.append, keep_going, begun=time.monotonic()
            )
            task = asyncio.ensure_future(self.scheduler.execute())
            for delay in interrupt:
                await asyncio.sleep(delay)
                task.cancel()
            await asyncio.wait_for(asyncio.shield(asyncio.wait([task])), 20)
            if not interrupt:
                task.result()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            assert not others, f"still running: {others}"

        asyncio.run(main())
        assert self.scheduler
        assert set(self.scheduler.results) == {s.name for s in stages}
        return {name: result.status for name, result in self.scheduler.results.items()}

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """What the stages came to."""
        assert self.scheduler
        return self.scheduler.outcomes


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A context without a project worth the name."""
    (tmp_path / "state" / "run").mkdir(parents=True)
    return Context(
        root=tmp_path, settings=Settings(), run_id="20261121-080000-abcd", folder=tmp_path / "state" / "run",
        state=tmp_path / "state", engine=ENGINE, source=Source("c" * 40, "main", 0, 1), images=Images(),
        repository=Repository("localhost:5001", "shop"), seen="s", version="v",
    )  # fmt: skip


@pytest.fixture
def line(context: Context) -> Line:
    """A pipeline to fill with stages."""
    return Line(context)
