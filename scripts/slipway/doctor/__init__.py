"""What is missing on this machine or in this repository, and the command that fixes it."""

import asyncio
from pathlib import Path

from slipway.doctor.check import Check

__all__ = ["Check", "examine"]


async def examine(root: Path) -> list[Check]:
    """Look at everything; nothing is changed, nothing is downloaded."""
    from slipway.doctor import machine, repository  # workflows and YAML with them: not for who only shows a Check

    here, there = await asyncio.gather(machine.examine(root), repository.examine(root))
    return [*here, *there]
