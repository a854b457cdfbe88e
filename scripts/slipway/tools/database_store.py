"""Trivy's vulnerability database on this machine: read, unpacked, kept.

A database that is kept is never changed: each has a folder of its own, and a small file for each setting names the one
that scans use. Only that file is replaced, by a rename: a run that began with the earlier database ends with it.
"""

import asyncio
import contextlib
import fcntl
import gzip
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import IO

from slipway.errors import UsageError
from slipway.tools.provision import cache_folder

FILES = ("trivy.db", "metadata.json")
METADATA_SIZE = 1_000_000  # bytes
FUTURE_HOURS = 1.0  # how far ahead of our clock a database may be
UNUSED_HOURS = 6.0  # no run is longer: what was not asked for since then is used by none
FORGOTTEN_HOURS = 24.0 * 30
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Database:
    """A database that can be scanned with."""

    cache: Path  # Trivy's --cache-dir: holds db/trivy.db and db/metadata.json
    updated: datetime
    source: str
    digest: str = ""  # of the layer that it was unpacked from; a plain folder has none

    @property
    def version(self) -> str:
        """What a scan result is good for, together with the image's digest."""
        return f"{self.updated:%Y-%m-%dT%H:%M:%SZ} {self.digest[:19] or self.size}"

    @property
    def size(self) -> int:
        """Bytes, unpacked."""
        return (self.cache / "db" / FILES[0]).stat().st_size

    @property
    def facts(self) -> dict[str, str]:
        """What a scan's result says of it."""
        return {"database": self.version, "database-source": self.source, "database-digest": self.digest}

    def age_hours(self, now: datetime) -> float:
        """Hours since its data were put together; negative where that is in the future."""
        return (now - self.updated).total_seconds() / 3600

    def current(self, limit_hours: float) -> bool:
        """Whether it is neither stale nor, as no database can be, of the future."""
        return -FUTURE_HOURS <= self.age_hours(datetime.now(UTC)) <= limit_hours


def read(cache: Path, source: str, digest: str = "") -> Database:
    """A database folder, as its metadata describes it.

    Raises:
        UsageError: a file is missing or the metadata makes no sense.
    """
    try:
        metadata = json.loads((cache / "db" / FILES[1]).read_bytes())
        updated = datetime.fromisoformat(metadata["UpdatedAt"].replace("Z", "+00:00"))
        if metadata.get("Version") != 2:
            raise ValueError(f"its {FILES[1]} does not say version 2")
        if not (cache / "db" / FILES[0]).is_file():
            raise ValueError(f"no {FILES[0]}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"scan.database: {source} is not a database that Trivy can use: {error}.") from error
    return Database(cache, updated if updated.tzinfo else updated.replace(tzinfo=UTC), source, digest)


def unpack(archive: Path, folder: Path, limit: int, stop: Event) -> None:
    """Unpack a layer into `folder`/db: exactly the two files, nothing else.

    Args:
        limit: bytes that they may have together.
        stop: ends it when set.

    Raises:
        OSError, EOFError, zlib.error, tarfile.TarError, ValueError: it is not such a layer; `folder` is worth nothing.
    """
    target = folder / "db"
    target.mkdir()
    missing = set(FILES)
    with gzip.open(archive) as tar:
        # Header by header: `tarfile` itself reads what a header claims in one piece, however long, and goes back.
        while entry := _entry(tar, stop):
            if entry.type in (tarfile.XHDTYPE, tarfile.XGLTYPE):  # times to the nanosecond, and the like
                _copy(tar, entry, None, METADATA_SIZE, stop)
            elif entry.name not in missing or entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                raise ValueError(f"it holds {entry.name[:80]!r}: only {' and '.join(FILES)} may be in it, as files")
            else:
                missing.remove(entry.name)
                most = limit if entry.name == FILES[0] else METADATA_SIZE
                with (target / entry.name).open("wb") as file:
                    _copy(tar, entry, file, most, stop)
        # To the end of the stream, where its check sum is.
        if any(_read(tar, METADATA_SIZE, stop)) or tar.read(1):
            raise ValueError("it goes on after its end")
    if missing:
        raise ValueError(f"it holds no {' and no '.join(sorted(missing))}")


def _entry(tar: gzip.GzipFile, stop: Event) -> tarfile.TarInfo | None:
    try:
        return tarfile.TarInfo.frombuf(_read(tar, tarfile.BLOCKSIZE, stop), "utf-8", "replace")
    except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
        return None


def _copy(tar: gzip.GzipFile, entry: tarfile.TarInfo, target: IO[bytes] | None, most: int, stop: Event) -> None:
    left = entry.size
    if not 0 <= left <= most:
        raise ValueError(f"{entry.name[:80]!r} has {left} bytes; at most {most} are unpacked")
    while left:
        chunk = _read(tar, min(left, _CHUNK), stop)
        if not chunk:
            raise ValueError(f"{entry.name[:80]!r} is cut")
        left -= len(chunk)
        if target:
            target.write(chunk)
    tar.read(-entry.size % tarfile.BLOCKSIZE)


def _read(tar: gzip.GzipFile, size: int, stop: Event) -> bytes:
    if stop.is_set():
        raise ConnectionAbortedError("given up")
    return tar.read(size)


def fresh() -> Path:
    """A new folder, of nobody else's."""
    home().mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="db-", dir=home()))
    folder.chmod(0o755)
    return folder


def home() -> Path:
    """Where databases are kept."""
    return cache_folder() / "databases"


def keep(slot: str, database: Database) -> None:
    """Let scans use a database from now on, and remove those that none uses any more.

    Args:
        slot: the setting that it is kept for.
        database: one in a folder that `fresh` made.
    """
    note = {"folder": database.cache.name, "source": database.source, "digest": database.digest}
    new = database.cache / "note.json"
    new.write_text(json.dumps(note))
    new.replace(_note(slot))
    os.utime(database.cache)
    _prune()


def kept(slot: str) -> Database | None:
    """The database that is kept for a setting. It stays for as long as a run may last."""
    try:
        note = json.loads(_note(slot).read_bytes())
        found = read(home() / note["folder"], note["source"], note["digest"])
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        return None
    with contextlib.suppress(OSError):
        os.utime(found.cache)
        os.utime(_note(slot))
    return found


def _note(slot: str) -> Path:
    return home() / f"{slot}.json"


def _prune() -> None:
    for note in home().glob("*.json"):
        if _hours(note) > FORGOTTEN_HOURS:
            note.unlink(missing_ok=True)
    used = set()
    for note in home().glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            used.add(json.loads(note.read_bytes())["folder"])
    for folder in home().glob("db-*"):
        if folder.name not in used and _hours(folder) > UNUSED_HOURS:
            shutil.rmtree(folder, ignore_errors=True)


def _hours(path: Path) -> float:
    try:
        return (time.time() - path.stat().st_mtime) / 3600
    except FileNotFoundError:  # another run's, gone this moment
        return 0


@contextlib.asynccontextmanager
async def locked() -> AsyncIterator[None]:
    """One run at a time: what one fetches, the other finds."""
    home().mkdir(parents=True, exist_ok=True)
    with (home() / "lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.1)
        yield
