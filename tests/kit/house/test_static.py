"""ruff and mypy --strict over the kit, and ruff over its tests: what they object to is red here too."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "scripts"
COMMANDS = {
    "ruff": ["ruff", "check", "slipway"],
    "format": ["ruff", "format", "--check", "slipway"],
    "ruff on the tests": ["ruff", "check", "--config", "pyproject.toml", "../tests", "../benchmarks"],
    "mypy": ["mypy", "slipway"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_static_checks(name: str) -> None:
    command = [sys.executable, "-m", *COMMANDS[name]]
    done = subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
