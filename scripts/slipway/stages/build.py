"""Build: one image, once, into a kept OCI layout; every blob proven; loaded into the engine under its digest."""

import asyncio
import contextlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import structs

from slipway.config import seconds
from slipway.errors import Broken, NotReady
from slipway.image import context as build_context
from slipway.image import layer_cache, layout
from slipway.image.reference import short
from slipway.image.taken import take
from slipway.stages import checkout
from slipway.stages.base import Context, Outcome, Stage, failed, timed_out
from slipway.tools import build_secrets, buildx, docker, loading
from slipway.tools.build_secrets import Secrets
from slipway.tools.buildx import Bake, Progress
from slipway.tools.process import Finished

# One constant for all builds: the commit's time would give every release other layers (facts: measured).
SOURCE_DATE_EPOCH = "1767225600"  # 2026-01-01


def layout_folder(context: Context) -> Path:
    """Where the layout is kept from run to run: exporting into it again moves only what is new."""
    return context.state / "layout"


def source(context: Context) -> Bake:
    """What to bake: the project's bake file, or a definition made of the settings."""
    settings = context.settings.build
    created = datetime.fromtimestamp(context.source.committed, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    variables = {**context.images.variables, "COMMIT": context.version, "CREATED": created}
    file = context.root / settings.bake
    if file.is_file():
        return Bake(context.root, file, variables=variables)
    args = {"COMMIT": context.version} | _declared(context.root / settings.dockerfile, context.images.variables)
    common = {"context": settings.context, "dockerfile": settings.dockerfile, "args": args}
    app = common | ({"target": settings.target} if settings.target else {})
    test = common | {"target": context.settings.test.target}
    definition = json.dumps({"target": {"app": app, "test": test}})
    return Bake(context.root, None, definition, {**variables, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH})


def _declared(dockerfile: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """The images of images.toml that the Dockerfile takes as build arguments; a bake file has them as variables."""
    text = dockerfile.read_text(encoding="utf-8", errors="replace")
    taken = re.findall(r"(?im)^\s*ARG\s+(\w+)", text)
    return {name: image for name, image in variables.items() if name in taken}


def secrets(context: Context) -> Secrets:
    """What the project's Dockerfile is to get; raises NotReady where one is missing. Not part of any key: a new token
    builds the same image."""
    return build_secrets.resolve(context.root, context.settings.build.secrets, context.secrets)


def certificates() -> list[str]:
    """The certificate bundle as a build secret, where this machine has one of its own: never a layer."""
    bundle = os.environ.get("SSL_CERT_FILE", "")
    return [f"secrets=id=ca,src={bundle}"] if bundle and Path(bundle).is_file() else []


def app_target(context: Context) -> str:
    """The bake target that is the app."""
    bake_file = (context.root / context.settings.build.bake).is_file()
    return (context.settings.build.target or "app") if bake_file else "app"


async def key(context: Context) -> str | None:
    """The digest that was handed over, or all that a build depends on."""
    if context.taken:
        return f"taken {context.taken.digest} {context.engine.identity if context.engine else ''}"
    return None if context.unfetched else told(context)


def told(context: Context) -> str | None:
    """The context's files, and all that the build is told besides; None without a Dockerfile."""
    settings, root = context.settings.build, context.root
    if not context.seen:
        return None
    bake = build_context.files_digest(root, [root / settings.bake])
    words = [
        source(context).variables,
        build_context.variables([root / settings.bake]),
        # Not where the layer cache lies: it changes how fast, never what.
        repr(structs.replace(settings, cache_from="", cache_to="")),
        context.settings.image.platforms,
        context.repository,
    ]
    return f"{context.seen} {bake} {words} {context.engine.identity if context.engine else ''}"


async def holds(context: Context, earlier: Outcome) -> bool:
    """Whether the image of an earlier run is still there: in the engine, and whole in the layout."""
    digest = str(earlier.facts.get("digest"))
    try:
        return layout.read(layout_folder(context)).digest == digest and await docker.image(digest) is not None
    except Broken:
        return False


async def run(context: Context) -> Outcome:
    if context.taken:
        ready = await asyncio.to_thread(take, context.taken, layout_folder(context))
        await _keep(context, ready, whole=True)
        return Outcome("passed", f"{_about(ready)} · built by another job", facts=facts(ready))
    if context.unfetched:
        return checkout.refuse(context)
    settings, given = context.settings.build, secrets(context)
    progress = Progress(context.log, context.doing, given.hide)
    try:
        done, image = await _bake(context, progress, given)
    except asyncio.CancelledError:
        shutil.rmtree(f"{settings.cache_to}.new", ignore_errors=True)  # half a cache, into which the next would write
        raise
    if done.timed_out:
        return timed_out(f"the build took longer than {settings.timeout} and was ended", fix="raise [build] timeout")
    if not done.ok:
        why = given.hide(buildx.explain(done, progress.other))
        if "no space left on device" in why:
            raise NotReady(f"no room for the image ({why}). Free some where {context.state} lies, then run again.")
        if not await docker.answers():
            raise NotReady(f"the Docker engine went away in the middle of the build ({why}). Start it, then run again.")
        return failed(why, fix=_fix(progress.other, settings.dockerfile))
    assert image
    await _keep(context, image, whole=not loading.own_builder())
    cached = f" · {len(progress.cached)} of {len(progress.steps)} steps cached" if progress.steps else ""
    return Outcome("passed", f"{_about(image)}{cached}", facts=facts(image, len(progress.steps), len(progress.cached)))


def _about(image: layout.Image) -> str:
    """Return digest and size of an image, for people."""
    return f"{short(image.digest)} · {image.size / 1e6:.0f} MB"


async def _keep(context: Context, image: layout.Image, *, whole: bool) -> None:
    """Load the image that lies in the kept layout, and note that it is this project's."""
    folder, reference = layout_folder(context), context.repository.at(image.digest)
    layout.give_name(folder, reference)
    await loading.load(folder, image, reference, context.log, whole=whole)
    (context.state / "image").write_text(reference + "\n")
    digests = [d for d in built(context) if d != image.digest]
    (context.state / "images").write_text("\n".join([*digests, image.digest]) + "\n")


async def _bake(context: Context, progress: Progress, given: Secrets) -> tuple[Finished, layout.Image | None]:
    """Build into the kept layout. A damaged one is thrown away and written anew: BuildKit itself would not notice. A
    damaged cache is done without: else each run would fail until its key changes."""
    folder, metadata = layout_folder(context), context.folder / "build-metadata.json"
    cache = _cached(context)
    if cache:
        layer_cache.seed(cache, folder)
    for last in (False, True):
        try:
            done = await buildx.bake(
                source(context), app_target(context),
                f'output=type=oci,"dest={folder}",tar=false',
                *certificates(), *_platform(context), *_cache(context, cache),
                secrets=given, metadata=metadata, progress=progress, timeout=seconds(context.settings.build.timeout),
            )  # fmt: skip
        finally:
            # Half a blob, where the build was ended or the disk was full: newer buildx leaves it.
            shutil.rmtree(folder / "ingest", ignore_errors=True)
        if not done.ok and cache and not done.timed_out and not layer_cache.whole(cache):
            context.doing("building again: the layer cache is damaged")
            shutil.rmtree(folder, ignore_errors=True)
            cache = None
            continue
        if not done.ok:
            return done, None
        _keep_cache(context)
        try:
            image = layout.read(folder)
            told = json.loads(metadata.read_bytes()).get(app_target(context), {}).get("containerimage.digest")
            if told and told != image.digest:
                raise Broken(f"buildx says it built {told}, the layout holds {image.digest}")
            return done, image
        except Broken:
            if last:
                raise
            shutil.rmtree(folder, ignore_errors=True)
            cache = None
    raise AssertionError("unreachable")


def _cached(context: Context) -> Path | None:
    """The layer cache to read, where there is one."""
    folder = Path(context.settings.build.cache_from)
    return folder if context.settings.build.cache_from and (folder / "index.json").is_file() else None


def _cache(context: Context, read: Path | None) -> list[str]:
    """Options for BuildKit's local layer cache. Written into a fresh folder: into an old one it only ever grows."""
    options = [f'cache-from=type=local,"src={read}"'] if read else []
    if written := context.settings.build.cache_to:
        options.append(f'cache-to=type=local,"dest={written}.new",mode=max')
    return options


def _keep_cache(context: Context) -> None:
    if not context.settings.build.cache_to:
        return
    kept = Path(context.settings.build.cache_to)
    fresh = kept.with_name(kept.name + ".new")
    if fresh.is_dir():
        shutil.rmtree(kept, ignore_errors=True)
        fresh.rename(kept)


def facts(image: layout.Image, steps: int = 0, cached: int = 0) -> dict[str, Any]:
    """What later stages and reports need of the image."""
    history = [h.get("created_by", "") for h in image.config.get("history", []) if not h.get("empty_layer")]
    created = [*history, *[""] * len(image.layers)]
    return {
        "digest": image.digest,
        "config-digest": image.config_digest,
        "platform": image.platform,
        "size": image.size,
        "layers": [[d, s, c] for d, s, c in zip(image.layers, image.sizes, created, strict=False)],
        "steps": steps,
        "cached": cached,
    }


async def restore(context: Context, reference: str) -> None:
    """Put an image whose layers are gone from the engine there again: whole from the layout that holds it, otherwise
    from its registry. What fails here fails where the image is used."""
    with contextlib.suppress(Broken):
        image = layout.read(layout_folder(context))
        if reference == context.repository.at(image.digest):
            return await loading.load(layout_folder(context), image, reference, context.log, whole=True)
    await docker.docker("pull", "--quiet", reference, timeout=loading.SECONDS, log=context.log)


def _platform(context: Context) -> list[str]:
    """The engine's own platform where it is wanted or nothing is said, else the first that is wanted."""
    wanted = context.settings.image.platforms
    own = f"linux/{context.engine.architecture}" if context.engine else ""
    return [] if not wanted or own in wanted else [f"platform={wanted[0]}"]


def _fix(lines: list[str], dockerfile: str) -> str:
    """Where in the Dockerfile the build failed, as BuildKit marks it; or how to hand over the secret that it lacks."""
    if lacking := next((found[1] for line in lines if (found := re.search(r"secret (\S+): not found", line))), ""):
        return f'hand the secret over: [build] secrets = ["{lacking}"], in a workflow its secret `build-secrets`'
    for line in reversed(lines):
        name, _, number = line.strip().partition(":")
        if number.isdigit() and name.endswith(Path(dockerfile).name):
            return f"see {dockerfile}:{number}"
    return f"see the log, then fix {dockerfile}"


def built(context: Context) -> list[str]:
    """The digests that this project has put into the engine and not yet removed, newest last."""
    try:
        return (context.state / "images").read_text().split()
    except OSError:
        return []


async def finish(context: Context) -> None:
    """Remove this project's earlier images from the engine; it refuses those that a container uses."""
    *earlier, _ = built(context) or [""]
    refused = [d for d in earlier if not (await docker.docker("rmi", context.repository.at(d))).ok]
    kept = [d for d in refused if await docker.image(d)]
    (context.state / "images").write_text("\n".join([*kept, *built(context)[-1:]]) + "\n")


STAGE = Stage("build", (), run, key, holds=holds, finish=finish)
