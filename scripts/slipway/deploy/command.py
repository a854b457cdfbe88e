"""Deploying by a command of the project's own: for every place that Slipway does not know."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway.deploy.target import Attempt
from slipway.errors import UsageError
from slipway.tools import process


@dataclass(frozen=True)
class CommandTarget:
    """A command that brings SLIPWAY_IMAGE up, and ends with 0 when it runs.

    It also gets SLIPWAY_DIGEST, SLIPWAY_ENVIRONMENT, and SLIPWAY_ACTION: deploy, or rollback on the way back.
    """

    root: Path
    command: str
    environment: str
    url: str
    running: str  # what was deployed here last, by our own record
    deadline: float  # seconds
    doing: Callable[[str], None]
    log: Path
    patience: float = 0.0

    async def preflight(self) -> Sequence[str]:
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise UsageError(f"[deploy.{self.environment}] command: {error}. Close the quotation mark.") from error
        if not words:
            raise UsageError(f"[deploy.{self.environment}] command is empty. Write what deploys $SLIPWAY_IMAGE.")
        return ()

    async def current(self) -> str:
        return self.running

    async def before(self) -> str:
        # Only our record knows.
        return ""

    async def deploy(self, reference: str, *, migrate: bool) -> Attempt:
        variables = {
            "SLIPWAY_IMAGE": reference, "SLIPWAY_DIGEST": reference.rpartition("@")[2],
            "SLIPWAY_ENVIRONMENT": self.environment, "SLIPWAY_ACTION": "deploy" if migrate else "rollback",
        }  # fmt: skip
        words = shlex.split(self.command)
        try:
            done = await process.run(
                *words, timeout=self.deadline, cwd=self.root, env=variables, log=self.log, on_line=self.doing
            )
        except OSError as error:
            why = f"{words[0]} cannot be started: {error.strerror or error}"
            return Attempt(False, why, traffic_moved=False)
        if done.timed_out:
            return Attempt(False, f"{words[0]} took longer than {self.deadline:.0f} s and was ended")
        return Attempt(done.ok, "" if done.ok else f"{words[0]} ended with {done.code}: {done.last_line()}")

    async def superseded(self) -> str:
        return ""

    async def abandon(self, previous: str) -> None:
        if previous:
            await self.deploy(previous, migrate=False)

    async def stop(self) -> bool:
        return False

    async def diagnose(self) -> str:
        # The log has what the command said.
        return ""
