"""What the docs tell people to copy: workflows that GitHub would take, and the kit itself, executed as a copy."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import REPOSITORY
from workflows.harness import places
from workflows.harness.real import VERIFIED, Bench

from slipway.cli import main

HOW_TO = REPOSITORY / "docs" / "how-to"
CALLER = """\
on: push
permissions: {}
jobs:
  verify:
    uses: $/.github/workflows/verify.yml
    permissions: {contents: read}
"""


def test_push_to_deploy_is_a_caller_of_at_most_60_lines() -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", (HOW_TO / "push-to-deploy.md").read_text(), re.M | re.S)
    assert len(block.splitlines()) <= 60


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A project's repository after the commands of copy-the-kit.md, from this repository's last commit."""
    project = tmp_path / "shop"
    project.mkdir()
    (project / "app.py").write_text("from flask import Flask\n\napp = Flask(__name__)\n")
    (project / "requirements.txt").write_text("flask\n")
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True, timeout=60)
    (block,) = re.findall(r"^```sh\n(.*?)^```", (HOW_TO / "copy-the-kit.md").read_text(), re.M | re.S)
    here = block.replace("https://github.com/OWNER/slipway", str(REPOSITORY))
    assert here != block
    subprocess.run(["bash", "-eo", "pipefail", "-c", here], cwd=project, check=True, timeout=120)
    return project


def committed(name: str) -> bytes:
    return subprocess.run(
        ["git", "show", f"HEAD:{name}"], cwd=REPOSITORY, capture_output=True, check=True, timeout=60
    ).stdout


def test_a_copy_is_the_same_bytes(copied: Path) -> None:
    """Nothing is rewritten for it, and nothing that a caller can refer to is missing."""
    files = {
        str(f.relative_to(copied)): f
        for folder in ("scripts", ".github")
        for f in (copied / folder).rglob("*")
        if f.is_file() and f.name not in ("deliver.yml", "slipway-kit.toml")
    }
    assert {name for name, file in files.items() if file.read_bytes() != committed(name)} == set()
    own = {"ci.yml", "kit.yml", "release.yml"}  # this repository's
    called = {f.name for f in places.workflow_files() if f.name not in own and not f.name.startswith("selftest")}
    assert {f.name for f in places.workflow_files(copied)} - {"deliver.yml"} == called
    assert [f.parent.name for f in places.action_files(copied)] == ["deploy", "setup", "verify"]


@pytest.mark.engine
@pytest.mark.timeout(400)
def test_a_copy_goes_by_itself(copied: Path, bench: Bench, files: dict[str, str]) -> None:
    """Called as the project's own files, with the kit that lies beside them and nothing of this repository."""
    for path in copied.iterdir():
        if path.name not in ("scripts", ".github", ".git"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, text in files.items():
        (copied / name).parent.mkdir(parents=True, exist_ok=True)
        (copied / name).write_text(text)
    (copied / ".github/workflows/deliver.yml").write_text(CALLER)
    checked = CliRunner().invoke(main, ["check", "-C", str(copied)])
    assert checked.exit_code == 0, checked.stdout
    shop, sha = bench.shop(copied, kit=copied)
    inputs = {"image": bench.image, "scan-database": str(bench.database)}
    run = bench.call("verify", shop, sha, inputs, permissions={"contents": "read"})
    run.check({"call/verify": VERIFIED})
    assert run.jobs["call/verify"].outputs["verify/image"]["digest"].startswith("sha256:")
