"""The registry in front of the registry: what a job's token may not do is refused, by the real client."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from workflows.harness import tokens
from workflows.harness.registry import Registry

pytestmark = pytest.mark.engine
Docker = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def docker(tmp_path: Path, registry: Registry) -> Iterator[Docker]:
    """The client with credentials of its own, and an image that it may push."""

    def run(*words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        command = ["docker", "--config", str(tmp_path / "config"), *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)

    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    image = f"{registry.host}/acme/{tmp_path.name.lower()}:x"
    made = run("buildx", "build", "--quiet", "--provenance=false", "--load", "-t", image, str(tmp_path))
    assert made.returncode == 0, made.stderr
    run.image = image  # type: ignore[attr-defined]
    yield run
    run("rmi", "-f", image)


def login(docker: Docker, registry: Registry, **permissions: str) -> "subprocess.CompletedProcess[str]":
    granted = {name.replace("_", "-"): level for name, level in permissions.items()}
    return docker("login", registry.host, "-u", "dev", "--password-stdin", stdin=tokens.make(granted))


def test_a_token_that_may_write(docker: Docker, registry: Registry) -> None:
    image = docker.image  # type: ignore[attr-defined]
    assert login(docker, registry, packages="write").returncode == 0
    pushed = docker("push", "--quiet", image)
    assert pushed.returncode == 0, pushed.stderr
    assert registry.tags(image.partition("/")[2].removesuffix(":x")) == ["x"]
    assert registry.written()[-1] == "x"
    shown = docker("buildx", "imagetools", "inspect", image)
    assert shown.returncode == 0, shown.stderr
    assert docker("pull", "--quiet", image).returncode == 0


@pytest.mark.parametrize("permissions", [{"packages": "read"}, {"contents": "write"}, {}])
def test_a_token_that_may_not_write(docker: Docker, registry: Registry, permissions: dict[str, str]) -> None:
    image = docker.image  # type: ignore[attr-defined]
    assert login(docker, registry, **permissions).returncode == 0
    before = registry.written()
    refused = docker("push", "--quiet", image)
    assert refused.returncode != 0 and ("403" in refused.stderr or "denied" in refused.stderr)
    assert registry.written() == before
    assert registry.tags(image.partition("/")[2].removesuffix(":x")) == []


def test_who_may_read(docker: Docker, registry: Registry) -> None:
    image = docker.image  # type: ignore[attr-defined]
    login(docker, registry, packages="write")
    assert docker("push", "--quiet", image).returncode == 0
    for permissions, fine in (({"packages": "read"}, True), ({"contents": "read"}, False)):
        login(docker, registry, **permissions)
        assert (docker("buildx", "imagetools", "inspect", image).returncode == 0) is fine
    docker("logout", registry.host)
    assert docker("pull", "--quiet", image).returncode != 0


def test_a_password_that_is_no_token(docker: Docker, registry: Registry) -> None:
    refused = docker("login", registry.host, "-u", "dev", "--password-stdin", stdin="hunter2")
    assert refused.returncode != 0
