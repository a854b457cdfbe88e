"""Deletes every guarding line of every workflow and action in turn: somebody must notice each.

Three of the stage workflows are one text with another word in it, and lint.yml is that text with lines left out
(test_golden.py holds that): one stands for all, and build.yml, which hands its image over, for itself.
"""

from collections import Counter
from pathlib import Path

import pytest
from workflows.harness import mutate, places

# Equivalent mutants: nothing that anybody could see follows from the line. Each with its reason.
EQUIVALENT: dict[str, str] = {}
FILES = [file for file in places.shipped() if file.stem not in ("lint", "scan", "integration")]


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_no_line_can_go_unnoticed(file: Path, act: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    killed = mutate.judge_all(file, tmp_path)
    count = Counter(killer or "SURVIVED" for killer in killed.values())
    with capsys.disabled():
        print(f"\n{file.parent.name}/{file.name}: {len(killed)} mutants, killed by", end=" ")
        print(", ".join(f"{killer} {n}" for killer, n in count.most_common()), end=" ")
    survivors = [f"line {m.line}: {m.name}" for m, killer in killed.items() if not killer and m.name not in EQUIVALENT]
    assert survivors == []


def test_every_equivalent_mutant_exists() -> None:
    made = {mutant.name for file in FILES for mutant in mutate.mutants(file)}
    assert set(EQUIVALENT) <= made


def test_an_unguarded_line_survives(act: Path, tmp_path: Path) -> None:
    """The court itself: a label that nothing depends on is the only thing that goes unnoticed."""
    file = places.REPOSITORY / ".github" / "workflows" / "publish.yml"
    text = file.read_text(encoding="utf-8")
    court = mutate.Court(tmp_path)
    labelled = "      - name: Log in to registries\n        run:"
    assert labelled in text
    harmless = mutate.Mutant("workflows/publish.yml", 0, "- name", text.replace(labelled, "      - run:"))
    assert court.killer(harmless) == ""
    lost = text.replace("          REGISTRY_AUTH:", "          #")
    assert lost != text
    assert court.killer(mutate.Mutant("workflows/publish.yml", 0, "env", lost)) in (
        "golden table",
        "execution",
        "actionlint",
    )
