"""What a platform must be able to do so that a rollout can be driven, and what a rollout comes to."""

import enum
from dataclasses import dataclass
from typing import Protocol

from slipway.errors import ExitCode


class Result(enum.Enum):
    """The end of a rollout, with its exit code."""

    LIVE = ("live", ExitCode.PASSED)
    UNCHANGED = ("live already", ExitCode.PASSED)
    KEPT_OLD = ("kept-old", ExitCode.DEPLOY_FAILED)
    ROLLED_BACK = ("rolled-back", ExitCode.DEPLOY_FAILED)
    NEEDS_HUMAN = ("needs-human", ExitCode.NEEDS_HUMAN)

    def __init__(self, word: str, code: ExitCode):
        self.word, self.code = word, code


@dataclass(frozen=True)
class Attempt:
    """Whether the platform took a digest, and what it said if not."""

    ok: bool
    reason: str = ""
    traffic_moved: bool = True  # False: the old version was never touched


class Target(Protocol):
    """A place where an image runs."""

    @property
    def url(self) -> str:
        """Where the app answers."""

    async def preflight(self) -> None:
        """Refuse early, before anything changes. Raises SlipwayError."""

    async def current(self) -> str:
        """The reference that runs now, by digest; empty where nothing runs."""

    async def deploy(self, reference: str, *, migrate: bool) -> Attempt:
        """Bring a reference up and wait until the platform calls it running."""

    async def stop(self) -> None:
        """Stop serving: there is nothing to go back to."""

    async def diagnose(self) -> str:
        """The last lines of what runs, for people."""
