"""The layer cache on a machine that has nothing else: an engine of its own for each build, and a registry that counts.

Two things are asked of the registry all the same, a few kilobytes: BuildKit resolves the manifest and the configuration
of every base image.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import Done, Engine, Project, docker
from workflows.harness import tokens
from workflows.harness.real import VERIFIED, Bench
from workflows.harness.registry import Registry

from slipway.image import layout

pytestmark = [pytest.mark.engine, pytest.mark.root, pytest.mark.timeout(300)]

BASE = "public/python"
DEPENDENCIES = "RUN install -d -m 1777 /reports"
SOURCE = "COPY server.py mode.txt ./"


def serve(registry: Registry, image: str, folder: Path) -> str:
    """Put a base image into the registry; its name with tag and digest, for images.toml."""
    name = f"{registry.host}/{BASE}:3.13"
    login = ["--config", str(folder), "login", registry.host, "-u", "dev", "--password-stdin"]
    assert docker(*login, input=tokens.make({"packages": "write"})).returncode == 0
    assert docker("tag", image, name).returncode == 0
    pushed = docker("--config", str(folder), "push", "--quiet", name)
    assert pushed.returncode == 0, pushed.stderr
    digest = json.loads(docker("image", "inspect", name).stdout)[0]["Id"]
    docker("rmi", name)
    return f"{name}@{digest}"


@pytest.fixture
def small(
    tmp_path: Path, base_images: dict[str, str], registry: Registry, database: Path
) -> Iterator[tuple[Project, str]]:
    """A small project whose base image is in the registry, and the name of that image."""
    base = serve(registry, base_images["PYTHON_IMAGE"], tmp_path / "config")
    project = Project.make(tmp_path, base_images | {"PYTHON_IMAGE": base}, 5001, database, {})
    images = [line for line in (project.root / "images.toml").read_text().splitlines() if "PYTHON_IMAGE" not in line]
    project.write("images.toml", "\n".join([*images, f'PYTHON_IMAGE = "{base}"', ""]))
    yield project, base
    shutil.rmtree(project.environment["TMPDIR"], ignore_errors=True)


def build(project: Project, engine: Engine, **environment: str) -> Done:
    """`slipway run build` on a machine that has nothing of an earlier run."""
    shutil.rmtree(project.root / ".slipway", ignore_errors=True)
    done = project.run("build", **engine.environment, **environment)
    assert done.code == 0, done.text
    return done


def layers(registry: Registry, base: str) -> list[str]:
    """The layers of the base image."""
    shown = subprocess.run(
        ["docker", "buildx", "imagetools", "inspect", "--raw", base.replace(":3.13@", "@")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [layer["digest"] for layer in json.loads(shown.stdout)["layers"]]


def test_a_source_change_pulls_no_base_layer(
    small: tuple[Project, str], registry: Registry, engine: Callable[..., Engine], tmp_path: Path
) -> None:
    project, base = small
    cache, blobs = str(tmp_path / "cache"), {f"blobs/{digest}" for digest in layers(registry, base)}
    registry.requests.clear()
    build(project, engine(network=True), SLIPWAY_BUILD_CACHE_TO=cache)
    assert blobs <= set(registry.pulled(BASE)), "a first build pulls the base"
    assert f"{DEPENDENCIES} CACHED" not in project.log("build")

    project.write("mode.txt", "changed")
    registry.requests.clear()
    build(project, engine(network=True), SLIPWAY_BUILD_CACHE_FROM=cache)
    asked = registry.pulled(BASE)
    assert not blobs & set(asked), "the next one has it from the cache"
    assert sorted(one.partition("/")[0] for one in asked) == ["blobs", "manifests"], "manifest and configuration alone"
    assert f"{DEPENDENCIES} CACHED" in project.log("build")
    assert f"{SOURCE} CACHED" not in project.log("build"), "what changed is built"


def test_what_a_damaged_cache_holds_is_not_believed(
    small: tuple[Project, str], engine: Callable[..., Engine], tmp_path: Path
) -> None:
    project, _ = small
    cache = tmp_path / "cache"
    build(project, engine(network=True), SLIPWAY_BUILD_CACHE_TO=str(cache))
    blobs = [blob for blob in (cache / "blobs/sha256").iterdir() if blob.read_bytes()[:2] == b"\x1f\x8b"]
    smallest = min(blobs, key=lambda blob: blob.stat().st_size)
    smallest.write_bytes(smallest.read_bytes()[:-1] + b"x")
    again = build(project, engine(network=True), SLIPWAY_BUILD_CACHE_FROM=str(cache))
    assert layout.read(project.root / ".slipway/layout").digest == again.record["image"]["digest"]


def test_an_entry_that_is_there_is_not_written_again(bench: Bench, files: dict[str, str]) -> None:
    """The second push of the same dependencies restores the first one's layers, and saves nothing."""
    saved = []
    before = None
    for mode in ("well", "better"):
        shop, sha = bench.shop({**files, "mode.txt": mode})
        if before:
            shutil.copytree(before, shop.state / "cache")
        inputs = {"image": bench.image, "scan-database": str(bench.database)}
        run = bench.call("verify", shop, sha, inputs, permissions={"contents": "read"})
        run.check({"call/verify": VERIFIED if not before else VERIFIED | {"verify/saved": "skipped"}})
        saved.append([one.get("matched") for one in run.records("cache.jsonl") if "restore" in one])
        before = shop.state / "cache"
    ((first,), (second,)) = saved
    assert not first and second.startswith("slipway-layers-")
