"""Runs to show: what each kind of run tells its events."""

from typing import Any

import msgspec

from slipway.pipeline.result import Event, ImageResult, Kind, RunResult, SourceResult, StageResult
from slipway.policy.finding import Finding

DIGEST = "sha256:9d2e" + "0" * 56 + "c285"
PLAN = ("lint", "build", "test", "scan", "integration", "publish", "deploy")
GOOD = (
    StageResult(name="lint", status="passed", seconds=0.4, started=0.0, reason="3 files clean"),
    StageResult(name="build", status="passed", seconds=2.1, started=0.0, reason="sha256:9d2e…c285 · 65 MB"),
    StageResult(name="test", status="reused", seconds=0.0, started=2.1, reason="42 passed · 97 % covered"),
    StageResult(
        name="scan", status="degraded", seconds=1.9, started=2.1,
        reason="no vulnerability data here (no registry with it can be reached from here); secrets, configuration, "
        "SBOM checked",
    ),
    StageResult(name="integration", status="skipped", seconds=0.0, started=2.1, reason="left out by request"),
    StageResult(name="publish", status="passed", seconds=0.3, started=5.0, reason="localhost:5001/shop:main"),
    StageResult(name="deploy", status="passed", seconds=2.2, started=5.3, reason="live, 3 of 3 checks say 3f2c1ab"),
)  # fmt: skip
FINDINGS = (
    Finding("CVE-2024-1135", "HIGH", "gunicorn 20.1.0 → 22.0.0   request smuggling", "pyproject.toml", 14, "raise it"),
    Finding("secret", "CRITICAL", "an AWS key in /app/.env", "/app/.env", 3),
    *(Finding(f"CVE-{n}", "UNKNOWN", "another") for n in range(8)),
    Finding("CVE-listed", "LOW", "does not stop", stops=False),
)
BAD = (
    GOOD[0],
    GOOD[1],
    StageResult(name="test", status="cancelled", seconds=1.0, started=2.1, reason="stopped before its end"),
    StageResult(
        name="scan", status="failed", seconds=1.9, started=2.1, reason="10 findings stop this image", findings=FINDINGS,
        fix="uv add 'gunicorn>=22'; add .env to .dockerignore", log=".slipway/runs/x/scan.log",
    ),
    StageResult(name="integration", status="broken", seconds=0.1, started=2.1, reason="internal error, please report"),
)  # fmt: skip


def result(stages: tuple[StageResult, ...], **parts: Any) -> RunResult:
    """A run of these stages."""
    whole = {
        "id": "20261121-080000-abcd", "status": "degraded", "exit_code": 0, "started": "2026-11-21T08:00:00Z",
        "seconds": 7.4, "work_seconds": 12.1, "project": "shop",
        "source": SourceResult("3f2c1ab" + "0" * 33, "main", True),
        "image": ImageResult(f"localhost:5001/shop@{DIGEST}", DIGEST), "url": "http://127.0.0.1:8000",
    }  # fmt: skip
    return RunResult(stages=stages, **whole | parts)


def told(run: RunResult) -> list[Event]:
    """The events of a run."""
    text = "shop @ 3f2c1ab (2 files changed) · engine 26.1.5 · offline stand-ins in use"
    events = [Event(kind=Kind.RUN_STARTED, text=text, plan=PLAN)]
    for stage in run.stages:
        if stage.status not in ("reused", "skipped"):
            events.append(Event(kind=Kind.STAGE_STARTED, stage=stage.name))
            events.append(Event(kind=Kind.STAGE_PROGRESS, stage=stage.name, text="[deps 3/7] RUN uv sync --locked"))
        events.append(Event(kind=Kind.STAGE_FINISHED, stage=stage.name, result=stage))
    return [*events, Event(kind=Kind.RUN_FINISHED, at=run.seconds, run=run)]


RUNS = {
    "good": result(GOOD),
    "bad": result(BAD, status="failed", exit_code=1, url="", reason="10 findings stop this image"),
    "unchanged": result(
        tuple(
            msgspec.structs.replace(s, status="reused", seconds=0.0) if s.name in PLAN[:5] else s
            for s in GOOD if s.name != "scan"
        ), status="passed", seconds=0.2, work_seconds=0.1,
    ),
    "rolled-back": result(
        (*GOOD[:2], StageResult(
            name="deploy", status="failed", seconds=9.1, started=5.3, log=".slipway/runs/x/deploy.log",
            reason="rolled-back: /readyz answers 503: no database · now running: sha256:41aa…07be",
            fix="see the app's last lines in the log; fix it and run again",
        )), status="failed", exit_code=5, url="",
    ),
    "interrupted": result(
        (GOOD[0], BAD[2]), status="cancelled", exit_code=130, url="", image=ImageResult(), reason="interrupted"
    ),
    "not-ready": result(
        (GOOD[0],), status="not-ready", exit_code=3, url="", image=ImageResult(),
        reason="no Docker engine answers at unix:///var/run/docker.sock. Start it (`sudo systemctl start docker`).",
    ),
}  # fmt: skip
