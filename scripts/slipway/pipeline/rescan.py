"""A scan of what is published or runs already: the same image, today's vulnerability data."""

import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from slipway import config
from slipway.errors import NotReady
from slipway.image.reference import by_digest
from slipway.pipeline import folder as folders
from slipway.pipeline.graph import STAGES, Selection
from slipway.pipeline.result import RunResult
from slipway.pipeline.reuse import Store
from slipway.pipeline.run import Options, conclude, look
from slipway.pipeline.scheduler import Emit, Scheduler
from slipway.stages.base import Outcome
from slipway.stages.build import layout_folder
from slipway.tools import docker

SCAN = next(stage for stage in STAGES if stage.name == "scan")


async def rescan(root: Path, settings: config.Settings, reference: str, emit: Emit) -> RunResult:
    """Scan `reference` (by digest), pulling it where the engine has it not.

    Raises:
        SlipwayError: the reference is none, or cannot be had.
    """
    repository, digest = by_digest(reference)
    state = folders.state_folder(root)
    selection = Selection((replace(SCAN, needs=()),), afresh=frozenset({"scan"}))
    with folders.locked(state), _space(state) as space:
        begun, started = time.monotonic(), datetime.now(UTC)
        run_id, folder = folders.fresh(state)
        context, missing = await look(root, settings, Options(selection), run_id, folder)
        context = replace(context, repository=repository, state=space)
        scheduler = Scheduler(selection, context, Store(space / "reuse"), emit, begun=begun)
        if context.engine:
            await _export(repository.at(digest), layout_folder(context))
            scheduler.outcomes["build"] = Outcome("passed", facts={"digest": digest})
        return await conclude(scheduler, context, started, missing)


@contextmanager
def _space(state: Path) -> Iterator[Path]:
    """A folder beside the project's own layout, which must stay as it is."""
    space = Path(tempfile.mkdtemp(dir=state, prefix="rescan-"))
    try:
        yield space
    finally:
        shutil.rmtree(space, ignore_errors=True)


async def _export(reference: str, layout: Path) -> None:
    """The image as an OCI layout: what the engine saves is one, under the digest that was asked for."""
    await docker.pulled(reference)
    archive = layout.with_suffix(".tar")
    saved = await docker.docker("save", "--output", archive, reference, timeout=600)
    if not saved.ok:
        raise NotReady(f"{reference} could not be taken out of the engine: {saved.last_line()}")
    with tarfile.open(archive) as tar:
        tar.extractall(layout, filter="data")
    archive.unlink()
