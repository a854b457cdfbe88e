"""What a run would do, without doing it."""

from dataclasses import dataclass
from pathlib import Path

from slipway import config
from slipway.errors import SlipwayError
from slipway.pipeline import folder as folders
from slipway.pipeline.reuse import Store
from slipway.pipeline.run import Options, headline, look
from slipway.stages.base import Outcome, Stage


@dataclass(frozen=True)
class Step:
    """One stage of a plan."""

    stage: str
    action: str  # run, reuse, skip
    reason: str


async def plan(root: Path, settings: config.Settings, options: Options) -> tuple[str, list[Step]]:
    """The run's headline and a step for every selected stage, in order. Starts no stage and writes nothing."""
    context, missing = await look(root, settings, options, "plan", root / folders.NAME / "plan")
    store, done = Store(context.state / "reuse"), dict[str, Outcome]()

    async def step(stage: Stage) -> Step:
        if stage.name in options.selection.skipped:
            return Step(stage.name, "skip", "left out by request")
        if stage.engine and context.engine is None:
            return Step(stage.name, "skip", missing)
        if stage.name in options.selection.afresh:
            return Step(stage.name, "run", "asked for")
        if not stage.reusable:
            return Step(stage.name, "run", "never reused: what is there is looked at each time")
        if "build" in stage.needs and "build" not in done:
            return Step(stage.name, "run", "the image is built anew; reused where it comes out the same")
        try:
            _, earlier = await store.find(stage, context.at(stage.name, done=dict(done)))
        except SlipwayError as error:
            return Step(stage.name, "run", str(error))
        if earlier is None:
            return Step(stage.name, "run", "changed, or never green")
        done[stage.name] = earlier
        return Step(stage.name, "reuse", f"unchanged since run {earlier.facts.get('run')}")

    return headline(root, context), [await step(stage) for stage in options.selection.stages]
