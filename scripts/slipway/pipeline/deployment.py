"""Deploys by themselves: a published image goes to an environment, or back, or from one to the next."""

import contextlib
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from slipway import config
from slipway.errors import Broken, NotReady, SlipwayError, UsageError
from slipway.image import layout
from slipway.image.reference import DIGEST, Repository, by_digest
from slipway.pipeline import folder as folders
from slipway.pipeline.graph import STAGES, Selection
from slipway.pipeline.result import RunResult
from slipway.pipeline.reuse import Store
from slipway.pipeline.run import Options, conclude, image_repository, look
from slipway.pipeline.scheduler import Emit, Scheduler
from slipway.pipeline.standing import Standing, before, standing
from slipway.stages.base import Delivery, Outcome
from slipway.stages.deploy import labels, version
from slipway.tools import remote

DEPLOY = next(stage for stage in STAGES if stage.name == "deploy")


async def deploy(
    root: Path,
    settings: config.Settings,
    environment: str | None,
    reference: str | None,
    emit: Emit,
    delivery: Delivery,
) -> RunResult:
    """Deploy `reference` (by digest; default: what was built here last) to an environment of the project.

    Raises:
        SlipwayError: nothing could be started at all.
    """
    state = folders.state_folder(root)
    selection = Selection((replace(DEPLOY, needs=()),))
    with folders.locked(state):
        begun, started = time.monotonic(), datetime.now(UTC)
        run_id, folder = folders.fresh(state)
        context, missing = await look(
            root, settings, Options(selection, environment, delivery=delivery), run_id, folder
        )
        if context.engine:
            repository, digest = by_digest(reference or last(state))
            known = await _version(state, repository, digest)
            context = replace(context, repository=repository, version=known or context.version)
            built = Outcome("passed", facts={"digest": digest})
        scheduler = Scheduler(selection, context, Store(state / "reuse"), emit, begun=begun)
        if context.engine:
            scheduler.outcomes["build"] = built
        return await conclude(scheduler, context, started, missing)


async def _version(state: Path, repository: Repository, digest: str) -> str:
    """What the image must answer as; empty: not known. Raises NotReady where neither engine nor registry has it."""
    labelled = _built(state, digest) or await labels(repository.at(digest))
    if labelled is None and not await remote.exists(repository, digest):
        raise NotReady(
            f"{repository.at(digest)} cannot be pulled: its registry does not have it, or not for us. "
            "Publish it first, or log in."
        )
    return version(state, repository.at(digest), labelled)


def _built(state: Path, digest: str) -> dict[str, str]:
    """Return the labels of the image that was built here last, if it is that one: the engine may have lost it."""
    if not (state / "layout").is_dir():
        return {}
    with contextlib.suppress(Broken):
        image = layout.read(state / "layout")
        if image.digest == digest:
            return dict((image.config.get("config") or {}).get("Labels") or {})
    return {}


def last(state: Path) -> str:
    """What was built here last, by digest. Raises UsageError."""
    try:
        return (state / "image").read_text().strip()
    except OSError as error:
        raise UsageError(
            "nothing was built here yet. Name the image by digest, or call `slipway run` first."
        ) from error


async def promoted(root: Path, settings: config.Settings, source: str, delivery: Delivery) -> str:
    """What runs in an environment and may go on to the next: live, healthy, and the version that it should be.

    Raises:
        SlipwayError: it may not.
    """
    found: Standing = await standing(root, settings, source, delivery)
    if not found.reference:
        raise SlipwayError(f"nothing runs in {found.environment} that could be promoted. Deploy there first.")
    if found.problem:
        raise SlipwayError(
            f"what runs in {found.environment} is not well: {found.problem}. Nothing was deployed; fix that first."
        )
    by_digest(found.reference)
    return found.reference


async def earlier(
    root: Path, settings: config.Settings, environment: str | None, wanted: str | None, delivery: Delivery
) -> str:
    """The reference to go back to: as named (a digest will do), else what ran before.

    Raises:
        UsageError: nothing is known to have run before.
    """
    if wanted and DIGEST.fullmatch(wanted):
        return image_repository(root, settings).at(wanted)
    if wanted and re.match(r"[0-9a-f]{64}$", wanted):
        return image_repository(root, settings).at(f"sha256:{wanted}")
    if wanted:
        by_digest(wanted)
        return wanted
    name, _ = settings.environment(environment)
    if found := await before(root, settings, environment, delivery):
        return found
    raise UsageError(f"what ran in {name} before is not known here. Name it: slipway rollback {name} sha256:….")
