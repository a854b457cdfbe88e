"""Where Trivy's vulnerability database comes from: a folder, an OCI layout, a registry, or the last good download.

Trivy's own download goes on to the next repository at few errors, hangs on a silent one, and believes any date
(docs/decisions/0008-own-download-of-the-database.md); so the database is fetched here, and Trivy only reads it.
"""

import asyncio
import contextlib
import hashlib
import http.client
import os
import shutil
import tarfile
import threading
import urllib.request
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path

from slipway.errors import NotReady, UsageError
from slipway.image import layout
from slipway.tools import artifact, database_store
from slipway.tools.artifact import Limits, Reference, Registry
from slipway.tools.aside import aside
from slipway.tools.database_store import FILES, Database, read
from slipway.tools.images import reachable
from slipway.tools.provision import cache_folder

AUTO = "auto"
REPOSITORIES = ("mirror.gcr.io/aquasec/trivy-db:2", "ghcr.io/aquasecurity/trivy-db:2")
LAYER = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
TAG = "2"  # the version of the database's format
FIX = (
    "Let this machine reach a registry that has it, or bring it as a folder or OCI layout: "
    "`slipway db pull --source PATH` (docs/how-to/air-gap.md)."
)
EVER = 1e9  # hours
_FAULTS = (OSError, ValueError, EOFError, http.client.HTTPException, tarfile.TarError, zlib.error)
LIMITS = Limits()


async def find(setting: str, root: Path, log: Path, limit_hours: float, limits: Limits = LIMITS) -> Database:
    """The database that `scan.database` means: the one that is kept for half its time, then a newer one.

    Raises:
        NotReady: there is none that can be reached: the scan is degraded.
        UsageError: the setting names something that is not a database.
    """
    if path := _path(setting, root):
        return await asyncio.to_thread(_from_path, path)
    references = named(setting)
    slot = _slot(setting)
    if (kept := database_store.kept(slot)) and kept.current(limit_hours / 2):
        return kept
    async with database_store.locked():
        kept = database_store.kept(slot)
        if kept and kept.current(limit_hours / 2):  # fetched by another run, just now
            return kept
        try:
            found = await _fetch(references, kept, log, limit_hours, limits)
        except NotReady:
            if kept and kept.current(limit_hours):
                return kept
            raise
        if found != kept:
            database_store.keep(slot, found)
        return found


async def pull(
    setting: str,
    root: Path,
    log: Path,
    limit_hours: float,
    source: str = "",
    limits: Limits = LIMITS,
) -> Database:
    """Fetch the database anew, whatever is kept, and let scans use it.

    Args:
        source: where to fetch it from instead of what `setting` means: a repository, a folder or an OCI layout.

    Raises:
        NotReady: it cannot be had; names each attempt and the fix.
        UsageError: setting or source mean something that is not a database, or scans would not use what is fetched.
    """
    if source and setting != AUTO:
        raise UsageError(
            f"scan.database is {setting}, and scans use that, whatever is pulled from elsewhere. "
            f'Leave --from out, or set it to "{AUTO}".'
        )
    path = _path(source, Path.cwd()) if source else _path(setting, root)
    if path and not source:
        return await asyncio.to_thread(_from_path, path)
    async with database_store.locked():
        if path:
            found = await asyncio.to_thread(_copied, await asyncio.to_thread(_from_path, path))
        else:
            try:
                found = await _fetch(named(source or setting), None, log, limit_hours, limits)
            except NotReady as error:
                raise NotReady(f"the vulnerability database cannot be had: {error}.\n{FIX}") from error
        database_store.keep(_slot(setting), found)
        return found


def present(setting: str, root: Path) -> Database | None:
    """What a scan would use now if nothing could be reached; None where there is nothing.

    Raises:
        UsageError: the setting names something that is not a database.
    """
    if path := _path(setting, root):
        return _from_path(path)
    named(setting)
    return database_store.kept(_slot(setting))


def named(setting: str) -> list[Reference]:
    """The repositories of a setting, in the order in which they are asked.

    Raises:
        UsageError: it is none.
    """
    if setting != AUTO and ("/" not in setting or setting.startswith((".", "/", "~"))):
        raise UsageError(
            f"scan.database: {setting} does not exist. Give a folder, an OCI layout or a registry reference."
        )
    return [artifact.reference(name, TAG) for name in (REPOSITORIES if setting == AUTO else (setting,))]


def _path(setting: str, root: Path) -> Path | None:
    path = Path(setting).expanduser()
    path = path if path.is_absolute() else root / path
    return path if setting != AUTO and path.exists() else None


def _slot(setting: str) -> str:
    """Different settings never get each other's databases."""
    return AUTO if setting == AUTO else hashlib.sha256(setting.encode()).hexdigest()[:16]


