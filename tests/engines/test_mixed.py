"""A newer buildx in front of Docker 26: its engine does not know what buildx asks for, and the rest is done without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from workflows.harness import provision

DOCKERFILE = 'FROM docker.io/library/python:3.13@sha256:{}\nUSER 1\nHEALTHCHECK CMD ["true"]\n'.format("0" * 64)


def test_docker_26_with_a_newer_buildx(tmp_path: Path) -> None:
    """The image store is on, so nothing is refused; of BuildKit's checks it is said that they are not known."""
    shown = ["docker", "version", "--format", "{{.Server.Version}}"]
    version = subprocess.run(shown, capture_output=True, text=True, check=True, timeout=30).stdout
    if not version.startswith("26."):
        pytest.skip(f"not available: this machine has Docker {version.strip()}, not 26")
    plugins = tmp_path / "docker" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").symlink_to(provision.go_tool("docker-buildx"))
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "Dockerfile").write_text(DOCKERFILE)
    done = subprocess.run(
        [sys.executable, "-m", "slipway", "run", "lint", "-C", shop],
        env=os.environ | {"DOCKER_CONFIG": str(tmp_path / "docker")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (lint,) = json.loads((shop / ".slipway/latest/result.json").read_text())["stages"][:1]
    assert lint["reason"].endswith("without BuildKit's checks, which this builder does not know")
