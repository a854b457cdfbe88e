"""An OCI image layout in a folder: read it, prove every blob, hand it to the engine."""

import hashlib
import io
import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.errors import Broken
from slipway.image.reference import DIGEST

NAME = "io.containerd.image.name"  # annotation in index.json, no part of any digest
_NOTES = "verified.json"  # beside the layout: blobs that were hashed, by size, times and inode


@dataclass(frozen=True)
class Image:
    """One image of one platform, as its layout describes it."""

    digest: str  # of the manifest
    config_digest: str
    platform: str
    layers: tuple[str, ...]  # digests, base first
    sizes: tuple[int, ...]  # bytes, compressed, as `layers`
    config: dict[str, Any]
    manifest: bytes
    name: str = ""  # registry/path@digest that its build gave it; empty without

    @property
    def size(self) -> int:
        """Bytes to pull, compressed."""
        return sum(self.sizes)


def read(layout: Path) -> Image:
    """Read the layout and check every blob against its digest.

    BuildKit does not look at blobs that already lie in a folder it exports into, and `docker load` and Trivy
    believe names: a swapped layer would go through all of them. So each is hashed here, once for each
    (size, times, inode).

    Raises:
        Broken: the layout does not hold exactly one image, or a blob is missing or not what its name says.
    """
    try:
        index = json.loads((layout / "index.json").read_bytes())
        entries = index["manifests"]
        if len(entries) != 1:
            raise Broken(f"{layout}/index.json lists {len(entries)} images, not one. Run again with --fresh.")
        seen = _Seen(layout)
        digest = entries[0]["digest"]
        raw = seen.blob(digest)
        manifest = json.loads(raw)
        config_digest = manifest["config"]["digest"]
        config = json.loads(seen.blob(config_digest))
        layers = tuple(layer["digest"] for layer in manifest["layers"])
        for layer in layers:
            seen.check(layer)
        platform = f"{config.get('os', 'linux')}/{config.get('architecture', '')}"
        sizes = tuple(int(layer["size"]) for layer in manifest["layers"])
        name = str((entries[0].get("annotations") or {}).get(NAME, ""))
        seen.save()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Broken(f"the image layout {layout} is damaged: {error}. Run again with --fresh.") from error
    return Image(digest, config_digest, platform, layers, sizes, config, raw, name)


def give_name(layout: Path, name: str) -> None:
    """Write the image's full name into the layout, for whoever publishes it without the project's settings.

    BuildKit replaces the entry that it made before by its own annotation, which is left as it is.
    """
    index = json.loads((layout / "index.json").read_bytes())
    entry = index["manifests"][0]
    entry["annotations"] = {**(entry.get("annotations") or {}), NAME: name}
    (layout / "index.json").write_text(json.dumps(index))


class _Seen:
    """Hashes blobs, and remembers which file it hashed."""

    def __init__(self, layout: Path):
        self._blobs = layout / "blobs" / "sha256"
        self._notes = layout.with_name(layout.name + "-" + _NOTES)
        try:
            noted = json.loads(self._notes.read_bytes())
        except (OSError, ValueError):
            noted = {}
        self._known: dict[str, list[int]] = noted if isinstance(noted, dict) else {}
        self._now: dict[str, list[int]] = {}

    def path(self, digest: str) -> Path:
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is not a SHA-256 digest")
        return self._blobs / digest.removeprefix("sha256:")

    def blob(self, digest: str) -> bytes:
        content = self.path(digest).read_bytes()
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            raise ValueError(f"blob {digest} holds other content than its name says")
        self._now[digest] = self._stamp(digest)
        return content

    def check(self, digest: str) -> None:
        if self._known.get(digest) != self._stamp(digest):
            with self.path(digest).open("rb") as file:
                if f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" != digest:
                    raise ValueError(f"blob {digest} holds other content than its name says")
        self._now[digest] = self._stamp(digest)

    def _stamp(self, digest: str) -> list[int]:
        stat = self.path(digest).stat()
        # ctime too: the others can be put back after a change, this one cannot.
        return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]

    def save(self) -> None:
        """Note what was hashed, and drop blobs that belong to earlier images: the folder would only grow."""
        if self._now != self._known:
            self._notes.write_text(json.dumps(self._now))
        for path in self._blobs.iterdir():
            if f"sha256:{path.name}" not in self._now:
                path.unlink()


def archive(layout: Path, image: Image, name: str, *, layers: bool) -> bytes:
    """A tar of the layout for `docker load`, naming the image ourselves.

    Args:
        name: full name with host; given as R@D it names the digest and no tag.
        layers: False leaves the layers out: the engine that built them has them already (0.05 s instead of 1 s),
            and says so when it has not (see tools/loading.py).
    """
    entry = {
        "mediaType": json.loads(image.manifest).get("mediaType", "application/vnd.oci.image.manifest.v1+json"),
        "digest": image.digest,
        "size": len(image.manifest),
        "annotations": {NAME: name},
    }
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(tar, "index.json", index)
        for digest in (image.digest, image.config_digest, *(image.layers if layers else ())):
            path = f"blobs/sha256/{digest.removeprefix('sha256:')}"
            tar.add(os.fspath(layout / path), path)
    return target.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def single_layer(folder: Path) -> tuple[str, Path]:
    """Digest and path of the only layer of the only artifact in a layout, checked.

    Raises:
        OSError, ValueError, KeyError: it is not such a layout.
    """
    seen = _Seen(folder)
    entries = json.loads((folder / "index.json").read_bytes())["manifests"]
    if len(entries) != 1:
        raise ValueError(f"index.json lists {len(entries)} artifacts, not one")
    layers = json.loads(seen.blob(entries[0]["digest"]))["layers"]
    if len(layers) != 1:
        raise ValueError(f"the artifact has {len(layers)} layers, not one")
    seen.check(layers[0]["digest"])
    return str(layers[0]["digest"]), seen.path(layers[0]["digest"])
