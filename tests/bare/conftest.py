"""SUITE says on which Debians: bookworm (12), trixie (13) or both."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from bare import Machine, bare_machine

SUITES = {"bookworm": ["bookworm"], "trixie": ["trixie"], "both": ["bookworm", "trixie"]}


def pytest_configure() -> None:
    """A terminated run takes its machines along, as an interrupted one does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "suite" in metafunc.fixturenames:
        wanted = os.environ.get("SUITE", "both")
        if wanted not in SUITES:
            raise pytest.UsageError(f"SUITE={wanted} is none of {', '.join(SUITES)}.")
        metafunc.parametrize("suite", SUITES[wanted], scope="module")


@pytest.fixture(scope="module")
def machine(suite: str) -> Iterator[Machine]:
    """One machine for the tests of a module, which use it one after the other as its user would."""
    with bare_machine(suite) as made:
        yield made
