"""Artifacts of a run, as the stand-in for GitHub's store keeps them."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any


def zipped(state: Path) -> bytes:
    """What the build in a state folder hands over."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in [state / "sbom.cdx.json", *sorted((state / "layout").rglob("*"))]:
            if file.is_file():
                archive.write(file, str(file.relative_to(state)))
    return content.getvalue()


def forms(archive: Any) -> set[str]:
    """The names in an archive, those of all blobs alike."""
    with zipfile.ZipFile(archive) as opened:
        return {"blob" if "/blobs/" in name else name for name in opened.namelist()}


def put(artifacts: Path, number: str, name: str, content: bytes) -> str:
    """One more artifact of the run; its id."""
    place = artifacts / "4711" / number
    place.mkdir(parents=True)
    (place / "a.zip").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (place / "meta.json").write_text(json.dumps({"id": int(number), "name": name, "digest": digest}))
    return number


def another(archive: Path, digest: str) -> tuple[str, bytes]:
    """Another image of the same platform, its manifest with a remark: its digest, and the archive."""
    with zipfile.ZipFile(archive) as opened:
        held = {name: opened.read(name) for name in opened.namelist()}
    index = json.loads(held["layout/index.json"])
    manifest = json.loads(held.pop(f"layout/blobs/sha256/{digest.removeprefix('sha256:')}"))
    changed = json.dumps({**manifest, "annotations": {"remark": "another"}}).encode()
    fresh = hashlib.sha256(changed).hexdigest()
    index["manifests"][0] |= {"digest": f"sha256:{fresh}", "size": len(changed)}
    held |= {"layout/index.json": json.dumps(index).encode(), f"layout/blobs/sha256/{fresh}": changed}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, blob in held.items():
            archive.writestr(name, blob)
    return f"sha256:{fresh}", content.getvalue()


def rename(artifacts: Path, image: str) -> None:
    """Let every image in these artifacts be one of another repository, for a test that publishes it there."""
    for place in artifacts.glob("*/*"):
        with zipfile.ZipFile(place / "a.zip") as opened:
            held = {name: opened.read(name) for name in opened.namelist()}
        if "layout/index.json" not in held:
            continue
        index = json.loads(held["layout/index.json"])
        (entry,) = index["manifests"]
        entry["annotations"] = {**entry["annotations"], "io.containerd.image.name": f"{image}@{entry['digest']}"}
        held["layout/index.json"] = json.dumps(index).encode()
        with zipfile.ZipFile(place / "a.zip", "w") as archive:
            for name, content in held.items():
                archive.writestr(name, content)
        meta = json.loads((place / "meta.json").read_text())
        meta["digest"] = hashlib.sha256((place / "a.zip").read_bytes()).hexdigest()
        (place / "meta.json").write_text(json.dumps(meta))
