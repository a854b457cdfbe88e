"""Programs that pretend to be a tool, and the real tools where they are to be had."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support import real


@pytest.fixture
def on_path(program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """As `program`, found before all others."""

    def write(name: str, code: str) -> Path:
        path = program(name, code)
        monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
        return path

    return write


@pytest.fixture(scope="session")
def hadolint() -> Path:
    """The real hadolint."""
    return real("hadolint")
