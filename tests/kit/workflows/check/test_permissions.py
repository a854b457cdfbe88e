"""Permissions: the fixed order and length of GitHub's text, each scope, and that each fix fixes."""

import re
from pathlib import Path

import pytest
import yaml
from workflows.check.corpus import CASES, Case

from slipway.workflows import check
from slipway.workflows.permissions import Default
from slipway.workflows.rules import Problem
from slipway.workflows.tables import SCOPES

CALLER = "on: push\njobs:\n  deploy:\n    permissions: {given}\n    uses: ./.github/workflows/called.yml\n"
CALLED = """\
on: workflow_call
jobs:
  inner:
    permissions: {asked}
    runs-on: ubuntu-24.04
    steps: [{{run: 'true'}}]
"""
ONE_LEVEL = {"id-token", "models", "vulnerability-alerts"}
HELD = [case for case in CASES if any(expected.rule == "permission-exceeded" for expected in case.expected)]


def exceeded(project: Path, given: str, asked: str) -> list[Problem]:
    folder = project / ".github/workflows"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ci.yml").write_text(CALLER.format(given=given))
    (folder / "called.yml").write_text(CALLED.format(asked=asked))
    return check.check(project, [], None, Default()).problems


@pytest.mark.parametrize("scope", [s for s in SCOPES if s not in ONE_LEVEL])
def test_each_scope(scope: str, tmp_path: Path) -> None:
    """Row 17: S: read is given, S: write is asked."""
    (found,) = exceeded(tmp_path, f"{{{scope}: read}}", f"{{{scope}: write}}")
    quote = f"The nested job 'inner' is requesting '{scope}: write', but is only allowed '{scope}: read'.\""
    assert quote in found.why
    assert (found.file, found.line, found.column) == (".github/workflows/ci.yml", 3, 3)
    assert exceeded(tmp_path, f"{{{scope}: write}}", f"{{{scope}: read}}") == []
    assert exceeded(tmp_path, f"{{{scope}: write}}", f"{{{scope}: write}}") == []
    assert len(exceeded(tmp_path, "{}", f"{{{scope}: read}}")) == 1


@pytest.mark.parametrize("given", ["read-all", "write-all"])
def test_shorthands_contain_every_scope(given: str, tmp_path: Path) -> None:
    """id-token and attestations too; what only reads is read under write-all."""
    (found,) = exceeded(tmp_path, "{}", given)
    asked = re.findall(r"([a-z-]+): (?:read|write)", found.message.split("; the call")[0])
    assert asked == SCOPES
    assert exceeded(tmp_path, given, given) == []


def test_the_text_is_cut_where_github_cuts_it(tmp_path: Path) -> None:
    """At 500 characters, the place at its beginning included."""
    (found,) = exceeded(tmp_path, "{}", "write-all")
    said = re.search(r': "(Error calling .*\[\.\.\.\])"', found.why)
    assert said
    assert len(f".github/workflows/ci.yml (Line: 3, Col: 3): {said[1]}") == 500 + len("[...]")


@pytest.mark.parametrize(
    "case", [c for c in CASES if any(e.rule == "permission-exceeded" for e in c.expected)], ids=str
)
def test_the_printed_block_fixes(case: Case, tmp_path: Path) -> None:
    """Written as they are printed, the blocks leave nothing to grant."""
    project, kit = case.write(tmp_path)
    default = Default("write" if "write" in case.options else "read", "--same-owner" in case.options)
    for _ in range(5):
        problems = check.check(project, [], kit, default).problems
        found = [p for p in problems if p.rule == "permission-exceeded"]
        if not found:
            return
        for problem in found:
            write(project, problem)
            for step in re.findall(r"let job '(\S+)' \((\S+):\d+\)", problem.fix):
                widen(project / step[1], step[0], block(problem))
    raise AssertionError(found)


def block(problem: Problem) -> dict[str, str]:
    lines = "\n".join(line for line in problem.fix.splitlines()[1:] if not line.startswith("and let"))
    return dict(yaml.load(lines, yaml.BaseLoader)["permissions"])


def write(project: Path, problem: Problem) -> None:
    head = re.match(r"in job '(\S+)' \((\S+):\d+\) write$", problem.fix.splitlines()[0])
    assert head, problem.fix
    tree = yaml.load((project / head[2]).read_text(), yaml.BaseLoader)
    tree["jobs"][head[1]]["permissions"] = block(problem)
    (project / head[2]).write_text(yaml.safe_dump(tree, sort_keys=False))


def widen(path: Path, job: str, more: dict[str, str]) -> None:
    tree = yaml.load(path.read_text(), yaml.BaseLoader)
    own = tree["jobs"][job].get("permissions", tree.get("permissions", {}))
    tree["jobs"][job]["permissions"] = {**own, **more}
    path.write_text(yaml.safe_dump(tree, sort_keys=False))


def test_callers_above_are_named_only_where_they_grant_too_little(tmp_path: Path) -> None:
    said = {}
    for name in ("permissions/row-18", "permissions/two-levels-of-fix"):
        (case,) = (case for case in CASES if case.name == name)
        project, kit = case.write(tmp_path / name)
        found = check.check(project, [], kit, Default("read")).problems
        (said[name],) = (problem.fix for problem in found if problem.file.endswith("called.yml"))
    assert ["and let job" in fix for fix in said.values()] == [False, True]
