"""Programs that pretend to be a tool, and the real tools where they are to be had."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.errors import NotReady
from slipway.tools import provision


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes an executable Python script into a folder of its own."""

    def write(name: str, code: str) -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!{sys.executable}\nimport os, sys, json, time, signal, subprocess\n{code}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def on_path(program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """As `program`, found before all others."""

    def write(name: str, code: str) -> Path:
        path = program(name, code)
        monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
        return path

    return write


def real(name: str) -> Path:
    """The pinned tool itself."""
    try:
        return asyncio.run(provision.tool(name))
    except NotReady as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{name} can be had nowhere: {error}")


@pytest.fixture(scope="session")
def hadolint() -> Path:
    """The real hadolint."""
    return real("hadolint")


@pytest.fixture(scope="session")
def trivy() -> Path:
    """The real Trivy."""
    return real("trivy")
