"""The sample app, as it is in this repository, from source to a verified local deployment."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import REPOSITORY, Project, docker

from slipway.tools.buildx import ALLOWED

pytestmark = pytest.mark.engine
WITHOUT = (
    ".*", "scripts", "benchmarks", "docs", "kit", "bare", "engines", "machines", "secrets", "instance", "__pycache__",
    "node_modules",
)  # fmt: skip


def sample(project: Callable[..., Project]) -> Project:
    """A copy of the repository's sample, with secrets as `make run` makes them."""
    shop = project()
    shutil.rmtree(shop.root)
    shutil.copytree(REPOSITORY, shop.root, ignore=shutil.ignore_patterns(*WITHOUT))
    shutil.copy(REPOSITORY / ".dockerignore", shop.root)
    shutil.copytree(REPOSITORY / "tests/integration/secrets", shop.root / "tests/integration/secrets")
    for name in ("secret_key", "db_password"):
        shop.write(f"secrets/{name}", secrets.token_urlsafe(48))
    return shop


@pytest.mark.timeout(600)
def test_the_whole_chain(project: Callable[..., Project], base_images: dict[str, str], tmp_path: Path) -> None:
    shop = sample(project)
    done = shop.run(timeout=400)
    assert done.code == 0, done.text
    assert set(done.statuses().values()) == {"passed"}
    digest = done.record["image"]["digest"]
    version = shop.get("/version")["commit"]
    assert shop.services()["web"].split(" ")[1] == "running"
    assert digest == docker(
        "inspect", "--format", "{{.Image}}",
        docker("ps", "-q", "--filter", f"publish={shop.port}").stdout.strip(),
    ).stdout.strip()  # fmt: skip
    assert version.startswith("unknown+")
    assert shop.get("/readyz") is not None
    assert done.stage("test")["facts"]["coverage"] > 90
    assert done.stage("integration")["facts"]["tests"] > 0

    # The same source, built without any cache into a layout of its own, has the same digest.
    metadata = tmp_path / "metadata.json"
    bundle = os.environ.get("SSL_CERT_FILE", "")
    secret = ["--set", f"app.secrets=id=ca,src={bundle}"] if Path(bundle).is_file() else []
    built = subprocess.run(
        ["docker", "buildx", "bake", "--file", "docker-bake.hcl", "--no-cache", "--provenance=false", *secret,
         "--set", f"app.output=type=oci,dest={tmp_path}/layout,tar=false", "--metadata-file", metadata, "app"],
        cwd=shop.root, capture_output=True, text=True, timeout=400, check=False,
        env=shop.environment | base_images | ALLOWED | {"COMMIT": version},
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    assert json.loads(metadata.read_text())["app"]["containerimage.digest"] == digest
