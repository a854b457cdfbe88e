"""What runs in an environment now: asked of the place itself, and of the app."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from msgspec import Struct

from slipway import config
from slipway.deploy import record
from slipway.deploy.probe import Checks, problem
from slipway.deploy.record import Record
from slipway.deploy.target import Image, Target
from slipway.errors import NotReady, UsageError
from slipway.image.reference import by_digest
from slipway.pipeline import folder as folders
from slipway.pipeline.graph import Selection
from slipway.pipeline.run import Options, look
from slipway.stages import place
from slipway.stages.base import Context, Delivery
from slipway.stages.deploy import labels, version


class Standing(Struct, frozen=True):
    """What is known of an environment."""

    environment: str
    target: str
    url: str
    reference: str  # what runs, by digest; empty: nothing
    version: str  # the commit that it was built from; empty where it does not say
    problem: str  # what is wrong with its answers; empty: it is well
    proven: bool  # its version path was asked
    newest: bool | None  # whether it is what was built here last; None: nothing was
    since: str  # when we deployed it, RFC 3339; empty: not by this checkout
    by: str


@asynccontextmanager
async def placed(
    root: Path, settings: config.Settings, environment: str | None, delivery: Delivery
) -> AsyncIterator[tuple[Context, Target]]:
    """An environment's place, to be looked at without a run."""
    folders.state_folder(root)
    with tempfile.TemporaryDirectory(prefix="slipway-status-") as folder:  # no run: it has no folder of its own
        options = Options(Selection(()), environment, delivery=delivery)
        context, missing = await look(root, settings, options, "", Path(folder))
        if missing:
            raise NotReady(missing)
        context = replace(context, stage="status")
        yield context, await place.place(context, Image(str(context.repository)))


async def standing(root: Path, settings: config.Settings, environment: str | None, delivery: Delivery) -> Standing:
    """Look at an environment.

    Raises:
        SlipwayError: the place does not answer, or refuses us.
    """
    async with placed(root, settings, environment, delivery) as (context, target):
        name, table = settings.environment(environment)
        reference = await target.current()
        known = await _version(context.state, reference)
        path = table.version if known else ""
        wrong = "nothing runs"
        if reference:
            wrong = await problem(target.url, Checks(table.health, path, known, table.checks, 0), patience=0)
        newest: bool | None = None
        if (built := context.state / "image").exists():
            newest = built.read_text().strip().rpartition("@")[2] == reference.rpartition("@")[2]
        ours = _deployed(record.read(context.state, name), reference)
        return Standing(
            name, table.target, target.url, reference, known, wrong, bool(path and not wrong), newest,
            ours.time if ours else "", ours.by if ours else "",
        )  # fmt: skip


async def before(root: Path, settings: config.Settings, environment: str | None, delivery: Delivery) -> str:
    """What ran in an environment before what runs there now: by our record, else by the platform's; empty: unknown."""
    async with placed(root, settings, environment, delivery) as (context, target):
        running = await target.current()
        name, _ = settings.environment(environment)
        for one in reversed(record.read(context.state, name)):
            if one.result == "live" and one.reference == running and one.previous not in ("", running):
                return one.previous
        return await target.before()


async def _version(state: Path, reference: str) -> str:
    try:
        by_digest(reference)
    except UsageError:  # not deployed by us
        return ""
    return version(state, reference, await labels(reference))


def _deployed(records: list[Record], reference: str) -> Record | None:
    """The record that brought what runs."""
    live = [one for one in records if one.result == "live" and one.reference == reference]
    return live[-1] if live and reference else None
