"""One image, one digest: what is in the layout, in the engine and in the registry is the same, and only that."""

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Project, docker

from slipway.stages.build import SOURCE_DATE_EPOCH

pytestmark = pytest.mark.engine


def blobs(shop: Project) -> set[str]:
    return {p.name for p in (shop.root / ".slipway/layout/blobs/sha256").iterdir()}


def manifest(shop: Project) -> tuple[str, dict]:  # type: ignore[type-arg]
    """Digest and manifest of the only image in the layout."""
    layout = shop.root / ".slipway/layout"
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    digest = entry["digest"]
    return digest, json.loads((layout / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes())


def test_the_layout_holds_one_image_and_nothing_of_earlier_ones(project: Callable[..., Project]) -> None:
    shop = project()
    seen = []
    for mode in ("well", "ill"):
        shop.write("mode.txt", mode)
        done = shop.run("build")
        digest, content = manifest(shop)
        assert digest == done.record["image"]["digest"], done.text
        parts = [digest, content["config"]["digest"], *(layer["digest"] for layer in content["layers"])]
        assert blobs(shop) == {part.removeprefix("sha256:") for part in parts}
        config = json.loads(
            (shop.root / ".slipway/layout/blobs/sha256" / parts[1].removeprefix("sha256:")).read_bytes()
        )
        # The constant, not the time of the build or of the commit: another would give every layer another digest.
        assert int(SOURCE_DATE_EPOCH) == int(
            __import__("datetime").datetime.fromisoformat(config["created"]).timestamp()
        )
        seen.append((digest, [layer["digest"] for layer in content["layers"]]))
    (one, layers), (other, others) = seen
    assert one != other
    assert layers[:-1] == others[:-1]


def test_engine_and_registry_show_that_digest_and_no_stray_name(project: Callable[..., Project]) -> None:
    shop = project()
    done = shop.run("build")
    digest = done.record["image"]["digest"]
    # Named R@D by us: no tag, and no name that could not be removed again.
    listing = docker("image", "ls", "--digests", "--no-trunc", "--format", "{{.Tag}} {{.Digest}}", shop.repository)
    assert listing.stdout.split("\n")[:-1] == [f"<none> {digest}"]
    assert docker("image", "inspect", "--format", "{{.Id}}", f"{shop.repository}@{digest}").stdout.strip() == digest

    done = shop.run("publish", "--skip", "lint", "--skip", "test", "--skip", "scan")
    assert done.code == 0, done.text
    assert "local" in shop.tags()
    for tag in shop.tags():
        url = f"http://127.0.0.1:{shop.registry_port}/v2/{shop.root.name}/manifests/{tag}"
        request = urllib.request.Request(url, headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.headers["Docker-Content-Digest"] == digest, tag


def test_an_image_that_was_removed_is_not_reused(project: Callable[..., Project]) -> None:
    shop = project()
    digest = shop.run("build").record["image"]["digest"]
    docker("rmi", f"{shop.repository}@{digest}")
    again = shop.run("build")
    assert again.stage("build")["status"] == "passed", again.text
    assert again.record["image"]["digest"] == digest
    assert docker("image", "inspect", digest).returncode == 0


def test_the_image_of_an_earlier_run_goes_but_not_the_one_that_runs(project: Callable[..., Project]) -> None:
    shop = project()
    only = ("deploy", "--skip", "lint", "--skip", "test", "--skip", "scan", "--skip", "integration")
    live = shop.run(*only).record["image"]["digest"]
    shop.write("mode.txt", "ill")
    second = shop.run("build").record["image"]["digest"]
    shop.write("mode.txt", "wrong")
    third = shop.run("build").record["image"]["digest"]
    there = {d: docker("image", "inspect", d).returncode == 0 for d in (live, second, third)}
    assert there == {live: True, second: False, third: True}
    assert shop.get("/version")["mode"] == "well"


def test_the_runs_folder_is_private_to_git_and_to_the_image(project: Callable[..., Project]) -> None:
    shop = project(**{".dockerignore": ""})
    shop.replace("Dockerfile", "COPY server.py mode.txt ./", "COPY . ./")
    first = shop.run("build")
    again = shop.run("build")
    assert again.stage("build")["status"] == "reused", again.text
    assert again.record["image"]["digest"] == first.record["image"]["digest"]
    assert (shop.root / ".slipway/.gitignore").read_text() == "*\n"
    assert Path(shop.root / ".slipway/latest").resolve().name == again.record["id"]
