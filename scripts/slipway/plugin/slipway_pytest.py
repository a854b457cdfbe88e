"""pytest-docker's fixtures on Slipway's terms. Needs nothing but pytest, pytest-docker and docker compose.

Inside `slipway run` the stack is up already: the fixtures only look up ports. For a plain `pytest tests/integration`
this plugin starts the stack itself and removes it, also at Ctrl-C, at SIGTERM and when the start fails, which
pytest-docker does not.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def _compose(project: str, file: str, *args: str) -> "subprocess.CompletedProcess[str]":
    command = ["docker", "compose", "--ansi", "never", "--file", file, "--project-name", project, *args]
    # Compose 2.40 makes a URL of the folder that it is started in, and cannot read a `%` there.
    folder = os.sep if "%" in str(Path.cwd()) else None
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Move behind pytest-docker: of two plugins the later one's fixtures win, and one named with `-p` comes first.

    Without this, pytest-docker's own would start a second stack through a shell.
    """
    plugins = early_config.pluginmanager
    name = plugins.get_name(sys.modules[__name__])
    plugins.register(plugins.unregister(name=name), name)


@pytest.fixture(scope="session")
def docker_compose_file(pytestconfig: pytest.Config) -> str:
    """The compose file of the integration tests."""
    return str(pytestconfig.rootpath / os.environ.get("SLIPWAY_COMPOSE_FILE", "docker-compose.test.yml"))


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    """The running stack's name, or one of our own."""
    return os.environ.get("SLIPWAY_COMPOSE_PROJECT") or f"slipway-pytest-{os.getpid()}"


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    """Nothing for pytest-docker to run: it would build, and pass paths through a shell."""
    return []


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    """Nothing for pytest-docker to run: see `docker_services`."""
    return []


@pytest.fixture(scope="session")
def docker_services(
    docker_compose_command: str,
    docker_compose_file: str,
    docker_compose_project_name: str,
    docker_setup: list[str],
    docker_cleanup: list[str],
    pytestconfig: pytest.Config,
) -> Iterator[Any]:
    """pytest-docker's own `docker_services`, over a stack that is up."""
    from pytest_docker.plugin import get_docker_services

    # pytest-docker puts the path between double quotes and hands it to a shell, also to look a port up.
    quoted = re.sub(r'([$`"\\])', r"\\\1", str(docker_compose_file))
    with (
        _stack(docker_compose_project_name, docker_compose_file, pytestconfig.rootpath),
        get_docker_services(
            docker_compose_command, quoted, docker_compose_project_name, docker_setup, docker_cleanup
        ) as services,
    ):
        yield services


class _stack:
    """The compose stack for the time of a plain pytest run; nothing where `slipway run` holds it."""

    def __init__(self, project: str, file: str, root: Path):
        self.project, self.file, self.root = project, file, root
        self.ours = "SLIPWAY_COMPOSE_PROJECT" not in os.environ

    def __enter__(self) -> None:
        if not self.ours:
            return
        if "SLIPWAY_IMAGE" not in os.environ:
            last = self.root / ".slipway" / "image"
            if not last.is_file():
                pytest.exit("SLIPWAY_IMAGE is not set and nothing was built yet: run `slipway run build` first", 2)
            os.environ["SLIPWAY_IMAGE"] = last.read_text().strip()
        self.old = signal.signal(signal.SIGTERM, _interrupt)
        try:
            up = _compose(self.project, self.file, "up", "--detach", "--wait", "--wait-timeout", "90")
            if up.returncode:
                raise RuntimeError(f"the stack did not come up: {up.stderr.strip().splitlines()[-1:]}")
        except BaseException:
            self._down()
            raise

    def __exit__(self, *_: object) -> None:
        if self.ours:
            self._down()

    def _down(self) -> None:
        # Without --file: works by label, also where a required variable is not set.
        subprocess.run(
            ["docker", "compose", "--project-name", self.project, "down", "--volumes", "--timeout", "0"],
            capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        signal.signal(signal.SIGTERM, self.old)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
