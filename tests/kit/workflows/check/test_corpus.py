"""Every case of the corpus gives exactly its findings: none missed, no false alarm."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from workflows.check.corpus import CASES, Case, Expected

from slipway.cli import main
from slipway.workflows.rules import RULES

HERE = Path(__file__).parent


def run(case: Case, folder: Path) -> tuple[int, list[dict[str, object]]]:
    project, kit = case.write(folder)
    words = ["check", "-C", str(project), "--kit", str(kit), "--json", *case.options]
    result = CliRunner().invoke(main, words)
    assert result.stdout.startswith("{"), result.output
    report = json.loads(result.stdout)["check"]
    return result.exit_code, [*report["problems"], *report.get("notes", [])]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_exactly_the_expected_findings(case: Case, tmp_path: Path) -> None:
    code, problems = run(case, tmp_path)
    left = list(problems)
    missed = []
    for expected in case.expected:
        fits = [p for p in left if fit(expected, p)]
        if fits:
            left.remove(fits[0])
        else:
            missed.append(expected)
    shown = "\n".join(json.dumps(p, ensure_ascii=False) for p in left)
    assert not missed and not left, f"missed: {missed}\nnot expected: {shown}"
    assert code == (1 if any(not expected.note for expected in case.expected) else 0)


def fit(expected: Expected, problem: dict[str, object]) -> bool:
    """Whether a finding is the expected one."""
    said = f"{problem['message']}\n{problem['why']}\n{problem['fix']}"
    place = (problem["file"], problem["line"], problem["column"])
    same = (place, problem["rule"], problem.get("note", False)) == (expected.place, expected.rule, expected.note)
    return same and all(text in said for text in expected.texts)


def test_the_corpus_is_large_and_complete() -> None:
    """At least 60 callers, all rows of the truth table, and every rule with a case that breaks it."""
    assert len(CASES) >= 60
    assert {int(case.row) for case in CASES if case.row} == set(range(1, 32))
    assert {expected.rule for case in CASES for expected in case.expected} >= set(RULES) - {"call-files", "actionlint"}
    assert sum(not case.expected for case in CASES) >= 20, "good callers"


def test_every_rule_has_its_paragraph() -> None:
    text = (HERE.parents[3] / "docs/reference/check.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^### ([a-z-]+)$", text, re.MULTILINE)) == sorted(RULES)
