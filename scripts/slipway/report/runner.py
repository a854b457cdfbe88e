"""A run as a GitHub runner shows it: a folded group a stage, annotations beside the code, a summary, outputs."""

import sys
from pathlib import Path

from slipway import config
from slipway.github import commands, files
from slipway.pipeline import subject
from slipway.pipeline.result import Event, Kind, RunResult, StageResult
from slipway.pipeline.subject import Subject
from slipway.policy.finding import Finding, severe
from slipway.report import sarif, summary
from slipway.stages.base import INTERRUPTED

LIMIT = 10  # annotations of a kind that GitHub shows for one step
LOG_LINES = 5000  # of one stage; the file has them all


class Runner:
    """Writes a stage when it has ended, so that the logs of overlapped stages never interleave."""

    def __init__(self, root: Path, alone: bool = True):
        """`alone`: this is the only project, whose outputs are those of the step."""
        self._root, self._alone = root, alone

    def __call__(self, event: Event) -> None:
        if event.kind is Kind.RUN_STARTED:
            self._say(*commands.group(f"slipway {event.project}".rstrip(), [event.text]))
        elif event.kind is Kind.STAGE_PROGRESS and event.text.startswith(INTERRUPTED):
            self._say(commands.annotation("warning", event.text, title=event.stage))
        elif event.kind is Kind.STAGE_FINISHED and event.result:
            self._say(*self._stage(event.result, event.project))
        elif event.kind is Kind.RUN_FINISHED and event.run:
            self._say(*annotations(event.run, self._root))
            about = subject.of(self._root, config.load(self._root))
            sarif.write(event.run, self._root, about.category)
            files.summary(summary.markdown(event.run, files.summary_room()))
            if self._alone:
                files.outputs(outputs(event.run, about))

    def close(self) -> None:
        """Nothing to leave behind."""

    def _stage(self, result: StageResult, project: str) -> list[str]:
        seconds = f" {result.seconds:.1f} s" if result.status not in ("reused", "skipped") else ""
        name = f"{project} {result.name}".lstrip()
        title = f"{summary.ICONS[result.status]} {name}: {result.status}{seconds}  {result.reason}"
        return commands.group(title, self._log(result.log))

    def _log(self, name: str) -> list[str]:
        if not name:
            return []
        try:
            lines = (self._root / name).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        cut = [f"({len(lines) - LOG_LINES} lines left out; all are in {name})"] if len(lines) > LOG_LINES else []
        return cut + lines[-LOG_LINES:]

    @staticmethod
    def _say(*lines: str) -> None:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()


def annotations(run: RunResult, root: Path) -> list[str]:
    """At most ten errors and ten warnings, most severe first; the last one counts what was left out."""
    bad = [s for s in run.stages if s.status in ("failed", "broken")]
    stage_of = {id(f): s.name for s in bad for f in s.findings}
    stopping = severe([f for s in bad for f in s.findings if f.stops])
    errors = [_finding(stage_of[id(f)], f, root) for f in stopping]
    errors += [
        commands.annotation("error", f"{s.reason}. {s.fix}".strip(), title=s.name)
        for s in bad
        if not any(f.stops for f in s.findings)
    ]
    errors += [commands.annotation("error", f"{s.reason}. {s.fix}", title=s.name) for s in run.stages if s.needs_human]
    if run.status in ("not-ready", "broken") and not errors:
        errors.append(commands.annotation("error", run.reason, title=run.status))
    warnings = [
        commands.annotation("warning", s.reason, title=f"{s.name}: degraded")
        for s in run.stages
        if s.status == "degraded"
    ]
    notices = [
        commands.annotation("notice", f"{s.reason}. {s.fix}", title=f"{s.name}: superseded")
        for s in run.stages
        if s.status == "passed" and s.facts.get("result") == "superseded"
    ]
    return _limited("error", errors) + _limited("warning", warnings) + notices


def _finding(stage: str, f: Finding, root: Path) -> str:
    message = f"{f.message}\nTo fix: {f.fix}" if f.fix else f.message
    file, line = f.place
    return commands.annotation("error", message, title=f"{stage}: {f.rule}", file=files.place(root, file), line=line)


def _limited(level: commands.Level, lines: list[str]) -> list[str]:
    if len(lines) <= LIMIT:
        return lines
    left = len(lines) - LIMIT + 1
    return [*lines[: LIMIT - 1], commands.annotation(level, f"{left} more are in the summary and in the log")]


def outputs(run: RunResult, about: Subject) -> dict[str, str]:
    """What later steps and jobs may use."""
    verdicts = {f"{stage.name}-verdict": stage.status for stage in run.stages}
    image = {"digest": run.image.digest, "image": run.image.reference, "artifact-name": about.artifact_name}
    image["baseline"] = next((str(s.facts.get("baseline", "")) for s in run.stages if s.name == "scan"), "")
    deployed = next((str(s.facts.get("result", "")) for s in run.stages if s.name == "deploy"), "")
    return {"status": run.status, "result": deployed, "url": run.url, **image, **verdicts}
