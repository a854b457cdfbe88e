"""Black-box tests: they know the image and its ports, and nothing of the app's code.

`slipway run integration` brings the stack up and hands over where it runs. Alone it works too:
SLIPWAY_IMAGE=… pytest tests/integration (pytest-docker then starts and removes the stack).
"""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    return str(ROOT / "docker-compose.test.yml")


@pytest.fixture(scope="session")
def client(docker_ip, docker_services):
    with httpx.Client(base_url=f"http://{docker_ip}:{docker_services.port_for('web', 8000)}", timeout=10) as client:
        yield client


def docker(*args: str) -> str:
    done = subprocess.run(["docker", *args], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def until(check: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if check():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"it did not happen within {seconds} s")


@pytest.fixture(scope="session")
def container(docker_services, docker_compose_project_name) -> Callable[[str], str]:
    """The container of a service, by the labels that compose gives."""

    def find(service: str) -> str:
        labels = {"project": docker_compose_project_name, "service": service, "oneoff": "False"}
        filters = [f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels.items()]
        return docker("ps", "--all", "--quiet", *filters)

    return find


@pytest.fixture(scope="session")
def image(container) -> str:
    """The image that is tested, named as the stack names it."""
    return docker("inspect", "--format", "{{.Config.Image}}", container("web"))


@pytest.fixture
def another(docker_services, docker_compose_project_name, docker_compose_file, docker_ip):
    """One more container of the service `web`, with an environment of its own. Compose's labels make sure that it
    goes with the stack, whatever happens here."""
    started = []

    def start(**env: str) -> "Another":
        options = [f"--env={name}={value}" for name, value in env.items()]
        stack = ["compose", "--project-name", docker_compose_project_name, "--file", docker_compose_file]
        name = f"{docker_compose_project_name}-another-{len(started)}"
        docker(*stack, "run", "--detach", "--no-deps", "--service-ports", f"--name={name}", *options, "web")
        started.append(name)
        return Another(name, docker_ip)

    yield start
    for name in started:
        docker("rm", "--force", "--volumes", name)


class Another:
    def __init__(self, name: str, ip: str) -> None:
        self.name, self.ip = name, ip

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://{self.ip}:{self.port}{path}", timeout=10)

    def ready(self) -> None:
        self.port = docker("port", self.name, "8000/tcp").split(":")[-1]  # another one after each start
        until(lambda: self.get("/readyz").status_code == 200)
