"""`[scan] gate = "new"` over several runs of verify.yml: pull requests read what the default branch wrote."""

import shutil
from pathlib import Path

import pytest
from workflows.harness.real import Bench
from workflows.harness.runner import Run

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

OLD = "gunicorn-20.1.0.dist-info"
METADATA = "Metadata-Version: 2.1\nName: gunicorn\nVersion: 20.1.0\n"
SECRET = "GITHUB_TOKEN=ghp_" + "x7Rk2Vq9Lm" * 3 + "B4tZ8w\n"


@pytest.fixture
def vulnerable(files: dict[str, str]) -> dict[str, str]:
    """The small project, with an old gunicorn in its image."""
    recipe = files["Dockerfile"].replace("COPY server.py", f"COPY {OLD} /opt/lib/{OLD}\nCOPY server.py")
    return files | {
        "Dockerfile": recipe, f"{OLD}/METADATA": METADATA, ".dockerignore": files[".dockerignore"] + f"!{OLD}\n",
        "slipway.toml": files["slipway.toml"] + '[scan]\ngate = "new"\n',
    }  # fmt: skip


def caches(run: Run, verb: str, key: str = "matched") -> list[str]:
    """What was restored (or saved) of baselines."""
    found = [one.get(key) for one in run.records("cache.jsonl") if verb in one and "baseline" in one[verb]]
    return [str(one) for one in found if one]


def summary(run: Run) -> str:
    return "".join(run.jobs["verify/verify"].summaries.values())


def test_a_pull_request_reads_what_the_default_branch_wrote_and_writes_nothing(
    bench: Bench, vulnerable: dict[str, str]
) -> None:
    shop, sha = bench.shop(vulnerable)
    first = bench.deliver(shop, sha)
    assert first.jobs["verify/verify"].result == "failure"
    assert "every finding counts" in summary(first)
    (saved,) = caches(first, "save", "save")

    def pull(cache: Path, **more: str) -> Run:
        shop, sha = bench.shop(vulnerable | more)
        shutil.copytree(cache, shop.state / "cache")
        run = bench.deliver(shop, sha, "pull_request", fork=True)
        assert caches(run, "restore") == [saved]
        assert caches(run, "save", "save") == []
        return run

    same = pull(shop.state / "cache")
    assert same.jobs["verify/verify"].result == "success"
    assert "in main already" in summary(same) and "CVE-2024-1135" in summary(same)
    leaking = pull(shop.state / "cache", **{"mode.txt": f"well\n{SECRET}"})
    assert leaking.jobs["verify/verify"].result == "failure"
    assert "1 finding stops this image" in summary(leaking)
