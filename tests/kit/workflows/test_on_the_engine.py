"""The shipped workflows with the real `slipway`, on the real engine: the whole way, and every way that must end red."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import CHECK, DOCKERFILE, INTEGRATION, REPOSITORY, SERVER, SETTINGS, STACK, free_port
from workflows.harness.real import Bench
from workflows.harness.registry import Registry

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def files(base_images: dict[str, str]) -> dict[str, str]:
    """The small project of the kit's tests, with a stack and a test of it."""
    return {
        "Dockerfile": DOCKERFILE.format(**base_images),
        "images.toml": (REPOSITORY / "images.toml").read_text(),
        "server.py": SERVER, "mode.txt": "well", "check.py": CHECK, "checks.txt": "pass", "slipway.toml": SETTINGS,
        ".dockerignore": "*\n!server.py\n!check.py\n!*.txt\n",
        "docker-compose.test.yml": STACK, "tests/integration/test_health.py": INTEGRATION,
    }  # fmt: skip


@pytest.fixture(scope="module")
def registry(base_images: dict[str, str]) -> Iterator[Registry]:
    one = Registry(base_images["REGISTRY_IMAGE"])
    yield one
    one.end()


@pytest.fixture
def bench(tmp_path: Path, act: Path, registry: Registry, database: Path) -> Iterator[Bench]:
    one = Bench(tmp_path, registry, database, free_port())
    registry.requests.clear()
    yield one
    one.end()


def nothing_pushed(bench: Bench) -> None:
    assert bench.registry.written() == []
    assert bench.registry.tags(bench.name) == []


def test_from_a_push_to_a_deployment(bench: Bench, files: dict[str, str]) -> None:
    shop, sha = bench.shop(files)
    run = bench.deliver(shop, sha)
    run.check({"verify/verify": "success", "publish/publish": "success", "deploy/deploy": "success"})
    print(json.dumps({k: o.outputs for k, o in run.jobs.items()}, indent=1))
