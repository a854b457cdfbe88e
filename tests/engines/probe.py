"""Ask an engine, its buildx and its compose what they can do, by doing it; print the answers as JSON.

Needs Python alone, and leaves nothing: python3 tests/engines/probe.py
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

NAME = "stand-in.invalid/probe:1"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SERVICES = "services: {web: {image: x, ports: ['80']}}\n"


def docker(*words: str, folder: Path | None = None, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["docker", *words], cwd=folder, input=stdin, capture_output=True, timeout=120, check=False)


def without_its_layer() -> bytes:
    """An image for `docker load` whose only layer no engine has, nor the archive."""
    files: dict[str, bytes] = {}

    def blob(kind: str, content: bytes) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        files[f"blobs/sha256/{digest}"] = content
        media = f"application/vnd.oci.image.{kind}"
        return {"mediaType": media, "digest": f"sha256:{digest}", "size": len(content)}

    layer = blob("layer.v1.tar", os.urandom(64))
    files.clear()
    rootfs = {"type": "layers", "diff_ids": [layer["digest"]]}
    config = blob("config.v1+json", json.dumps({"os": "linux", "architecture": "amd64", "rootfs": rootfs}).encode())
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
    entry = blob("manifest.v1+json", json.dumps(manifest).encode())
    entry["annotations"] = {"io.containerd.image.name": NAME}
    files["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def answers() -> dict[str, str]:
    """What was asked → what was answered."""
    with tempfile.TemporaryDirectory() as scratch:
        context = Path(scratch) / "context"
        odd = Path(scratch) / "100 %s"
        for folder in (context, odd):
            folder.mkdir()
        (context / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
        (odd / "stack.yml").write_text(SERVICES)
        target = {"target": {"default": {"context": str(context), "output": ["type=cacheonly"]}}}
        checks = docker("buildx", "build", "--call", "check,format=json", str(context))
        bake = docker("buildx", "bake", "--file", "-", folder=odd, stdin=json.dumps(target).encode())
        compose = docker("compose", "--file", "stack.yml", "config", "--quiet", folder=odd)
    loaded = docker("load", stdin=without_its_layer())
    docker("image", "rm", "--force", NAME)
    return {
        "BuildKit's checks of a Dockerfile": "yes" if checks.returncode == 0 else "no",
        "bake asks before it reads outside its folder": "yes" if b"additional privileges" in bake.stderr else "no",
        "compose reads a project whose path holds a `%`": "yes" if compose.returncode == 0 else "no",
        "exit code of `docker load` where a layer is missing": str(loaded.returncode),
        "newest API": docker("version", "--format", "{{.Server.APIVersion}}").stdout.decode().strip(),
    }


if __name__ == "__main__":
    print(json.dumps(answers()))
