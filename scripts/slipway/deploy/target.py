"""What a platform must be able to do so that a rollout can be driven, and what a rollout comes to."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from slipway.errors import ExitCode, SlipwayError


class Result(enum.Enum):
    """The end of a rollout, with its exit code."""

    LIVE = ("live", ExitCode.PASSED)
    UNCHANGED = ("unchanged", ExitCode.PASSED)
    KEPT_OLD = ("kept-old", ExitCode.DEPLOY_FAILED)
    ROLLED_BACK = ("rolled-back", ExitCode.DEPLOY_FAILED)
    NEEDS_HUMAN = ("needs-human", ExitCode.NEEDS_HUMAN)
    TIMED_OUT = ("timed-out", ExitCode.TIMED_OUT)
    SUPERSEDED = ("superseded", ExitCode.SUPERSEDED)

    def __init__(self, word: str, code: ExitCode):
        self.word, self.code = word, code


@dataclass(frozen=True)
class Image:
    """What is deployed, as the registry tells it."""

    reference: str  # by digest
    digests: frozenset[str] = frozenset()  # its own and, of an index, its platforms': a platform may name either
    public: bool = True  # anybody may pull it


@dataclass(frozen=True)
class Attempt:
    """Whether the platform took a digest, and what it said if not."""

    ok: bool
    reason: str = ""
    traffic_moved: bool = True  # False: the old version was never touched
    result: Result | None = None  # what the rollout comes to, where it is not kept-old or rolled-back

    def ensure(self) -> None:
        """Raise SlipwayError with the reason where the platform did not take it."""
        if not self.ok:
            raise SlipwayError(self.reason)


class Target(Protocol):
    """A place where an image runs. One object drives one rollout, and remembers what it sent."""

    @property
    def url(self) -> str:
        """Where the app answers."""

    @property
    def where(self) -> str:
        """What a person looks at when nobody knows what runs: an address, or a command."""

    @property
    def patience(self) -> float:
        """Seconds that an app may take beyond its time limit, where the platform does not say when it runs."""

    async def preflight(self) -> Sequence[str]:
        """Refuse early, before anything changes; returns what people should know all the same. Raises SlipwayError."""

    async def current(self) -> str:
        """The reference that runs now, by digest; empty where nothing runs."""

    async def before(self) -> str:
        """What ran before `current`, by digest, as the platform remembers it; empty where it does not."""

    async def deploy(self, reference: str, *, migrate: bool) -> Attempt:
        """Bring a reference up and wait until the platform calls it running."""

    async def superseded(self) -> str:
        """Who has deployed something else since, in a few words; empty: nobody."""

    async def abandon(self, previous: str) -> None:
        """Undo a deploy that was interrupted, so that `previous` runs; empty: nothing ran. Raises SlipwayError."""

    async def stop(self) -> bool:
        """Stop serving: there is nothing to go back to. False where that is not possible."""

    async def diagnose(self) -> str:
        """The last lines of what runs, for people."""
