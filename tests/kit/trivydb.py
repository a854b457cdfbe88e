"""Writes a small vulnerability database as Trivy reads it: one bbolt file and its metadata.

The advisories are real records (gunicorn, flask; see advisories.json beside this file). The format of the file:
pages of 4096 bytes, two meta pages, a free list, and here one leaf page for each bucket.
"""

import json
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

PAGE = 4096
LEAF, META, FREELIST = 0x02, 0x04, 0x10
PYTHON = "pip::GitHub Security Advisory Pip"
DEBIAN = "debian 13"
RECORDS = json.loads(Path(__file__).with_name("advisories.json").read_text())
# What every real database has, and the canary looks for. Debian rates these as unimportant and will fix none of them.
UNFIXED = {"tar": "CVE-2005-2541", "apt": "CVE-2011-3374", "util-linux": "CVE-2022-0563"}
OLDEST = "CVE-2018-1000656"  # of Flask


def write(
    folder: Path, *, updated: datetime | None = None, only: tuple[str, ...] | None = None, without: tuple[str, ...] = ()
) -> Path:
    """Write db/trivy.db and db/metadata.json below `folder`; returns `folder`.

    Args:
        updated: when the data are from; now by default.
        only: the advisories on Python packages that it knows, beside the oldest; all by default.
        without: buckets that it lacks.
    """
    target = folder / "db"
    target.mkdir(parents=True, exist_ok=True)
    known = [r for r in RECORDS if only is None or r["id"] in (*only, OLDEST)]
    buckets = {name: bucket for name, bucket in tables(known).items() if name not in without}
    (target / "trivy.db").write_bytes(bbolt(buckets))
    when = updated or datetime.now(UTC)
    metadata = {"Version": 2, "UpdatedAt": when, "NextUpdate": when + timedelta(days=1), "DownloadedAt": when}
    text = json.dumps(metadata, default=lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    (target / "metadata.json").write_text(text)
    return folder


def tables(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Buckets as nested dicts, values as JSON."""
    found: dict[str, Any] = {
        "data-source": {
            PYTHON: {"ID": "ghsa", "Name": "GitHub Security Advisory Pip", "URL": "https://github.com/advisories"},
            DEBIAN: {"ID": "debian", "Name": "Debian Security Tracker", "URL": "https://security-tracker.debian.org"},
        },
        PYTHON: {},
        DEBIAN: {name: Bucket({id: {"Severity": 1, "Status": 2}}) for name, id in UNFIXED.items()},
        "vulnerability": {id: {"Title": f"in {name}", "Severity": "LOW"} for name, id in UNFIXED.items()},
    }
    packages: dict[str, Bucket] = {}
    for record in records:
        entry = {"PatchedVersions": record["patched_versions"], "VulnerableVersions": record["vulnerable_ranges"]}
        packages.setdefault(record["package"].lower(), Bucket())[record["id"]] = entry
        found["vulnerability"][record["id"]] = {
            "Title": record["title"],
            "Severity": record["severity"],
            "VendorSeverity": {"ghsa": _rank(record["severity"])},
        }
    found[PYTHON] = packages
    return {name: Bucket(entries) for name, entries in found.items()}


def _rank(severity: str) -> int:
    return ["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"].index(severity)


class Bucket(dict[str, Any]):
    """A bucket; any other dict is a value."""


def bbolt(root: dict[str, Any]) -> bytes:
    """A bbolt file that holds these buckets."""
    pages: list[bytes] = []  # from page 3 on
    root_page = _bucket(Bucket(root), pages)
    end = 3 + len(pages)
    freelist = struct.pack("<QHHI", 2, FREELIST, 0, 0).ljust(PAGE, b"\0")
    return _meta(0, root_page, end) + _meta(1, root_page, end) + freelist + b"".join(pages)


def _meta(number: int, root: int, end: int) -> bytes:
    head = struct.pack("<QHHI", number, META, 0, 0)
    body = struct.pack("<IIIIQQQQQ", 0xED0CDAED, 2, PAGE, 0, root, 0, 2, end, number)
    return (head + body + struct.pack("<Q", _fnv(body))).ljust(PAGE, b"\0")


def _fnv(data: bytes) -> int:
    total = 0xCBF29CE484222325
    for byte in data:
        total = (total ^ byte) * 0x100000001B3 % 2**64
    return total


def _bucket(bucket: Bucket, pages: list[bytes]) -> int:
    """Append a bucket's leaf page (its inner buckets first); returns its number."""
    entries: list[tuple[int, bytes, bytes]] = []
    for key, value in sorted(bucket.items(), key=lambda item: item[0].encode()):
        if isinstance(value, Bucket):
            entries.append((1, key.encode(), struct.pack("<QQ", _bucket(value, pages), 0)))
        else:
            entries.append((0, key.encode(), json.dumps(value).encode()))
    heads, data = b"", b""
    for position, (flags, key, value) in enumerate(entries):
        offset = 16 * (len(entries) - position) + len(data)
        heads += struct.pack("<IIII", flags, offset, len(key), len(value))
        data += key + value
    number, size = 3 + len(pages), 16 + len(heads) + len(data)
    extra = (size - 1) // PAGE
    page = (struct.pack("<QHHI", number, LEAF, len(entries), extra) + heads + data).ljust(PAGE * (1 + extra), b"\0")
    pages += [page[at : at + PAGE] for at in range(0, len(page), PAGE)]
    return number
