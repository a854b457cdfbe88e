"""The vulnerability database: where it may come from, and what is refused."""

import asyncio
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trivydb

from slipway.errors import NotReady, UsageError
from slipway.tools import database
from slipway.tools.database import Database

Program = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and no registry in reach."""
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))

    async def unreachable(_: str) -> bool:
        return False

    monkeypatch.setattr(database, "reachable", unreachable)
    return tmp_path / "cache"


def find(setting: Any, root: Path, binary: Path = Path("/no/trivy"), hours: float = 48) -> Database:
    """What a setting means."""
    return asyncio.run(database.find(str(setting), root, binary, root / "log", hours))


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
    assert found.age_hours(when + timedelta(hours=3)) == 3


def test_two_databases_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    old, new = (trivydb.write(tmp_path / n, updated=datetime(2026, 11, d, tzinfo=UTC)) for n, d in (("a", 1), ("b", 2)))
    first = find(old / "db", tmp_path)
    second = find(new / "db", tmp_path)
    assert database.read(first.cache, "").updated.day == 1 and database.read(second.cache, "").updated.day == 2


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
    with pytest.raises(NotReady, match="no registry with it can be reached from here"):
        find("auto", tmp_path)


@pytest.mark.parametrize(("hours", "kept"), [(1, True), (23, True), (25, False), (-1, False)])
def test_the_last_download_serves_for_half_its_time(tmp_path: Path, cache: Path, hours: float, kept: bool) -> None:
    trivydb.write(cache / "trivy", updated=datetime.now(UTC) - timedelta(hours=hours))
    if kept:
        assert find("auto", tmp_path).source == "the last download"
    else:
        with pytest.raises(NotReady):
            find("auto", tmp_path)


DOWNLOAD = """
folder = sys.argv[sys.argv.index("--cache-dir") + 1]
open({calls!r}, "a").write(sys.argv[sys.argv.index("--db-repository") + 1] + chr(10))
{what}
"""
WRITES = "import shutil; shutil.copytree({source!r}, folder + '/db')"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("sys.exit('FATAL no such host')", "FATAL no such host"),
        ("pass", "is not a database that Trivy can use"),
        ("os.mkdir(folder + '/db'); open(folder + '/db/trivy.db', 'w')", "is not a database that Trivy can use"),
    ],
)
def test_a_download_that_fails_leaves_what_was_there(
    program: Program, tmp_path: Path, cache: Path, what: str, said: str
) -> None:
    trivydb.write(cache / "trivy", updated=datetime(2026, 1, 1, tzinfo=UTC))
    before = (cache / "trivy" / "db" / "metadata.json").read_bytes()
    binary = program("trivy", DOWNLOAD.format(calls=str(tmp_path / "calls"), what=what))
    with pytest.raises(NotReady, match=said):
        find("localhost:1/trivy-db:2", tmp_path, binary)
    assert (cache / "trivy" / "db" / "metadata.json").read_bytes() == before
    assert [p.name for p in cache.iterdir()] == ["trivy"], "nothing half loaded stays"


def test_one_repository_after_the_other(
    program: Program, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trivy itself goes on to the next only at a few errors."""
    source = str(trivydb.write(tmp_path / "a") / "db")
    what = f"'ghcr.io' in ' '.join(sys.argv) or sys.exit('FATAL 404')\n{WRITES.format(source=source)}"
    binary = program("trivy", DOWNLOAD.format(calls=str(tmp_path / "calls"), what=what))

    async def up(_: str) -> bool:
        return True

    monkeypatch.setattr(database, "reachable", up)
    assert find("auto", tmp_path, binary).source == database.REPOSITORIES[1]
    assert (tmp_path / "calls").read_text().splitlines() == list(database.REPOSITORIES)
