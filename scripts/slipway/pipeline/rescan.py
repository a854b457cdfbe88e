"""A scan of what is published or runs already: the same image, today's vulnerability data."""

import json
import re
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from slipway import config
from slipway.errors import Broken, NotReady
from slipway.image.reference import Repository, by_digest
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
_NAMES = re.compile(r"index\.json|oci-layout|blobs/sha256/[0-9a-f]{64}")


async def rescan(root: Path, settings: config.Settings, reference: str, emit: Emit) -> RunResult:
    """Scan `reference` (by digest), pulling it where the engine has it not; of an index every image, one after another,
    until one is red: the result is the last one's.

    Raises:
        SlipwayError: the reference is none, or cannot be had.
    """
    repository, digest = by_digest(reference)
    await docker.engine()
    # The lock file that lies here is of today's source, and the image of the one that it was built from. What is known
    # of what runs counts whole: nothing here is a change.
    settings = structs.replace(settings, scan=structs.replace(settings.scan, packages="none", gate="all"))
    state = folders.state_folder(root)
    with folders.locked(state):
        waiting, result = [digest], None
        while waiting and not (result and result.exit_code):
            part = waiting.pop(0)
            with _space(state) as space:
                if images := await _export(repository.at(part), space / "layout"):
                    waiting += images
                else:
                    result = await _scan(root, settings, repository, part, space, emit)
        assert result
        return result


async def _scan(
    root: Path, settings: config.Settings, repository: Repository, digest: str, space: Path, emit: Emit
) -> RunResult:
    """Scan the one image whose layout is in `space`."""
    begun, started = time.monotonic(), datetime.now(UTC)
    selection = Selection((replace(SCAN, needs=()),), afresh=frozenset({"scan"}))
    run_id, folder = folders.fresh(folders.state_folder(root))
    context, missing = await look(root, settings, Options(selection), run_id, folder)
    context = replace(context, repository=repository, state=space)
    assert layout_folder(context) == space / "layout"
    scheduler = Scheduler(selection, context, Store(space / "reuse"), emit, begun=begun)
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


async def _export(reference: str, layout: Path) -> list[str]:
    """The image as an OCI layout: what the engine saves is one, under the digest that was asked for.

    Returns:
        the digests of the images, where it is an index of them: the engine saves only its own platform's.
    """
    await docker.pulled(reference)
    archive = layout.with_suffix(".tar")
    saved = await docker.docker("save", "--output", archive, reference, timeout=600)
    if not saved.ok:
        raise NotReady(f"{reference} could not be taken out of the engine: {saved.last_line()}")
    _unpack(archive, layout)
    archive.unlink()
    named = layout / "blobs" / "sha256" / reference.rpartition(":")[2]
    try:
        found = json.loads(named.read_bytes()).get("manifests", [])
        return [str(one["digest"]) for one in found if one.get("platform", {}).get("os") != "unknown"]  # attestations
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Broken(f"the engine saved {reference} in a form that is not known: {error!r}") from error


def _unpack(archive: Path, layout: Path) -> None:
    """Plain files under the names that a layout has, and nothing else (`extractall` has no filter before 3.11.4)."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isreg() and _NAMES.fullmatch(member.name) and (content := tar.extractfile(member)):
                target = layout / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    shutil.copyfileobj(content, file)
