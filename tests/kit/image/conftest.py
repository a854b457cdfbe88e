"""OCI layouts, written by hand."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Layout:
    """A layout folder of one image."""

    path: Path
    digest: str
    config: str
    layers: list[str]

    def blob(self, digest: str) -> Path:
        """Where a blob lies."""
        return self.path / "blobs" / "sha256" / digest.removeprefix("sha256:")


def put(folder: Path, content: bytes) -> str:
    """Write a blob and return its digest."""
    digest = hashlib.sha256(content).hexdigest()
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / digest).write_bytes(content)
    return f"sha256:{digest}"


def make(
    folder: Path,
    layers: tuple[bytes, ...] = (b"layer one", b"layer two"),
    config: Any = None,
    more: dict[str, Any] | None = None,
) -> Layout:
    """Write an image layout; `more` goes into the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    digests = [put(folder, layer) for layer in layers]
    config = {"os": "linux", "architecture": "amd64", "config": {}} if config is None else config
    config_digest = put(folder, json.dumps(config).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"digest": config_digest, "size": 1},
        "layers": [{"digest": d, "size": len(c)} for d, c in zip(digests, layers, strict=True)],
    } | (more or {})
    digest = put(folder, json.dumps(manifest).encode())
    index = {"schemaVersion": 2, "manifests": [{"digest": digest, "size": 1}]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return Layout(folder, digest, config_digest, digests)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Layout]:
    """Writes layouts below the test's folder."""
    return lambda name="layout", **how: make(tmp_path / name, **how)
