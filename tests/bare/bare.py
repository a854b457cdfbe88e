"""Bare machines: Debian roots with Python, make, git and CA certificates alone, run as privileged containers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from machines import Machine, Recipe, machine, root_image

__all__ = ["Machine", "bare_machine"]
LABEL = "slipway.test-bare"
HAS = ("python3", "make", "git", "ca-certificates")


@contextlib.contextmanager
def bare_machine(suite: str, *, privileged: bool = True) -> Iterator[Machine]:
    """A machine of a Debian suite that has nothing."""
    with machine(root_image(Recipe(suite, HAS), LABEL), LABEL, privileged=privileged) as made:
        yield made
