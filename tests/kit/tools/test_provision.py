"""Where a tool comes from: the cache, PATH, a release archive; only ever the bytes that are pinned."""

import asyncio
import hashlib
import io
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.errors import NotReady
from slipway.tools import provision

Program = Callable[[str, str], Path]


def archive(
    folder: Path, content: bytes = b"#!/bin/true\n", name: str = "mytool", kind: bytes = tarfile.REGTYPE
) -> Path:
    """A release archive that holds a tool."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.size, info.mode = kind, len(content) if kind == tarfile.REGTYPE else 0, 0o755
        tar.addfile(info, io.BytesIO(content))
    path = folder / "mytool.tar.gz"
    path.write_bytes(raw.getvalue())
    return path


@pytest.fixture
def pin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pins `mytool` 1.2.3 to an archive here."""
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CI", raising=False)

    def set_(path: Path | None, digest: str = "", **more: Any) -> None:
        digest = digest or (hashlib.sha256(path.read_bytes()).hexdigest() if path else "")
        entry = {"version": "1.2.3", "version-arguments": ["--version"], "archive": f"file://{tmp_path}/{{file}}"}
        entry["archives"] = {provision.machine(): [path.name, digest]} if path else {}  # type: ignore[assignment]
        monkeypatch.setattr(provision, "pins", lambda: {"mytool": entry | more})

    return set_


def tool() -> Path:
    """Have the tool."""
    return asyncio.run(provision.tool("mytool"))


def test_fetched_once_and_kept(pin: Callable[..., None], tmp_path: Path) -> None:
    pin(archive(tmp_path))
    found = tool()
    assert found.read_bytes() == b"#!/bin/true\n" and os.access(found, os.X_OK)
    assert found == tmp_path / "cache" / "tools" / "mytool-1.2.3" / "mytool"
    (tmp_path / "mytool.tar.gz").unlink()
    assert tool() == found
    assert asyncio.run(provision.present("mytool"))
    assert sorted(p.name for p in (tmp_path / "cache" / "tools").iterdir()) == ["mytool-1.2.3", "mytool.lock"]


BROKEN: dict[str, Callable[[Path], tuple[Path | None, str]]] = {
    "another SHA-256": lambda p: (archive(p), "0" * 64),
    "no archive of that name": lambda p: (p / "absent", "0" * 64),
    "no archive at all": lambda p: (None, ""),
    "not in the archive": lambda p: (archive(p, name="other"), ""),
    "a folder in the archive": lambda p: (archive(p, kind=tarfile.DIRTYPE), ""),
    "garbage of the right hash": lambda p: ((p / "garbage").write_bytes(b"x") and (p / "garbage"), ""),
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_not_the_pinned_archive_is_never_used(pin: Callable[..., None], tmp_path: Path, how: str) -> None:
    path, digest = BROKEN[how](tmp_path)
    pin(path, digest)
    with pytest.raises(
        NotReady, match=r"mytool 1\.2\.3 can be had nowhere: archive: .*; wheel: .*\nPut that version on PATH"
    ):
        tool()
    left = {p.name for p in (tmp_path / "cache" / "tools").iterdir()}
    assert left == {"mytool.lock"}, "nothing half made stays"


def test_several_at_once_fetch_once(pin: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pin(archive(tmp_path))
    fetched = []
    real = provision._archive
    monkeypatch.setattr(provision, "_archive", lambda *a: (fetched.append(1), time.sleep(0.2), real(*a))[2])

    async def many() -> list[Path]:
        return list(await asyncio.gather(*(provision.tool("mytool") for _ in range(5))))

    # Named like the original, which says in messages where a tool was sought.
    provision._archive.__name__ = "_archive"
    assert len(set(asyncio.run(many()))) == 1 and fetched == [1]


@pytest.mark.parametrize(
    ("says", "taken"),
    [
        ("mytool 1.2.3", True),
        ("v1.2.3\n", True),
        ("1.2.34", False),
        ("11.2.3", False),
        ("1.2.3.4", False),
        ("1.2", False),
        ("", False),
    ],
)
def test_a_tool_on_path_counts_in_its_exact_version(
    pin: Callable[..., None], on_path: Program, tmp_path: Path, says: str, taken: bool
) -> None:
    pin(archive(tmp_path))
    program = on_path("mytool", f"print({says!r})")
    assert (tool() == program) is taken


def test_on_a_runner_path_is_not_trusted(
    pin: Callable[..., None], on_path: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test of the project could put one there."""
    pin(archive(tmp_path))
    program = on_path("mytool", "print('1.2.3')")
    monkeypatch.setenv("CI", "true")
    assert tool() != program


def test_something_on_path_that_does_not_run_is_passed_over(
    pin: Callable[..., None], on_path: Program, tmp_path: Path
) -> None:
    pin(archive(tmp_path))
    on_path("mytool", "").write_bytes(b"\x7fELF of another machine")
    assert tool().parent.name == "mytool-1.2.3"


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SLIPWAY_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert provision.cache_folder() == tmp_path / ".cache" / "slipway"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert provision.cache_folder() == Path("/x/slipway")
    monkeypatch.setenv("SLIPWAY_CACHE", "/y")
    assert provision.cache_folder() == Path("/y")


def test_without_uv_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotReady, match="no `uv` on PATH"):
        asyncio.run(provision.uv("--version", timeout=5))
