"""Fixtures for tests that execute workflows."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import CHECK, DOCKERFILE, INTEGRATION, REPOSITORY, SERVER, SETTINGS, STACK, free_port
from workflows.harness import provision
from workflows.harness.real import Bench
from workflows.harness.registry import Registry
from workflows.harness.runner import Run, Shop


@pytest.fixture(scope="session")
def act() -> Path:
    """act at its pinned version."""
    return provision.need(provision.go_tool, "act")


@pytest.fixture
def shop(tmp_path: Path, act: Path) -> Shop:
    """A folder for one execution."""
    return Shop(tmp_path / "shop")


@pytest.fixture
def tiny(tmp_path: Path, act: Path) -> Iterator[Callable[..., Run]]:
    """Executes workflows given as text: the caller, and files of a called repository `me/lib`."""
    number = 0

    def run(text: str, event: str = "push", lib: dict[str, str] | None = None, **more: object) -> Run:
        nonlocal number
        number += 1
        shop = Shop(tmp_path / str(number), unmapped_labels=frozenset(more.pop("unmapped", ())))  # type: ignore[arg-type]
        for name, content in (lib or {}).items():
            file = shop.folder / "lib" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        shop.mapped[f"me/lib@{'a' * 40}"] = shop.folder / "lib"
        return shop.run(shop.caller(text), event, {"ref": "refs/heads/main"}, "b" * 40, timeout=60, **more)  # type: ignore[arg-type]

    yield run


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
