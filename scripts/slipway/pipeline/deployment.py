"""A deploy by itself: an image that is published already goes to an environment."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from slipway import config
from slipway.errors import UsageError
from slipway.image.reference import by_digest
from slipway.pipeline import folder as folders
from slipway.pipeline.graph import STAGES, Selection
from slipway.pipeline.result import RunResult
from slipway.pipeline.reuse import Store
from slipway.pipeline.run import Options, conclude, look
from slipway.pipeline.scheduler import Emit, Scheduler
from slipway.stages.base import Outcome
from slipway.tools import docker

DEPLOY = next(stage for stage in STAGES if stage.name == "deploy")
REVISION = "org.opencontainers.image.revision"  # label: what /version must say


async def deploy(
    root: Path,
    settings: config.Settings,
    environment: str | None,
    reference: str | None,
    emit: Emit,
    provenance: Literal["auto", "always", "never"] = "auto",
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
        context, missing = await look(root, settings, Options(selection, environment), run_id, folder)
        if context.engine:
            repository, digest = by_digest(reference or _last(state))
            version = await _version(repository.at(digest)) or context.version
            context = replace(context, repository=repository, version=version, provenance=provenance)
            built = Outcome("passed", facts={"digest": digest})
        scheduler = Scheduler(selection, context, Store(state / "reuse"), emit, begun=begun)
        if context.engine:
            scheduler.outcomes["build"] = built
        return await conclude(scheduler, context, started, missing)


def _last(state: Path) -> str:
    try:
        return (state / "image").read_text().strip()
    except OSError as error:
        raise UsageError(
            "nothing was built here yet. Name the image by digest, or call `slipway run` first."
        ) from error


async def _version(reference: str) -> str:
    """The commit that an image was built from; pulls it where the engine has it not yet."""
    found = await docker.pulled(reference)
    return str(((found.get("Config") or {}).get("Labels") or {}).get(REVISION) or "")
