"""Trivy's vulnerability database: from a folder, an OCI layout, a registry, or the last good download."""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from slipway.errors import NotReady, UsageError
from slipway.tools.images import reachable
from slipway.tools.provision import cache_folder
from slipway.tools.trivy import Trivy

REPOSITORIES = ("mirror.gcr.io/aquasec/trivy-db:2", "ghcr.io/aquasecurity/trivy-db:2")
FILES = ("trivy.db", "metadata.json")
DOWNLOAD_SECONDS = 120.0


@dataclass(frozen=True)
class Database:
    """A database that can be scanned with."""

    cache: Path  # Trivy's --cache-dir: holds db/trivy.db and db/metadata.json
    updated: datetime
    source: str

    @property
    def version(self) -> str:
        """What a scan result is good for, together with the image's digest."""
        return f"{self.updated:%Y-%m-%dT%H:%M:%SZ} {(self.cache / 'db' / 'trivy.db').stat().st_size}"

    def age_hours(self, now: datetime) -> float:
        """Hours since its data were put together; negative where that is in the future."""
        return (now - self.updated).total_seconds() / 3600


async def find(setting: str, root: Path, binary: Path, log: Path, limit_hours: float) -> Database:
    """The database that `scan.database` means.

    Raises:
        NotReady: there is none that can be reached: the scan is degraded.
        UsageError: the setting names something that is not a database.
    """
    if setting != "auto":
        path = Path(setting).expanduser()
        path = path if path.is_absolute() else root / path
        if path.exists():
            return await asyncio.to_thread(_from_path, path)
        if "/" not in setting or setting.startswith((".", "/", "~")):
            raise UsageError(
                f"scan.database: {setting} does not exist. Give a folder, an OCI layout or a registry reference."
            )
        return await _download([setting], binary, log)
    kept = cache_folder() / "trivy"
    if (kept / "db" / FILES[0]).is_file():
        found = read(kept, "the last download")
        if 0 <= found.age_hours(datetime.now(UTC)) <= limit_hours / 2:
            return found
    hosts = [r.partition("/")[0] for r in REPOSITORIES]
    up = await asyncio.gather(*map(reachable, hosts))
    return await _download([r for r, ok in zip(REPOSITORIES, up, strict=True) if ok], binary, log)


async def _download(repositories: list[str], binary: Path, log: Path) -> Database:
    """Download into a fresh folder that takes its place only when it is whole. One repository at a time: Trivy itself
    goes on to the next only at 429, 5xx and BLOB_UNKNOWN."""
    tried = [] if repositories else ["no registry with it can be reached from here"]
    kept = cache_folder() / "trivy"
    for repository in repositories:
        fresh = _fresh(kept)
        try:
            await Trivy(binary, fresh, log).download(repository, DOWNLOAD_SECONDS)
            read(fresh, repository)
            shutil.rmtree(kept, ignore_errors=True)
            fresh.rename(kept)
            return read(kept, repository)
        except (NotReady, UsageError) as error:
            tried.append(str(error))
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    raise NotReady("; ".join(tried))


def _fresh(home: Path) -> Path:
    """A new folder beside `home`, of nobody else's."""
    home.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{home.name}-", dir=home.parent))
    fresh.chmod(0o755)
    return fresh


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
    """Unpack the one layer of a database artifact."""
    from slipway.image import layout

    try:
        digest, layer = layout.single_layer(path)
        home = cache_folder() / f"trivy-{digest.removeprefix('sha256:')[:16]}"
        if not (home / "db" / FILES[1]).is_file():
            fresh = _fresh(home)
            (fresh / "db").mkdir()
            with tarfile.open(layer) as tar:
                for name in FILES:
                    tar.extract(name, fresh / "db", filter="data")
            shutil.rmtree(home, ignore_errors=True)
            fresh.rename(home)
    except (OSError, KeyError, ValueError, tarfile.TarError) as error:
        raise UsageError(f"scan.database: {path} is not a database layout: {error}.") from error
    return read(home, f"{path} ({digest[:19]}…)")


def read(cache: Path, source: str) -> Database:
    """A database folder, as its metadata describes it.

    Raises:
        UsageError: a file is missing or the metadata makes no sense.
    """
    try:
        metadata = json.loads((cache / "db" / FILES[1]).read_bytes())
        updated = datetime.fromisoformat(metadata["UpdatedAt"].replace("Z", "+00:00"))
        if not (cache / "db" / FILES[0]).is_file() or metadata.get("Version") != 2:
            raise ValueError(f"no {FILES[0]}, or not of version 2")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"scan.database: {source} is not a database that Trivy can use: {error}.") from error
    return Database(cache, updated if updated.tzinfo else updated.replace(tzinfo=UTC), source)
