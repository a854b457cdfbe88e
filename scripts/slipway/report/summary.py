"""A run in Markdown, for the job summary: stage table, timeline, digest, findings.

Everything that is not ours is text: it is written as entities, so that it can be neither markup nor a mention.
"""

import re
from pathlib import Path

import msgspec

from slipway.github.files import SUMMARY_LIMIT
from slipway.pipeline.result import RunResult, StageResult
from slipway.policy.finding import Finding, severe

ICONS = {
    "passed": "✅", "reused": "✅", "failed": "❌", "broken": "❌", "degraded": "⚠️", "skipped": "➖", "cancelled": "➖",
}  # fmt: skip
LONGEST = 1000  # characters of one text; what is longer is in the log


def text(value: str) -> str:
    """Any text as Markdown that shows exactly it, on one line."""
    flat = " ".join(value.split())
    flat = flat if len(flat) <= LONGEST else f"{flat[:LONGEST]}…"
    return re.sub(r"[^\w .,;=%/()+·→…-]", lambda match: f"&#{ord(match[0])};", flat)


def code(value: str) -> str:
    """Any text in a fixed-width font."""
    return f"<code>{text(value)}</code>"


def markdown(run: RunResult, limit: int = SUMMARY_LIMIT) -> str:
    """The whole summary, in at most `limit` bytes: the least severe findings are left out first, and counted."""
    icon = {"passed": "✅", "degraded": "⚠️"}.get(run.status, "❌")
    parts = [f"## {icon} {text(run.project)}: {run.status} in {run.seconds:.1f} s\n"]
    if run.reason:
        parts.append(f"{text(run.reason)}\n")
    parts.append(_stages(run.stages))
    if run.image.digest:
        parts.append(f"Image: {code(run.image.reference)}\n")
        if not run.image.reference.startswith("localhost:"):
            parts.append(f"Verify it, once it is published: {code(f'slipway attested {run.image.reference}')}\n")
    if run.url:
        parts.append(f"URL: {text(run.url)}\n")
    end = _timeline(run.stages)
    room = limit - len("\n".join([*parts, end, ""]).encode()) - 200  # for the line that counts
    return "\n".join([*parts, *_all_findings(run.stages, room), end]) + "\n"


def last(root: Path, limit: int) -> str:
    """The summary of the last run in a project, in at most `limit` bytes; empty where there is none."""
    try:
        run = msgspec.json.decode((root / ".slipway" / "latest" / "result.json").read_bytes(), type=RunResult)
    except (OSError, msgspec.DecodeError):
        return ""
    return markdown(run, limit)


def _stages(stages: tuple[StageResult, ...]) -> str:
    rows = ["| | stage | seconds | |", "|---|---|---:|---|"]
    for stage in stages:
        seconds = "" if stage.status in ("skipped", "cancelled", "reused") else f"{stage.seconds:.1f}"
        word = "" if stage.status == "passed" else f"**{stage.status}** "
        rows.append(f"| {ICONS[stage.status]} | {text(stage.name)} | {seconds} | {word}{text(stage.reason)} |")
    return "\n".join(rows) + "\n"


def _all_findings(stages: tuple[StageResult, ...], room: int) -> list[str]:
    """A folded list a stage, of the findings that fit: the most severe of all stages come first."""
    frames = {stage.name: _frame(stage) for stage in stages if stage.findings}
    room -= sum(len("\n".join(frame).encode()) + 2 for frame in frames.values())
    ranked = severe([finding for stage in stages for finding in stage.findings])
    kept: set[int] = set()
    for finding in ranked:
        room -= len(_finding(finding).encode()) + 1
        if room < 0:
            break
        kept.add(id(finding))
    parts = []
    for stage in stages:
        if stage.name in frames:
            head, foot = frames[stage.name]
            lines = [_finding(finding) for finding in severe(stage.findings) if id(finding) in kept]
            parts += [head, "\n".join(lines), foot]
    cut = len(ranked) - len(kept)
    return (
        [*parts, f"{cut} findings, the least severe, are not shown here: they are in result.json.\n"] if cut else parts
    )


def _frame(stage: StageResult) -> tuple[str, str]:
    opened = " open" if stage.status in ("failed", "broken") else ""
    head = f"<details{opened}><summary>{text(stage.name)}: {len(stage.findings)} findings</summary>\n"
    fix = f"\nTo fix: {text(stage.fix)}\n" if stage.fix else ""
    return head, f"{fix}\n</details>\n"


def _finding(finding: Finding) -> str:
    file, line = finding.place
    place = f" {code(file + (f':{line}' if line else ''))}" if file else ""
    why = f"accepted {finding.accepted}" if finding.accepted else "listed, does not stop"
    why = f"in {finding.known} already, does not stop" if finding.known else why
    stops = "" if finding.stops else f" ({text(why)})"
    return f"- **{finding.severity}** {text(finding.rule)}{place} {text(finding.message)}{stops}"


def _timeline(stages: tuple[StageResult, ...]) -> str:
    ran = [s for s in stages if s.status not in ("skipped", "reused")]
    if not ran:
        return ""
    marks = {"failed": "crit, ", "broken": "crit, ", "degraded": "active, "}
    bars = []
    for s in ran:
        start, end = int(s.started * 1000), int((s.started + max(s.seconds, 0.01)) * 1000)
        bars.append(f"    {s.name} : {marks.get(s.status, 'done, ')}{start}, {end}")
    return "\n".join(["```mermaid", "gantt", "    dateFormat x", "    axisFormat %M:%S", *bars, "```"])
