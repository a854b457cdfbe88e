"""Platforms on this machine for the tests of deploys."""

from collections.abc import Iterator

import pytest
from fake_railway import FakeRailway
from in_memory import App
from platforms import CONTRACT, KEY, OLD, REPOSITORY, Apps, Place, hold, until

from slipway.deploy import api, platform, probe, rollout
from slipway.deploy.fakes.platform import Platform
from slipway.deploy.fakes.render import FakeRender


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses as short as the fakes are quick."""
    for module, values in (
        (platform, {"PAUSE": 0.02, "LONGEST_PAUSE": 0.05, "LOOKUP_SECONDS": 0.5}),
        (api, {"FIRST": 0.02, "LONGEST": 0.1, "PATIENCE": 2.0, "CALL_SECONDS": 0.5}),
        (probe, {"PAUSE": 0.02, "LONGEST_PAUSE": 0.02, "PROBE_SECONDS": 0.5}),
        (rollout, {"OLD_SECONDS": 0.5}),
    ):
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)


@pytest.fixture(params=["render", "railway"])
def kind(request: pytest.FixtureRequest) -> str:
    """A platform's name; tests that are of one alone override it."""
    return str(request.param)


@pytest.fixture
def place(kind: str, quick: None) -> Iterator[Place]:
    """A platform on which the old version is live. Every request and answer is held to the contract afterwards."""
    apps = Apps()
    behind = Platform(apps, f"{REPOSITORY}:main", step=0.01, health_seconds=0.2)
    behind.health = "/readyz"
    fake = FakeRender(behind, KEY) if kind == "render" else FakeRailway(behind, KEY)
    behind.create(OLD, "manual")
    one = Place(kind, fake, apps, behind)
    until(lambda: one.serves == OLD)
    yield one
    fake.close()
    if kind == "render":
        for request, reply in one.seen:
            hold(CONTRACT, request, reply)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """A platform on which the old version runs."""
    monkeypatch.setattr(probe, "PAUSE", 0.02)
    monkeypatch.setattr(probe, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(rollout, "OLD_SECONDS", 0.5)
    one = App()
    yield one
    one.server.shutdown()
    one.server.server_close()
