"""Fixtures for tests that execute workflows."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from workflows.harness import provision
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
