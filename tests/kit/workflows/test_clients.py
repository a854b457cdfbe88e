"""What GitHub's own clients make of a run that is re-run, and of a storage that is full, with the real `slipway`."""

import json
import shutil

import pytest
from workflows.harness.real import PUBLISHED, RED, VERIFIED, Bench
from workflows.harness.runner import Run

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]


def annotations(run: Run, level: str) -> str:
    """What GitHub would show beside verify.yml at one level: title and message."""
    found = run.jobs["verify/verify"].annotations
    return "\n".join(f"{a.properties.get('title', '')}: {a.message}" for a in found if a.level == level)


def test_a_re_run_publishes_the_image_of_its_own_attempt(bench: Bench, files: dict[str, str]) -> None:
    """The first attempt hands an image over and fails; its artifact has the higher id, as GitHub's may have."""
    first, sha = bench.shop({**files, "mode.txt": "ill"})
    bench.deliver(first, sha).check(
        {"verify/verify": RED | {"verify/integration": "failure"}, "publish/publish": "never", "deploy/deploy": "never"}
    )
    second, sha = bench.shop(files)
    kept = second.state / "artifacts" / second.run_id
    shutil.copytree(first.state / "artifacts", kept.parent)
    (kept / "1001").rename(kept / "2001")
    older = json.loads((kept / "2001" / "meta.json").read_text()) | {"id": 2001}
    (kept / "2001" / "meta.json").write_text(json.dumps(older))
    second.environment["GITHUB_RUN_ATTEMPT"] = "2"
    run = bench.deliver(second, sha)
    run.check({"verify/verify": VERIFIED, "publish/publish": PUBLISHED, "deploy/deploy": "success"})
    verified = run.jobs["verify/verify"].outputs
    assert verified["verify/layout/do"]["artifact-id"] == "1001"
    newer = json.loads((kept / "1001" / "meta.json").read_text())
    assert (newer["attempt"], newer["name"] == older["name"]) == ("2", False)
    assert run.jobs["deploy/deploy"].outputs["deploy"]["digest"] == verified["verify/image"]["digest"]


def test_where_the_storage_is_full_the_image_is_not_handed_over(bench: Bench, files: dict[str, str]) -> None:
    """That is red, with GitHub's reason and what to do; reports that cannot be kept are a warning."""
    shop, sha = bench.shop(files)
    (shop.state / "storage-is-full").touch()
    run = bench.deliver(shop, sha)
    lost = {"verify/layout": "failure", "verify/report": "failure", "verify/page": "failure"}
    later = {"verify/integration": "skipped", "verify/saved": "skipped", "verify/explain": "success"}
    run.check({"verify/verify": RED | lost | later, "publish/publish": "never", "deploy/deploy": "never"})
    errors = annotations(run, "error")
    assert "Artifact storage quota has been hit" in errors and "The image was not handed over" in errors
    assert "Reports were not kept: Not kept: findings and page." in annotations(run, "warning")
