"""A leg runs the major version that it is called by; one with another is red, whatever the engine calls itself."""

from __future__ import annotations

import re

import pytest
from leg import ENGINES, AnotherEngine, Leg, assert_named

SAID = {
    "28": {"Version": "28.5.2+dfsg4", "ApiVersion": "1.51"},
    "29": {"Version": "library-import", "ApiVersion": "1.56"},
}


@pytest.mark.parametrize(("name", "other"), [("28", "29"), ("29", "28")])
def test_another_major_version_is_red(name: str, other: str) -> None:
    assert_named(ENGINES[name], SAID[name])
    with pytest.raises(AnotherEngine, match=re.escape(f"the engine in it is {SAID[other]['Version']}")):
        assert_named(ENGINES[name], SAID[other])


def test_docker_26_is_neither() -> None:
    for engine in ENGINES.values():
        with pytest.raises(AnotherEngine, match=r"is 26[.]1[.]5 with"):
            assert_named(engine, {"Version": "26.1.5", "ApiVersion": "1.45"})


def test_the_engine_that_runs(started: Leg) -> None:
    others = [engine for engine in ENGINES.values() if engine != started.engine]
    assert_named(started.engine, started.version())
    for other in others:
        with pytest.raises(AnotherEngine):
            assert_named(other, started.version())


def test_the_image_store_is_as_on_a_hosted_runner(started: Leg) -> None:
    """Docker 28 comes with the containerd image store off, Docker 29 with it on."""
    assert started.store() == (started.engine.name == "29")