async def _fetch(
    references: list[Reference], kept: Database | None, log: Path, limit_hours: float, limits: Limits
) -> Database:
    """Ask one repository after the other until one has a current database; without any, the newest that was seen.

    Args:
        kept: is not downloaded again where a repository still has the same one.

    Raises:
        NotReady: none could be had from anywhere.
    """
    tried: list[str] = []
    found: list[Database] = []
    up = await asyncio.gather(*map(_up, references)) if len(references) > 1 else [True]
    for reference, answers in zip(references, up, strict=True):
        try:
            if not answers:
                raise NotReady(f"{reference}: no connection")
            found.append(await _download(reference, kept, limits))
        except NotReady as error:
            tried.append(str(error))
            _note(log, str(error))
            continue
        _note(log, f"{reference}: {found[-1].digest}, of {found[-1].updated}")
        if found[-1].current(limit_hours):
            break
    if not found:
        raise NotReady("; ".join(tried))
    if kept:
        found.append(kept)
    # One of the future is worth less than any other.
    best = max(found, key=lambda one: (one.current(limit_hours), one.current(EVER), one.updated))
    for useless in {one.cache for one in found} - {best.cache, kept.cache if kept else best.cache}:
        shutil.rmtree(useless, ignore_errors=True)
    return best


async def _up(reference: Reference) -> bool:
    """Whether it is worth asking: all at once, so that a network that swallows everything costs its wait once."""
    return bool(urllib.request.getproxies().get("https")) or await reachable(reference.repository.host)


async def _download(reference: Reference, kept: Database | None, limits: Limits) -> Database:
    """One repository's database, in a new folder of its own."""
    folder = database_store.fresh()
    done = False
    try:
        found = await aside(partial(_downloaded, reference, kept, folder, limits), limits.whole)
        done = found.cache == folder
        return found
    except TimeoutError:
        raise NotReady(f"{reference}: not done within {limits.whole:g} s") from None
    finally:
        if not done:
            shutil.rmtree(folder, ignore_errors=True)


def _downloaded(
    reference: Reference, kept: Database | None, folder: Path, limits: Limits, stop: threading.Event
) -> Database:
    registry = Registry(reference, limits, stop)
    archive = folder / "layer"
    try:
        layer = registry.layer(LAYER)
        if kept and kept.digest == layer.digest:
            return replace(kept, source=str(reference))
        registry.blob(layer, archive)
        registry.step = "unpacking"
        database_store.unpack(archive, folder, limits.unpacked, stop)
        archive.unlink()
        return read(folder, str(reference), layer.digest)
    except UsageError as error:
        raise NotReady(f"{reference}: {error.__cause__}") from error
    except _FAULTS as error:
        raise NotReady(f"{reference}: {registry.step}: {artifact.why(error, limits)}") from error
    finally:
        if stop.is_set():  # nobody waits for this any more
            shutil.rmtree(folder, ignore_errors=True)


def _note(log: Path, text: str) -> None:
    with contextlib.suppress(OSError), log.open("a", encoding="utf-8") as file:
        file.write(text + "\n")


def _from_path(path: Path) -> Database:
    if (path / "oci-layout").is_file() or (path / "index.json").is_file():
        return _from_layout(path)
    if (path / "db" / FILES[0]).is_file():
        return read(path, str(path))
    if (path / FILES[0]).is_file():
        return read(_linked(path), str(path))
    raise UsageError(
        f"scan.database: {path} holds no {FILES[0]}. It must hold {FILES[0]} and {FILES[1]}, or be an OCI layout."
    )


def _linked(path: Path) -> Path:
    """A folder of the shape that Trivy wants, around a database that lies somewhere else."""
    # One for each place: two runs with different databases must not scan with each other's.
    home = cache_folder() / f"trivy-linked-{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]}"
    (home / "db").mkdir(parents=True, exist_ok=True)
    for name in FILES:
        with contextlib.suppress(FileExistsError):
            (home / "db" / name).symlink_to(path.resolve() / name)
    return home


def _from_layout(path: Path) -> Database:
    """Unpack the one layer of a database artifact, once for each digest."""
    try:
        digest, layer = layout.single_layer(path)
        slot = digest.removeprefix("sha256:")[:32]
        source = f"{path} ({digest[:19]}…)"
        if kept := database_store.kept(slot):
            return replace(kept, source=source)
        folder = database_store.fresh()
        try:
            database_store.unpack(layer, folder, LIMITS.unpacked, threading.Event())
            found = read(folder, source, digest)
            database_store.keep(slot, found)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return found
    except (*_FAULTS, KeyError, TypeError) as error:
        raise UsageError(f"scan.database: {path} is not a database layout: {error}.") from error


def _copied(found: Database) -> Database:
    """A database in a folder of its own, so that the place that it was brought from may go."""
    if found.cache.parent == database_store.home():
        return found
    folder = database_store.fresh()
    try:
        shutil.copytree(found.cache / "db", folder / "db")
        return read(folder, found.source, found.digest)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
