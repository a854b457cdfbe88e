"""The vulnerability database: where it may come from, and what is refused."""

import asyncio
import gzip
import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trivydb

from slipway.errors import NotReady, UsageError
from slipway.tools import database, database_store
from slipway.tools.database_store import Database


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and no registry in reach."""
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))

    async def unreachable(_: str) -> bool:
        return False

    monkeypatch.setattr(database, "reachable", unreachable)
    return tmp_path / "cache"


def find(setting: Any, root: Path, hours: float = 48) -> Database:
    """What a setting means."""
    return asyncio.run(database.find(str(setting), root, root / "log", hours))


def layout(folder: Path, source: Path, *, name: str = "trivy.db", link: str = "") -> Path:
    """The database as the artifact that registries hold."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        if link:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, link
            tar.addfile(info)
        else:
            tar.add(source / "db" / "trivy.db", name)
        tar.add(source / "db" / "metadata.json", "metadata.json")
    (folder / "blobs" / "sha256").mkdir(parents=True)

    def put(content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        (folder / "blobs" / "sha256" / digest).write_bytes(content)
        return f"sha256:{digest}"

    manifest = {"layers": [{"digest": put(gzip.compress(raw.getvalue()))}]}
    (folder / "index.json").write_text(json.dumps({"manifests": [{"digest": put(json.dumps(manifest).encode())}]}))
    (folder / "oci-layout").write_text("{}")
    return folder


def test_every_form_of_the_same_database(tmp_path: Path) -> None:
    when = datetime(2026, 11, 21, 6, tzinfo=UTC)
    cached = trivydb.write(tmp_path / "a", updated=when)
    for setting in (cached, "a", cached / "db", layout(tmp_path / "layout", cached)):
        found = find(setting, tmp_path)
        assert found.updated == when
        assert (found.cache / "db" / "trivy.db").read_bytes() == (cached / "db" / "trivy.db").read_bytes()
        assert found.version.startswith("2026-11-21T06:00:00Z ")
        assert database.present(str(setting), tmp_path) == found
    assert found.age_hours(when + timedelta(hours=3)) == 3


def test_two_databases_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    old, new = (trivydb.write(tmp_path / n, updated=datetime(2026, 11, d, tzinfo=UTC)) for n, d in (("a", 1), ("b", 2)))
    first = find(old / "db", tmp_path)
    second = find(new / "db", tmp_path)
    assert [database_store.read(one.cache, "").updated.day for one in (first, second)] == [1, 2]


METADATA = [
    b"", b"{", b"[]", b"{}", b'{"UpdatedAt": 3, "Version": 2}', b'{"UpdatedAt": "soon", "Version": 2}',
    b'{"UpdatedAt": "2026-11-21T06:00:00Z", "Version": 1}', b'{"UpdatedAt": "2026-11-21T06:00:00Z"}', b"\xff",
]  # fmt: skip


@pytest.mark.parametrize("content", METADATA)
def test_metadata_that_make_no_sense_are_refused(tmp_path: Path, content: bytes) -> None:
    made = trivydb.write(tmp_path / "a")
    (made / "db" / "metadata.json").write_bytes(content)
    with pytest.raises(UsageError, match="is not a database that Trivy can use"):
        find(made, tmp_path)


@pytest.mark.parametrize("name", ["trivy.db", "metadata.json"])
def test_half_a_database_is_none(tmp_path: Path, name: str) -> None:
    made = trivydb.write(tmp_path / "a")
    (made / "db" / name).unlink()
    with pytest.raises(UsageError, match=r"scan\.database: "):
        find(made, tmp_path)


@pytest.mark.parametrize("setting", ["nowhere", "./nowhere", "/nowhere/db", "~/no-such-folder"])
def test_a_folder_that_is_not_there(tmp_path: Path, setting: str) -> None:
    with pytest.raises(UsageError, match=r"does not exist\. Give a folder, an OCI layout or a registry reference"):
        find(setting, tmp_path)


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"holds no trivy\.db"):
        find("empty", tmp_path)


def test_a_layout_that_was_tampered_with(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", trivydb.write(tmp_path / "a"))
    biggest = max((folder / "blobs" / "sha256").iterdir(), key=lambda p: p.stat().st_size)
    biggest.write_bytes(biggest.read_bytes()[:-1] + b"x")
    with pytest.raises(UsageError, match=r"is not a database layout: .*other content"):
        find(folder, tmp_path)


def test_a_layout_cannot_write_outside_of_its_folder(tmp_path: Path, cache: Path) -> None:
    folder = layout(tmp_path / "layout", trivydb.write(tmp_path / "a"), name="../../../evil")
    with pytest.raises(UsageError):
        find(folder, tmp_path)
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("link", ["/etc/passwd", "../../../../etc/passwd"])
def test_a_layout_cannot_point_outside_of_its_folder(tmp_path: Path, link: str) -> None:
    with pytest.raises(UsageError, match="is not a database layout"):
        find(layout(tmp_path / "layout", trivydb.write(tmp_path / "a"), link=link), tmp_path)


def test_with_nothing_in_reach_it_is_not_ready(tmp_path: Path) -> None:
    with pytest.raises(NotReady) as raised:
        find("auto", tmp_path)
    assert str(raised.value) == "; ".join(f"{name}: no connection" for name in database.REPOSITORIES)
