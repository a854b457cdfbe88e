"""Images and databases with something wrong, for the cases of scan_cases.py."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import layouts
import trivydb
from layouts import app, layout

GOOD = app("23.0.0")
DB = "db/trivy.db"
HIGH = "CVE-2024-1135"


def layers(*layers: dict[str, str], **more: str) -> Callable[[Path], Path]:
    return lambda folder: layout(folder, *layers, **more)


def release(number: str) -> dict[str, str]:
    """The files by which Trivy knows a release of Debian."""
    known = layouts.OS_RELEASE.replace("13", number)
    return {"etc/debian_version": f"{number}.1\n", "etc/os-release": known}


def without(name: str, files: dict[str, str]) -> dict[str, str]:
    return {key: text for key, text in files.items() if key != name}


def spoiled(blob: str, change: Callable[[bytes], bytes | None], *layers: dict[str, str]) -> Callable[[Path], None]:
    """A good layout in which one blob holds something else under its old name."""

    def make(folder: Path) -> None:
        file = layouts.blobs(layout(folder, *(layers or (app(),))))[blob]
        content = change(file.read_bytes())
        file.unlink() if content is None else file.write_bytes(content)

    return make


def index(text: str | None) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        layout(folder, app())
        (folder / "index.json").unlink() if text is None else (folder / "index.json").write_text(text)

    return make


def two_images(folder: Path) -> None:
    """The other platform first: Trivy scans that one, whatever it is asked."""
    first, second = layout(folder / "a", GOOD, architecture="arm64"), layout(folder / "b", app())
    layout(folder, app())
    for one in (first, second):
        for blob in layouts.blobs(one).values():
            (folder / "blobs/sha256" / blob.name).write_bytes(blob.read_bytes())
    entries = [json.loads((one / "index.json").read_text())["manifests"][0] for one in (first, second)]
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))


def fewer_layers(raw: bytes) -> bytes:
    manifest = json.loads(raw)
    return json.dumps(manifest | {"layers": manifest["layers"][:1]}).encode()


def data(change: Callable[[bytes], bytes], file: str = DB) -> Callable[[Path], None]:
    """A good database of which a file holds something else."""

    def make(folder: Path) -> None:
        path = trivydb.write(folder) / file
        path.write_bytes(change(path.read_bytes()))

    return make


def tables(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    """A sound database with other buckets."""

    def make(folder: Path) -> None:
        trivydb.write(folder)
        tables = trivydb.tables(trivydb.RECORDS)
        change(tables)
        (folder / DB).write_bytes(trivydb.bbolt(tables))

    return make


def empty(tables: dict[str, object]) -> None:
    for name in tables:
        tables[name] = trivydb.Bucket()


def unknown(tables: dict[str, dict[str, object]]) -> None:
    del tables["vulnerability"][HIGH]


def dated(day: str) -> Callable[[Path], None]:
    return data(lambda raw: json.dumps(json.loads(raw) | {"UpdatedAt": day}).encode(), "db/metadata.json")


def lost_meta(raw: bytes) -> bytes:
    """The page that holds the last commit is lost: the commit before, an empty one, counts."""
    page = trivydb.PAGE
    empty = trivydb.bbolt({})
    return empty[:page] + bytes(page) + raw[2 * page : 3 * page] + empty[3 * page : 4 * page] + raw[4 * page :]


def flipped(seed: int) -> Callable[[bytes], bytes]:
    def flip(raw: bytes) -> bytes:
        chance, content = random.Random(seed), bytearray(raw)
        for _ in range(64):
            content[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        return bytes(content)

    return flip


def page(number: int, content: bytes) -> Callable[[bytes], bytes]:
    page = trivydb.PAGE
    return lambda raw: raw[: number * page] + content.ljust(page, b"\0") + raw[(number + 1) * page :]


def folder(folder: Path) -> None:
    (trivydb.write(folder) / DB).unlink()
    (folder / DB).mkdir()


def garbage(raw: bytes) -> bytes:
    return random.Random(1).randbytes(len(raw))


def other_diff(folder: Path) -> None:
    """A sound layout whose configuration says other files: scanners remember layers by that name."""
    layout(folder, app())
    found = layouts.blobs(folder)
    config = json.loads(found["config"].read_bytes())
    other = layouts.blobs(layout(folder / "other", GOOD))["config"]
    config["rootfs"] = json.loads(other.read_bytes())["rootfs"]
    manifest = json.loads(found["manifest"].read_bytes())
    manifest["config"] |= layouts.put(folder, json.dumps(config).encode())
    index = json.loads((folder / "index.json").read_text())
    index["manifests"][0] |= layouts.put(folder, json.dumps(manifest).encode())
    (folder / "index.json").write_text(json.dumps(index))
