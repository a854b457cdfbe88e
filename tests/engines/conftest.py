"""ENGINE says which legs: 28, 29 or all."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import leg
import pytest


def pytest_configure() -> None:
    """A terminated run takes its machines along, as an interrupted one does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        wanted = os.environ.get("ENGINE", "all")
        names = sorted(leg.ENGINES) if wanted == "all" else [wanted]
        if not set(names) <= set(leg.ENGINES):
            raise pytest.UsageError(f"ENGINE={wanted} is none of {', '.join(leg.ENGINES)}, all.")
        metafunc.parametrize("engine", names, scope="module")


@pytest.fixture(scope="module")
def started(engine: str) -> Iterator[leg.Leg]:
    """One leg for the tests of a module, which use it one after the other."""
    try:
        with leg.leg(engine) as made:
            yield made
    except leg.NotAvailable as gone:
        pytest.skip(f"not available: {gone}")
