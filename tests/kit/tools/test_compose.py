"""While images are pulled, that is what a run says that it does."""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import docker, free_port, until

from slipway.errors import NotReady
from slipway.tools import registry
from slipway.tools.compose import Project, Pulls, folder, mistake
from slipway.tools.process import Finished


def said(*lines: str) -> list[str]:
    found: list[str] = []
    pulls = Pulls(found.append)
    for line in lines:
        pulls(line)
    return found


def test_several_at_once() -> None:
    lines = (
        " db Pulling ", " cache Pulling ", " 46010e9aa31c Pulling fs layer ", " 46010e9aa31c Downloading [=> ] 1MB/3MB",
        " 46010e9aa31c Pull complete ", " cache Pulled ", " db Pulled ", " Container a-db-1  Starting",
    )  # fmt: skip
    assert said(*lines) == ["pulling db", "pulling db, cache", "pulling db", "starting what was pulled"]


def test_as_compose_says_it_since_version_5() -> None:
    assert said(" Image redis:8 Pulling ", " Image redis:8 Pulled ") == ["pulling redis:8", "starting what was pulled"]


def test_one_that_cannot_be_pulled() -> None:
    assert said(" db Pulling", " db Error pull access denied for x") == ["pulling db", "starting what was pulled"]


WARNING = 'time="2026-11-30T21:38:36Z" level=warning msg="the attribute `version` is obsolete"\n'


@pytest.mark.parametrize(
    ("err", "said"),
    [
        (
            "decoding failed due to the following error(s):\n\n'services[web].healthcheck.interval' time: invalid"
            ' duration "banana"\n',
            "decoding failed due to the following error(s): 'services[web].healthcheck.interval' time: invalid"
            ' duration "banana"',
        ),
        (
            "invalid interpolation format for services.web.environment.A.\nYou may need to escape any $ with another"
            " $.\n${X\n",
            "invalid interpolation format for services.web.environment.A. You may need to escape any $ with another"
            " $. ${X",
        ),
        (WARNING + "services.web.image must be a string\n", "services.web.image must be a string"),
        (WARNING, WARNING.strip()),
        ("", "docker ended with 1 and said nothing"),
    ],
    ids=["compose 2.40", "interpolation", "after a warning", "a warning alone", "nothing"],
)
def test_what_is_wrong_with_a_file(err: str, said: str) -> None:
    """Compose answers in several lines; the cause is in the last of them as often as in the first."""
    assert mistake(Finished(("docker",), 1, "", err)) == said


def test_a_folder_that_is_no_url(tmp_path: Path) -> None:
    assert folder(tmp_path / "a b") == tmp_path / "a b"
    assert folder(tmp_path / "100 %s") == Path("/")


@pytest.fixture
def remote(base_images: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """An image that a registry holds and the engine does not."""
    name, port = f"slipway-test-pull-{secrets.token_hex(3)}", free_port()
    started = docker(
        "run", "--detach", "--name", name, "--publish", f"127.0.0.1:{port}:5000", "--tmpfs", "/var/lib/registry",
        base_images["REGISTRY_IMAGE"],
    )  # fmt: skip
    assert started.returncode == 0, started.stderr
    image = f"localhost:{port}/{name}:1"
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\nCMD ['x']\n")
    try:
        assert docker("build", "--quiet", "--tag", image, str(tmp_path)).returncode == 0
        until(lambda: docker("push", "--quiet", image).returncode == 0, "the registry takes it")
        docker("rmi", image)
        yield image
    finally:
        docker("rm", "-fv", name)
        docker("rmi", "-f", image)


@pytest.mark.engine
def test_the_real_compose(remote: str, tmp_path: Path) -> None:
    (tmp_path / "stack.yml").write_text(f"services:\n  db: {{image: '{remote}'}}\n")
    found: list[str] = []
    stack = Project(tmp_path, "slipway-test-pull", {}, "stack.yml", log=tmp_path / "log", doing=found.append)
    done = asyncio.run(stack("pull"))
    assert done.ok, done.text
    assert len(found) == 2 and found[0] in ("pulling db", f"pulling {remote}")


@pytest.mark.engine
def test_the_image_of_the_local_registry(remote: str) -> None:
    """What stands in for it here is none: it is pulled, and answers nothing."""
    found: list[str] = []
    port = free_port()
    try:
        with pytest.raises(NotReady, match="the local registry does not answer"):
            asyncio.run(registry.ensure(port, remote, "a-project", found.append))
    finally:
        docker("rm", "-fv", f"{registry.NAME}-{port}")
        docker("volume", "rm", "-f", f"{registry.NAME}-{port}")
    assert found == [f"pulling {remote}"]
