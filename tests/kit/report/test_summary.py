"""The summary as GitHub's Markdown understands it: the same facts, within the limits, and nothing from outside is
markup."""

import html
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from report import left

from slipway.github import files
from slipway.pipeline.result import ImageResult, RunResult, StageResult
from slipway.policy.finding import ORDER, Finding
from slipway.report import summary
from slipway.report.runner import annotations

OURS = re.compile(r"</?(code|details|details open|summary)>")


def parsed(text: str) -> list[Token]:
    """All tokens, as a parser of GitHub's dialect sees them."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return [token for block in reader.parse(text) for token in (block, *(block.children or ()))]


def shown(tokens: list[Token]) -> str:
    """What a reader reads."""
    return html.unescape("".join(t.content if t.type in ("text", "html_block") else " " for t in tokens))


def cells(tokens: list[Token]) -> list[list[str]]:
    """The rows of the first table, as text."""
    rows: list[list[str]] = []
    for number, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type in ("th_open", "td_open"):
            inline = tokens[number + 1]
            rows[-1].append("".join(child.content for child in inline.children or [] if child.type == "text"))
    return rows


def test_the_facts_of_a_run() -> None:
    found = (Finding("CVE-1", "LOW", "of no matter", stops=False), Finding("CVE-2", "HIGH", "bad", "a.py", 3))
    run = left.result(1, left.stages(scan_findings=found))
    remote = ImageResult(f"ghcr.io/acme/shop@{left.DIGEST}", left.DIGEST)
    tokens = parsed(summary.markdown(left.result(1, run.stages, image=remote)))
    rows = cells(tokens)
    assert [row[1] for row in rows[1:]] == [stage.name for stage in run.stages]
    assert rows[2] == ["✅", "build", "2.1", "65 MB"]
    text = shown(tokens)
    assert f"ghcr.io/acme/shop@{left.DIGEST}" in text and f"slipway attested ghcr.io/acme/shop@{left.DIGEST}" in text
    assert text.index("CVE-2") < text.index("CVE-1"), "what stops comes first"
    gantt = next(t for t in tokens if t.type == "fence")
    assert gantt.info == "mermaid" and "    integration : done, 2200, 5400" in gantt.content
    assert "slipway attested" not in summary.markdown(run), "nobody signs what is on this machine alone"


@pytest.mark.parametrize("text", left.HOSTILE, ids=range(len(left.HOSTILE)))
def test_text_from_outside_is_text(text: str) -> None:
    run, _ = left.hostile(f"{text} | x `y` **z** [a](http://b) @acme/team #1 ~~s~~ <b>")
    tokens = parsed(summary.markdown(run))
    kinds = {t.type for t in tokens}
    assert not kinds & {"link_open", "image", "code_inline", "em_open", "s_open", "code_block"}
    markup = [t.content for t in tokens if t.type in ("html_inline", "html_block")]
    assert [m for block in markup for m in re.findall(r"<[^>]*>", block) if not OURS.fullmatch(m)] == []
    rows = cells(tokens)
    assert len(rows) == 1 + len(run.stages) and {len(row) for row in rows} == {4}
    assert "@acme" not in summary.markdown(run) and "http://b" not in summary.markdown(run)
    assert sum(t.type == "fence" for t in tokens) == 1


def many(number: int, words: int) -> RunResult:
    """Findings of every severity over two stages."""
    found = [
        Finding(f"R-{n}", ORDER[n % 5], f"{n} " + "word " * words, f"f{n}.py", n, stops=n % 5 < 3)
        for n in range(number)
    ]
    stages = [
        StageResult(name=name, status="failed", seconds=1, started=0, findings=tuple(found[half::2]), fix="fix it")
        for half, name in enumerate(("lint", "scan"))
    ]
    return left.result(1, tuple(stages), status="failed")


@pytest.mark.parametrize(("number", "limit"), [(5000, files.SUMMARY_LIMIT), (500, 60_000), (40, 4000)])
def test_the_least_severe_go_first_and_are_counted(number: int, limit: int) -> None:
    run = many(number, 60)
    text = summary.markdown(run, limit)
    assert limit * 0.8 < len(text.encode()) <= limit
    cut = int(re.findall(r"(\d+) findings, the least severe, are not shown here", text)[0])
    rules = re.findall(r"(?m)^- \*\*\w+\*\* (R-\d+)", text)
    assert len(rules) + cut == number
    kept = [f for s in run.stages for f in s.findings if f.rule in rules]
    left_out = [f for s in run.stages for f in s.findings if f.rule not in rules]

    def rank(finding: Finding) -> tuple[bool, int]:
        return not finding.stops, ORDER.index(finding.severity)

    assert max(map(rank, kept)) <= min(map(rank, left_out))
    tokens = parsed(text)
    assert sum(t.type == "fence" for t in tokens) == 1, "the timeline is never what is cut"
    assert text.count("<details") == text.count("</details>")


def test_what_fits_is_not_cut() -> None:
    text = summary.markdown(many(40, 5))
    assert "not shown here" not in text and text.count("\n- **") == 40


def test_the_room_that_others_left_in_the_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "s"))
    assert files.summary_room() == files.SUMMARY_LIMIT
    files.summary("x" * 1000)
    assert files.summary_room() == files.SUMMARY_LIMIT - 1000
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    assert files.summary_room() == files.SUMMARY_LIMIT


def test_ten_annotations_are_the_ten_worst_of_all_stages() -> None:
    lines = annotations(many(50, 1), Path())
    assert len(lines) == 10
    titles = [re.findall(r"R-(\d+)", line)[0] for line in lines[:-1]]
    assert all(int(title) % 5 == 0 for title in titles), "CRITICAL ones, before any other, whichever stage found them"
    assert lines[-1] == "::error::21 more are in the summary and in the log"
