"""A run in Markdown, for the job summary: stage table, timeline, digest, findings.

Everything that is not ours is text: it is written as entities, so that it can be neither markup nor a mention.
"""

import re
from pathlib import Path

import msgspec

from slipway.pipeline.result import RunResult, StageResult
from slipway.policy.finding import Finding, severe

ICONS = {
    "passed": "✅", "reused": "✅", "failed": "❌", "broken": "❌", "degraded": "⚠️", "skipped": "➖", "cancelled": "➖",
}  # fmt: skip
SHOWN = 50  # findings, most severe first


def text(value: str) -> str:
    """Any text as Markdown that shows exactly it, on one line."""
    flat = " ".join(value.split())
    return re.sub(r"[^\w .,;=%/()+·→…-]", lambda match: f"&#{ord(match[0])};", flat)


def code(value: str) -> str:
    """Any text in a fixed-width font."""
    return f"<code>{text(value)}</code>"


def markdown(run: RunResult) -> str:
    """The whole summary."""
    icon = {"passed": "✅", "degraded": "⚠️"}.get(run.status, "❌")
    parts = [f"## {icon} {text(run.project)}: {run.status} in {run.seconds:.1f} s\n"]
    if run.reason:
        parts.append(f"{text(run.reason)}\n")
    parts.append(_stages(run.stages))
    if run.image.digest:
        parts.append(f"Image: {code(run.image.reference)}\n")
    if run.url:
        parts.append(f"URL: {text(run.url)}\n")
    for stage in run.stages:
        parts += _findings(stage)
    parts.append(_timeline(run.stages))
    return "\n".join(parts) + "\n"


def last(root: Path) -> str:
    """The summary of the last run in a project; empty where there is none."""
    try:
        run = msgspec.json.decode((root / ".slipway" / "latest" / "result.json").read_bytes(), type=RunResult)
    except (OSError, msgspec.DecodeError):
        return ""
    return markdown(run)


def _stages(stages: tuple[StageResult, ...]) -> str:
    rows = ["| | stage | seconds | |", "|---|---|---:|---|"]
    for stage in stages:
        seconds = "" if stage.status in ("skipped", "cancelled", "reused") else f"{stage.seconds:.1f}"
        word = "" if stage.status == "passed" else f"**{stage.status}** "
        rows.append(f"| {ICONS[stage.status]} | {text(stage.name)} | {seconds} | {word}{text(stage.reason)} |")
    return "\n".join(rows) + "\n"


def _findings(stage: StageResult) -> list[str]:
    found = severe(stage.findings)
    if not found:
        return []
    shown = [_finding(finding) for finding in found[:SHOWN]]
    more = [f"\n… and {len(found) - SHOWN} more, less severe.\n"] if len(found) > SHOWN else []
    mend = [f"\nTo mend: {text(stage.mend)}\n"] if stage.mend else []
    opened = " open" if stage.status in ("failed", "broken") else ""
    head = f"<details{opened}><summary>{text(stage.name)}: {len(found)} findings</summary>\n"
    return [head, "\n".join(shown), *more, *mend, "</details>\n"]


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
