"""The shape that every stage has: what it needs, what its result depends on, and how it runs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from slipway.config import Settings
from slipway.errors import ExitCode
from slipway.image.reference import Repository
from slipway.image.taken import Taken
from slipway.image.unfetched import Unfetched
from slipway.policy.finding import Finding
from slipway.tools.docker import Engine
from slipway.tools.git import Source
from slipway.tools.images import Images

Status = Literal["passed", "failed", "broken", "degraded", "reused", "skipped", "cancelled"]
INTERRUPTED = "interrupted"  # begins what a stage is doing where people must see it at once, before a kill
GREEN: tuple[Status, ...] = ("passed", "degraded", "reused")


@dataclass(frozen=True)
class Outcome:
    """What a stage came to."""

    status: Status
    summary: str = ""  # one line for people: "42 passed · 97 % covered"
    findings: tuple[Finding, ...] = ()
    fix: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)  # what later stages and reports use; JSON only
    exit_code: int | None = None  # where the status alone does not tell it (deploy)

    @property
    def green(self) -> bool:
        """Whether later stages may build on it."""
        return self.status in GREEN


def failed(summary: str, *findings: Finding, fix: str = "", **facts: Any) -> Outcome:
    """A gate that found something."""
    return Outcome("failed", summary, findings, fix, facts)


def timed_out(summary: str, *findings: Finding, fix: str = "", **facts: Any) -> Outcome:
    """A stage that was ended at its time limit."""
    return Outcome("failed", summary, findings, fix, facts, ExitCode.TIMED_OUT)


class Cancelled(asyncio.CancelledError):
    """The end of a stage that was cancelled and knows what came of it."""

    def __init__(self, outcome: Outcome):
        super().__init__(outcome.summary)
        self.outcome = outcome


async def _no_preparation() -> None:
    return None


async def _never(_: "Context") -> None:
    return None


@dataclass(frozen=True)
class Delivery:
    """How a deploy is wanted, beyond what the environment says."""

    provenance: Literal["auto", "always", "never"] = "auto"  # what must be attested
    allow_downgrade: bool = False  # an older version may replace a newer one
    rollback: bool = True  # a version that fails gives way to the one before
    command: bool = True  # the target `command` may run
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)  # of platforms, by variable
    preview: int = 0  # number of the pull request whose preview it is; 0: the environment itself


@dataclass(frozen=True)
class Context:
    """What a stage is given."""

    root: Path  # the project
    settings: Settings
    run_id: str
    folder: Path  # of this run
    state: Path  # .slipway: kept from run to run
    engine: Engine | None
    source: Source
    images: Images
    repository: Repository
    seen: str  # SHA-256 over all that the build can see; empty without a Dockerfile
    version: str  # what /version must say: the commit, or the commit and a mark of what changed
    environment: str | None = None  # of deploy
    delivery: Delivery = field(default_factory=Delivery)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)  # of the build, as they were handed over
    unfetched: tuple[Unfetched, ...] = ()  # what the checkout left out of the build context
    taken: Taken | None = None  # the image that another job built; None: it is built here
    stage: str = ""
    done: Mapping[str, Outcome] = field(default_factory=dict)
    doing: Callable[[str], None] = lambda _: None
    prepared: Callable[[], Awaitable[Any]] = _no_preparation  # waits for the stage's own `prepare`, raises its error

    @property
    def log(self) -> Path:
        """The log of the running stage."""
        return self.folder / f"{self.stage}.log"

    @property
    def digest(self) -> str:
        """The digest of the one image of this run."""
        return str(self.done["build"].facts["digest"])

    @property
    def reference(self) -> str:
        """The image by digest: what every stage after build runs."""
        return self.repository.at(self.digest)

    @property
    def labels(self) -> list[str]:
        """Options that mark a container as this run's own."""
        return ["--label", f"slipway.run={self.run_id}"]

    def at(self, stage: str, **changes: Any) -> "Context":
        """This context as the stage called `stage` sees it."""
        return replace(self, stage=stage, **changes)


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline."""

    name: str
    needs: tuple[str, ...]
    run: Callable[[Context], Awaitable[Outcome]]
    # What the result depends on, or None where it may not be reused; asked when everything in `needs` is green.
    key: Callable[[Context], Awaitable[str | None]] = _never
    # Starts at second 0, beside everything else, where the stage will not be reused.
    prepare: Callable[[Context], Awaitable[Any]] | None = None
    # Whether what an earlier outcome speaks of is still there.
    holds: Callable[[Context, Outcome], Awaitable[bool]] | None = None
    # Undoes what `prepare` and `run` left outside, whatever happened.
    finish: Callable[[Context], Awaitable[None]] | None = None
    engine: bool = True

    @property
    def reusable(self) -> bool:
        """Whether an earlier result can ever stand for this stage's."""
        return self.key is not _never
