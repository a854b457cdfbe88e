"""Our own rules are tested without actionlint, whatever this machine has on PATH."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_actionlint(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = os.environ["PATH"].split(os.pathsep)
    monkeypatch.setenv("PATH", os.pathsep.join(f for f in folders if not (Path(f) / "actionlint").exists()))
