"""What a run came to: the contract of result.json, and the events that reports follow.

The JSON Schema in docs/reference/result.schema.json is generated from these types; `schema` changes when they do.
"""

import enum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from slipway.policy.finding import Finding
from slipway.stages.base import Status

SCHEMA = 1
RunStatus = Literal["passed", "failed", "broken", "degraded", "cancelled", "not-ready"]


class StageResult(Struct, frozen=True, kw_only=True):
    """One stage of one run."""

    name: str
    status: Status
    seconds: float
    started: Annotated[float, Meta(description="seconds after the start of the run")]
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    fix: str = ""
    log: Annotated[str, Meta(description="path relative to the project")] = ""
    facts: dict[str, Any] = {}

    @property
    def needs_human(self) -> bool:
        """Whether it was interrupted and somebody has to look: a deploy of which nobody knows what runs."""
        return self.status == "cancelled" and self.facts.get("result") == "needs-human"


class SourceResult(Struct, frozen=True):
    """Where the code came from."""

    commit: str
    branch: str
    dirty: bool


class ImageResult(Struct, frozen=True):
    """The one image of the run; empty where none was built."""

    reference: str = ""
    digest: str = ""


class RunResult(Struct, frozen=True, kw_only=True):
    """A whole run: result.json."""

    schema: int = SCHEMA
    id: str
    status: RunStatus
    exit_code: int
    started: Annotated[str, Meta(description="RFC 3339, UTC")]
    seconds: float
    work_seconds: Annotated[float, Meta(description="sum over the stages; more than `seconds` where they overlapped")]
    project: str
    source: SourceResult
    image: ImageResult
    url: str = ""
    reason: str = ""
    engine: str = ""
    stand_ins: bool = False
    stages: tuple[StageResult, ...]


class Kind(enum.StrEnum):
    """Kinds of events."""

    RUN_STARTED = "run-started"
    STAGE_STARTED = "stage-started"
    STAGE_PROGRESS = "stage-progress"
    STAGE_FINISHED = "stage-finished"
    RUN_FINISHED = "run-finished"


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened in a run; one line of `--json`."""

    schema: int = SCHEMA
    kind: Kind
    project: Annotated[str, Meta(description="as -C named it; only where several are run")] = ""
    at: float = 0.0
    stage: str = ""
    text: str = ""
    result: StageResult | None = None
    run: RunResult | None = None
    plan: tuple[str, ...] = ()


def encode(value: Any) -> bytes:
    """JSON, as written to result.json and to `--json`; `schema` is always there."""
    plain = msgspec.to_builtins(value)
    return msgspec.json.encode({"schema": SCHEMA} | plain if isinstance(value, Event) else plain)
