"""Black-box tests: they know the image and its ports, and nothing of the app's code.

`slipway run integration` brings the stack up and hands over where it runs. Alone it works too:
SLIPWAY_IMAGE=… pytest tests/integration (pytest-docker then starts and removes the stack).
"""

from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    return str(ROOT / "docker-compose.test.yml")


@pytest.fixture(scope="session")
def base_url(docker_ip, docker_services) -> str:
    return f"http://{docker_ip}:{docker_services.port_for('web', 8000)}"


@pytest.fixture(scope="session")
def client(base_url):
    with httpx.Client(base_url=base_url, timeout=5) as client:
        yield client
