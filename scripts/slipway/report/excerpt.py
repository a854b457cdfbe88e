"""Of a red stage's log the last lines that matter: what told of progress and success is left out."""

import re
from pathlib import Path

from slipway.pipeline.result import StageResult
from slipway.report.evidence import tail
from slipway.report.text import legible

LINES = 20
READ = 256 * 1024  # bytes from the end of a log
JUDGES = ("lint", "scan")  # their findings say it all
_NOISE = re.compile(
    r"""(?x) \s* | .*\ CACHED | [\dT:.-]+Z\s+INFO\b.* | \[internal\].*
    | (exporting|sending|transferring|writing|naming)\ .*
    | \s*(Network|Container|Volume)\ \S+\ +(Creat|Start|Runn|Wait|Health|Stopp|Remov|Recreat|Exit|Pull)\w*
    | \S+\.py\ [.sxXFE]+\s+\[\s*\d+%\] | [.sxXFE]+\s+\[\s*\d+%\] | -+\ generated\ xml\ file.*
    | .*\.py::.*\ (PASSED|SKIPPED|XFAIL)\b.*
    | \d+\ files?\ skipped\ due\ to\ complete\ coverage\.
    | Coverage\ (XML|HTML)\ written.* | Required\ test\ coverage\ of\ .*\ reached\..*"""
)
_COVERAGE = re.compile(r"(?ms)^=+ tests coverage =+$.*?(?=^=+ |^Coverage XML|\Z)")
_SUMMARY = re.compile(r"(?ms)^=+ short test summary info =+$.*\Z")
_FAILURES = re.compile(r"(?m)^=+ (?:FAILURES|ERRORS) =+$\n?")


def of(stage: StageResult, folder: Path) -> list[str]:
    """The lines of a stage's log in a run's folder, at most `LINES`; none where the findings say it already."""
    stopping = any(finding.stops for finding in stage.findings)
    ours = stage.reason.startswith("internal error")  # a traceback is for the log
    if not stage.log or ours or (stopping and stage.name in JUDGES):
        return []
    text, _ = tail(folder / f"{stage.name}.log", READ)
    return relevant(text, told=stopping)


def relevant(text: str, *, told: bool = False) -> list[str]:
    """What matters of a log. `told`: the names of what failed are shown already."""
    text = _COVERAGE.sub("", legible(text))
    if told:
        text = _SUMMARY.sub("", text)
    *_, text = _FAILURES.split(text)
    return [line.rstrip() for line in text.splitlines() if not _NOISE.fullmatch(line)][-LINES:]
