"""Which images a run uses: pinned ones, or their stand-ins where no registry can be reached."""

import asyncio
import json
import socket
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from support import docker

from slipway.errors import UsageError
from slipway.tools import images

Program = Callable[[str, str], Path]
DIGEST = "sha256:" + "a" * 64
REGISTRY = "sha256:" + images.REGISTRY_IMAGE.rpartition(":")[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one image, in a registry that nothing reaches."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    (tmp_path / "images.toml").write_text(f'PYTHON_IMAGE = "{host}/library/python:3.13@{DIGEST}"\n')
    return tmp_path


def listing(*rows: str) -> str:
    """A docker command whose engine has these images."""
    return f"print({chr(10).join(rows)!r})"


HERE = f"any/name:tag {DIGEST}"
STAND_IN = f"stand-in.invalid/python:3.13 sha256:{'b' * 64}"


@pytest.mark.parametrize(
    ("rows", "mode", "chosen"),
    [
        ([], "auto", "pinned"), ([STAND_IN], "auto", "stand-in"), ([STAND_IN, HERE], "auto", "pinned"),
        ([STAND_IN], "always", "stand-in"), ([STAND_IN, HERE], "always", "pinned"), ([], "always", "pinned"),
        ([STAND_IN], "never", "pinned"), ([f"stand-in.invalid/python:3.12 {DIGEST[:-1]}b"], "auto", "pinned"),
    ],
)  # fmt: skip
def test_the_choice(on_path: Program, project: Path, rows: list[str], mode: str, chosen: str) -> None:
    on_path("docker", listing(*rows))
    found = asyncio.run(images.choose(project, {"SLIPWAY_OFFLINE": mode}))
    assert found.variables["PYTHON_IMAGE"].startswith("stand-in.invalid/") is (chosen == "stand-in")
    assert found.stand_ins is (chosen == "stand-in")
    assert found.registry == images.REGISTRY_IMAGE


def test_a_registry_that_answers_is_preferred(on_path: Program, tmp_path: Path) -> None:
    on_path("docker", listing(STAND_IN))
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        (tmp_path / "images.toml").write_text(f'PYTHON_IMAGE = "{host}/library/python:3.13@{DIGEST}"\n')
        found = asyncio.run(images.choose(tmp_path, {}))
    assert found.variables["PYTHON_IMAGE"].startswith(host) and not found.stand_ins


def test_a_project_that_names_none_gets_the_registry(tmp_path: Path) -> None:
    assert images.named(tmp_path) == {"REGISTRY_IMAGE": images.REGISTRY_IMAGE}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('X = "python:3.13"', "X is not pinned"), ('X = "docker.io/library/python:3.13"', "X is not pinned"),
        (f'X = "docker.io/library/python@{DIGEST}"', "X is not pinned"), ("X = 3", "X is not pinned"),
        (f'X = "docker.io/library/python:3.13@{DIGEST[:-1]}"', "X is not pinned"), ("[X]\ny = 1", "X is not pinned"),
        ("X = ", "not valid TOML"),
    ],
)  # fmt: skip
def test_every_image_must_be_pinned(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "images.toml").write_text(text)
    with pytest.raises(UsageError, match=f"images.toml: {said}"):
        images.named(tmp_path)


def test_stand_ins_have_names_that_can_be_pulled_from_nowhere() -> None:
    for reference in tomllib.loads((Path(__file__).parents[3] / "images.toml").read_text()).values():
        name, _, tag = reference.partition("@")[0].rpartition(":")
        assert images.stand_in(reference) == f"stand-in.invalid/{name.rsplit('/', 1)[-1]}:{tag}"


def test_what_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert asyncio.run(images.reachable(f"127.0.0.1:{port}"))
    assert not asyncio.run(images.reachable(f"127.0.0.1:{port}"))
    assert not asyncio.run(images.reachable("no-such-host.invalid"))


@pytest.mark.engine
def test_the_real_engine_is_asked_by_name(base_images: dict[str, str], tmp_path: Path) -> None:
    """An image that it has is taken as it is, whatever may be reached; one that it has not is no error."""
    python = base_images["PYTHON_IMAGE"]
    (digest,) = {r.rpartition("@")[2] for r in json.loads(docker("image", "inspect", python).stdout)[0]["RepoDigests"]}
    here, absent = (
        f"nowhere.invalid/library/other:1@{digest}",
        f"nowhere.invalid/library/python:3.13-slim-trixie@{DIGEST}",
    )
    (tmp_path / "images.toml").write_text(f'HERE = "{here}"\nABSENT = "{absent}"\n')
    found = asyncio.run(images.choose(tmp_path, {}))
    assert found.variables["HERE"] == here
    assert found.variables["ABSENT"] == (python if python.startswith(images.STAND_INS) else absent)
