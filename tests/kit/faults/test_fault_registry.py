"""Registries that are taken, gone, frozen or lying: no tag is moved, nothing is deployed."""

import socket
from collections.abc import Callable, Iterator

import pytest
from fake_registry import FakeRegistry
from support import Project, docker, free_port

pytestmark = pytest.mark.engine
ONLY = ("deploy", *(word for s in ("lint", "test", "scan", "integration") for word in ("--skip", s)))


@pytest.fixture
def registry() -> Iterator[Callable[[str], FakeRegistry]]:
    """Starts registries with a fault."""
    started: list[FakeRegistry] = []

    def start(fault: str) -> FakeRegistry:
        started.append(FakeRegistry(fault))
        return started[-1]

    yield start
    for one in started:
        one.end()
        Project.remove_images(f"localhost:{one.port}/*")


def pointed(project: Callable[..., Project], registry: FakeRegistry) -> Project:
    name = "[image]\nname = 'localhost:{}/shop'\n"
    return project(**{"slipway.toml": name.format(registry.port)})


def test_gone_in_the_middle_of_a_push(project: Callable[..., Project], registry: Callable[[str], FakeRegistry]) -> None:
    broken = registry("gone")
    shop = pointed(project, broken)
    done = shop.run(*ONLY)
    assert done.code == 3, done.text
    reason = done.stage("publish")["reason"]
    assert f"the push to localhost:{broken.port} failed" in reason
    assert "No tag was moved; run again." in reason
    assert broken.pushing.is_set()
    assert shop.services() == {}


def test_refuses_the_push(project: Callable[..., Project], registry: Callable[[str], FakeRegistry]) -> None:
    """Each engine says it in words of its own; to try again would not help."""
    strict = registry("forbids")
    done = pointed(project, strict).run(*ONLY)
    assert done.code == 3, done.text
    reason = done.stage("publish")["reason"]
    assert f"localhost:{strict.port} refuses the push to shop" in reason and "run again" not in reason
    assert "packages: write" in done.text
    assert strict.tags == {}


def test_never_answers(project: Callable[..., Project], registry: Callable[[str], FakeRegistry]) -> None:
    deaf = registry("deaf")
    shop = pointed(project, deaf)
    done = shop.run(*ONLY)
    assert done.code == 3, done.text
    assert f"the registry localhost:{deaf.port} does not answer" in done.stage("publish")["reason"]
    assert done.seconds < 40
    assert shop.services() == {}


def test_holds_another_digest_than_was_pushed(
    project: Callable[..., Project], registry: Callable[[str], FakeRegistry]
) -> None:
    liar = registry("liar")
    shop = pointed(project, liar)
    done = shop.run(*ONLY)
    assert done.code == 1, done.text
    assert f"the registry holds sha256:{'0' * 64} where" in done.stage("publish")["reason"]
    assert all(tag.startswith("sha256-") for tag in liar.tags), "a tag was moved"
    assert shop.services() == {}


def test_the_port_is_somebody_elses(project: Callable[..., Project]) -> None:
    shop = project()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = shop.run(*ONLY, SLIPWAY_PUBLISH_REGISTRY_PORT=str(port))
    assert done.code == 3, done.text
    assert f"port {port} on 127.0.0.1 is taken, and not by Slipway's registry" in done.out
    assert "SLIPWAY_PUBLISH_REGISTRY_PORT" in done.out
    assert shop.services() == {}
    Project.remove_images(f"localhost:{port}/*")


def test_another_projects_registry_is_left_alone_and_a_dead_one_of_ours_is_replaced(
    project: Callable[..., Project], base_images: dict[str, str]
) -> None:
    ours, other = free_port(), free_port()
    options = ("--label", "slipway.role=registry", base_images["REGISTRY_IMAGE"])
    docker("run", "-d", "--name", f"slipway-registry-{other}", "-p", f"127.0.0.1:{other}:5000", *options)
    docker("create", "--name", f"slipway-registry-{ours}", *options)
    try:
        shop = project()
        done = shop.run("publish", *ONLY[1:], SLIPWAY_PUBLISH_REGISTRY_PORT=str(ours))
        assert done.code == 0, done.text
        running = docker("ps", "--format", "{{.Names}}").stdout.split()
        assert {f"slipway-registry-{ours}", f"slipway-registry-{other}"} <= set(running)
    finally:
        docker("rm", "-fv", f"slipway-registry-{ours}", f"slipway-registry-{other}")
        docker("volume", "rm", "-f", f"slipway-registry-{ours}")
        Project.remove_images(f"localhost:{ours}/*")


def test_a_registry_elsewhere_gets_nothing_from_this_machine(project: Callable[..., Project]) -> None:
    shop = project(**{"slipway.toml": '[image]\nname = "registry.invalid/acme/shop"\n'})
    done = shop.run(*ONLY)
    assert done.code == 1, done.text
    assert done.stage("publish")["status"] == "failed"
    assert "registry.invalid/acme/shop is not on this machine" in done.stage("publish")["reason"]
    assert shop.services() == {}
    Project.remove_images("registry.invalid/*/*")
