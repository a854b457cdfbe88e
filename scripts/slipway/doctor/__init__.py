"""What is missing on this machine or in this repository, and the command that mends it."""

import asyncio
from pathlib import Path

from slipway.doctor import machine, repository
from slipway.doctor.check import Check

__all__ = ["Check", "examine"]


async def examine(root: Path) -> list[Check]:
    """Look at everything; nothing is changed, nothing is downloaded."""
    here, there = await asyncio.gather(machine.examine(root), repository.examine(root))
    return [*here, *there]
