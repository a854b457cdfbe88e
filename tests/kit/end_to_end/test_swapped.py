"""A tag or an image swapped between two stages: what was tested is what runs, or nothing does.

The other points on the way: a swapped layer after the build (faults/test_fault_scan.py), a swapped artifact before
publish (workflows/test_on_the_engine.py, test_index.py), a registry that holds something else (faults/
test_fault_registry.py), a platform that runs another digest (deploy/test_platforms.py).
"""

from collections.abc import Callable

import pytest
from support import Project, docker, free_port

pytestmark = pytest.mark.engine
SKIP = ("--skip", "lint", "--skip", "test", "--skip", "scan")
ENVIRONMENTS = """
[deploy.local]
version = "/version"

[deploy.next]
url = "http://127.0.0.1:{port}"
version = "/version"
"""


@pytest.fixture
def shop(project: Callable[..., Project]) -> Project:
    """A project whose good version is published and live, and a bad image under all of its tags."""
    made = project(**{"slipway.toml": ENVIRONMENTS.format(port=free_port())})
    return made.with_integration()


def swap_tags(shop: Project, base_images: dict[str, str]) -> None:
    """Put another image under every tag that the engine and the registry have of this project."""
    rows = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    ours = [row for row in rows if shop.root.name in row and not row.endswith(":<none>")]
    for name in {*ours, *(f"{shop.repository}:{tag}" for tag in shop.tags())}:
        assert docker("tag", base_images["PYTHON_IMAGE"], name).returncode == 0
        if name.startswith("localhost:"):
            assert docker("push", "--quiet", name).returncode == 0


def test_between_build_and_integration(shop: Project, base_images: dict[str, str]) -> None:
    first = shop.run("build")
    assert first.code == 0, first.text
    swap_tags(shop, base_images)
    done = shop.run("integration", "--skip", "test", "--skip", "lint")
    assert done.code == 0, done.text
    assert done.record["image"]["digest"] == first.record["image"]["digest"]


def test_between_publish_and_deploy(shop: Project, base_images: dict[str, str]) -> None:
    done = shop.run("publish", *SKIP, "--skip", "integration")
    digest = done.record["image"]["digest"]
    assert shop.tags()
    swap_tags(shop, base_images)
    done = shop.call("deploy", "local", f"{shop.repository}@{digest}")
    assert done.code == 0, done.text
    assert shop.deployed() == digest
    by_tag = shop.call("deploy", "local", f"{shop.repository}:{shop.tags()[0]}")
    assert by_tag.code == 2 and "is not an image by digest" in by_tag.err
    assert shop.deployed() == digest


def test_between_staging_and_production(shop: Project, base_images: dict[str, str]) -> None:
    done = shop.run("deploy", "--env", "local", *SKIP, "--skip", "integration")
    digest = done.record["image"]["digest"]
    swap_tags(shop, base_images)
    done = shop.call("promote", "local", "next")
    assert done.code == 0, done.text
    assert done.record["image"]["digest"] == digest == shop.deployed()
    name = shop.compose_project.replace("-local", "-next")
    box = docker("ps", "-q", "--filter", f"label=com.docker.compose.project={name}").stdout.strip()
    assert docker("inspect", "--format", "{{.Config.Image}}", box).stdout.strip().endswith(digest)
    assert shop.call("stop").code == 0
