"""Image layouts made by hand, down to the byte: what no build makes can be tried too."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

KIND = "application/vnd.oci.image."
OS_RELEASE = 'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="13"\n'
DPKG = "Package: {}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 13.8\nMaintainer: x\n\n"
SYSTEM = ("base-files", "bash", "coreutils", "dpkg", "grep", "libc6", "login", "mount", "perl-base", "sed", "zlib1g")
METADATA = "Metadata-Version: 2.1\nName: gunicorn\nVersion: {}\n"
PYTHON = "usr/lib/python3.13/site-packages/gunicorn-{}.dist-info/METADATA"
GONE = ".wh."  # before a name: a later layer deletes it


def app(gunicorn: str = "20.1.0", **more: str) -> dict[str, str]:
    """The files of an image of an app."""
    return {
        "etc/os-release": OS_RELEASE, "etc/debian_version": "13.1\n",
        "var/lib/dpkg/status": "".join(map(DPKG.format, SYSTEM)),
        PYTHON.format(gunicorn): METADATA.format(gunicorn),
    } | more  # fmt: skip


def layout(folder: Path, *layers: dict[str, str], architecture: str = "amd64", **configuration: Any) -> Path:
    """An image layout of one image with these layers of files."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    raw = [_tar(files) for files in layers]
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in raw]}
    config = {"architecture": architecture, "os": "linux", "config": configuration, "rootfs": rootfs}
    manifest = {
        "schemaVersion": 2,
        "mediaType": KIND + "manifest.v1+json",
        "config": put(folder, json.dumps(config).encode()) | {"mediaType": KIND + "config.v1+json"},
        "layers": [put(folder, gzip.compress(r, mtime=0)) | {"mediaType": KIND + "layer.v1.tar+gzip"} for r in raw],
    }
    entry = put(folder, json.dumps(manifest).encode()) | {"mediaType": KIND + "manifest.v1+json"}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return folder


def put(folder: Path, content: bytes) -> dict[str, Any]:
    """Write a blob; its digest and size."""
    digest = hashlib.sha256(content).hexdigest()
    (folder / "blobs" / "sha256" / digest).write_bytes(content)
    return {"digest": f"sha256:{digest}", "size": len(content)}


def digest(folder: Path) -> str:
    """The digest of the (first) image of a layout."""
    return str(json.loads((folder / "index.json").read_bytes())["manifests"][0]["digest"])


def blobs(folder: Path) -> dict[str, Path]:
    """The blobs of a layout by what they are: manifest, config, layer0, layer1 …"""
    home = folder / "blobs" / "sha256"
    found = {"manifest": home / digest(folder).removeprefix("sha256:")}
    manifest = json.loads(found["manifest"].read_bytes())
    found["config"] = home / manifest["config"]["digest"].removeprefix("sha256:")
    for number, layer in enumerate(manifest["layers"]):
        found[f"layer{number}"] = home / layer["digest"].removeprefix("sha256:")
    return found


def packed(files: dict[str, str]) -> bytes:
    """A layer's blob with these files."""
    return gzip.compress(_tar(files), mtime=0)


def _tar(files: dict[str, str]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return raw.getvalue()


def unpacked(blob: bytes) -> bytes:
    """The tar of a layer's blob."""
    return gzip.decompress(blob)
