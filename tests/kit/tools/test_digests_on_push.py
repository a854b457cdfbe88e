"""A digest stays what it is on its way through an engine: pushed, pulled and pushed on, alone and beside others.

Docker 29 was seen to change it (docker/cli#6812), and not to find the platform of one of two images that share layers
(moby/moby#52897).
"""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path

import layouts
import pytest
from support import SESSION, docker, free_port

from slipway.image import layout
from slipway.image.reference import Repository
from slipway.tools import loading, registry, remote

pytestmark = pytest.mark.engine


@pytest.fixture
def ports(registry_port: int, base_images: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Two registries."""
    other = free_port()
    for port in (registry_port, other):
        asyncio.run(registry.ensure(port, base_images["REGISTRY_IMAGE"], f"t-{SESSION}"))
    yield registry_port, other
    docker("rm", "-fv", f"slipway-registry-{other}")
    docker("volume", "rm", "-f", f"slipway-registry-{other}")


def test_the_same_digest_at_each_stop(ports: tuple[int, int], tmp_path: Path) -> None:
    shared = {"app": secrets.token_hex(2000)}
    first, second = (Repository(f"localhost:{port}", f"t-{SESSION}-digests") for port in ports)
    digests = {}
    for name in ("one", "two"):
        folder = layouts.layout(tmp_path / name, shared, {name: secrets.token_hex(2000)})
        image = layout.read(folder)
        asyncio.run(loading.load(folder, image, first.at(image.digest), tmp_path / "log", whole=True))
        asyncio.run(remote.push(first, image.digest, name, tmp_path / "log", {}))  # reads it back
        digests[name] = image.digest
    docker("rmi", *map(first.tagged, digests), *map(first.at, digests.values()))
    assert all(docker("image", "inspect", first.at(digest)).returncode for digest in digests.values())

    for digest in digests.values():
        pulled = docker("pull", "--quiet", first.at(digest))
        assert pulled.returncode == 0, pulled.stderr
    for name, digest in digests.items():
        assert docker("tag", first.at(digest), second.tagged(name)).returncode == 0
        pushed = docker("push", "--quiet", second.tagged(name))
        assert pushed.returncode == 0, pushed.stderr
        assert asyncio.run(remote.digest(second, name)) == digest
        assert asyncio.run(remote.manifests(second, digest)) == [digest]
    docker("rmi", *map(second.tagged, digests), *map(first.at, digests.values()))
