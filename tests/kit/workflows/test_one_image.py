"""À la carte is one image too: build.yml hands it over, and the stages after it run on exactly that digest."""

import html
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import free_port
from workflows.harness.real import Bench
from workflows.harness.registry import Registry
from workflows.harness.runner import Run, Shop

from slipway.image.reference import short

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

READ = {"contents": "read"}


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory, registry: Registry, database: Path, files: dict[str, str], act: Path
) -> Iterator[tuple[Bench, Shop, dict[str, str]]]:
    """One image by build.yml; the inputs of the later stages for it."""
    bench = Bench(tmp_path_factory.mktemp("built"), registry, database, free_port())
    try:
        shop, sha = bench.shop(files)
        run = bench.call("build", shop, sha, {"image": bench.image}, permissions=READ)
        assert run.jobs["call/build"].result == "success", run.tail()
        outputs = run.jobs["call/build"].outputs
        artifact = outputs["verify/layout/do"]["artifact-id"]
        yield bench, shop, {"digest": outputs["verify/image"]["digest"], "artifact-id": artifact}
    finally:
        bench.end()


def later(built: tuple[Bench, Shop, dict[str, str]], stage: str, files: dict[str, str], **spoilt: str) -> Run:
    """A later stage, on a runner that has nothing of the build but the artifact."""
    bench, made, inputs = built
    shop, sha = bench.shop(files)
    shutil.copytree(made.state / "artifacts", shop.state / "artifacts")
    given = {"image": bench.image, "scan-database": str(bench.database), **inputs, **spoilt}
    return bench.call(stage, shop, sha, given, permissions=READ)


@pytest.mark.parametrize("stage", ["test", "scan", "integration"])
def test_a_later_stage_runs_on_the_digest_that_was_built(
    built: tuple[Bench, Shop, dict[str, str]], files: dict[str, str], stage: str
) -> None:
    """The source differs by then, as after another commit: a build of its own would be another digest."""
    run = later(built, stage, files | {"mode.txt": "well "})
    assert run.jobs[f"call/{stage}"].result == "success", run.tail()
    outputs = run.jobs[f"call/{stage}"].outputs["verify/image"]
    assert outputs["digest"] == built[2]["digest"]
    said = html.unescape(run.jobs[f"call/{stage}"].summaries["verify/image"])
    assert "built by another job" in said
    if stage == "integration":
        assert f"1 passed on {short(built[2]['digest'])}" in said


def test_a_swapped_image_is_red(built: tuple[Bench, Shop, dict[str, str]], files: dict[str, str]) -> None:
    run = later(built, "scan", files, digest="sha256:" + "7" * 64)
    assert run.jobs["call/scan"].steps["verify/image"] == "failure"
    said = "\n".join(a.message for a in run.jobs["call/scan"].annotations if a.level == "error")
    assert "it was swapped or mixed up. Nothing ran on it" in said


def test_a_swapped_artifact_is_red(built: tuple[Bench, Shop, dict[str, str]], files: dict[str, str]) -> None:
    """A right artifact of another image, under the id that was handed over."""
    bench, _, inputs = built
    shop, sha = bench.shop(files | {"mode.txt": "other"})
    run = bench.call("build", shop, sha, {"image": bench.image}, permissions=READ)
    outputs = run.jobs["call/build"].outputs
    assert outputs["verify/image"]["digest"] != inputs["digest"]
    swapped = (bench, shop, inputs | {"artifact-id": outputs["verify/layout/do"]["artifact-id"]})
    run = later(swapped, "integration", files)
    assert run.jobs["call/integration"].steps["verify/image"] == "failure"
    said = "\n".join(a.message for a in run.jobs["call/integration"].annotations if a.level == "error")
    assert "it was swapped or mixed up. Nothing ran on it" in said


def test_a_digest_without_an_artifact_is_refused(
    built: tuple[Bench, Shop, dict[str, str]], files: dict[str, str]
) -> None:
    run = later(built, "scan", files, **{"artifact-id": ""})
    assert run.jobs["call/scan"].steps["verify/image"] == "failure"
    said = "\n".join(a.message for a in run.jobs["call/scan"].annotations if a.level == "error")
    assert "pass both outputs of build.yml: `artifact-id` and `digest`" in said
