"""actionlint beside our own rules: what is taken from it, what is not, and that no project can replace it."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from workflows.check.corpus import CASES
from workflows.harness import places, provision

from slipway.cli import main
from slipway.tools import actionlint

STEPS = "    runs-on: ubuntu-26.04\n    steps: [{run: 'true'}]\n"
MATRIX = f"on: push\njobs:\n  one:\n    strategy: {{matrix: {{os: [a, b], exclude: {{os: a}}}}}}\n{STEPS}"
NEWER = """\
on: {push: {}, schedule: [{cron: "0 3 * * *", timezone: Europe/Berlin}]}
permissions: {contents: read, copilot-requests: write}
cache-mode: read
concurrency: {group: a, queue: max}
jobs:
  one:
    runs-on: [self-hosted, gpu]
    cache-mode: none
    cancel-timeout-minutes: 5
    environment: {name: x, deployment: false}
    steps:
      - {id: server, run: npm start, background: true}
      - parallel: [{id: inner, run: make}]
      - wait: server
      - wait-all:
      - cancel: server
      - uses: $/.github/actions/x
      - run: echo ${{ job.workflow_sha }} ${{ steps.inner.outputs.x }}
  two:
    runs-on: ubuntu-26.04-arm
    steps: [{run: 'true'}]
"""


@pytest.fixture(scope="module")
def program() -> Path:
    return Path(provision.need(provision.go_tool, "actionlint"))


@pytest.fixture
def installed(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


def check(project: Path, content: str = "") -> dict[str, object]:
    if content:
        file = project / ".github/workflows/ci.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    result = CliRunner().invoke(main, ["check", "--json", "-C", str(project)])
    report = json.loads(result.stdout)["check"]
    assert result.exit_code == (1 if report["problems"] else 0)
    return dict(report)


def said(report: dict[str, object]) -> list[str]:
    problems = report["problems"]
    assert isinstance(problems, list)
    return [f"{p['rule']} {p['line']}:{p['column']} {p['message']}" for p in problems]


@pytest.mark.usefixtures("installed")
def test_what_actionlint_finds_is_a_finding(tmp_path: Path) -> None:
    report = check(tmp_path, MATRIX)
    assert said(report) == [
        'actionlint 4:46 "exclude" section must be sequence node but got mapping node with "!!map" tag'
    ]
    assert str(report["actionlint"]).startswith("1.7.12")


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("strategy: {fail-fast: 3, matrix: {os: [a]}}", "expected bool value"),
        ("strategy: {matrix: {os: [a], exclude: [{oz: a}]}}", '"oz" in "exclude" section does not exist'),
        ("timeout-minuets: 3", 'unexpected key "timeout-minuets" for "job" section'),
        ("if: github.ref ==", "unexpected end of input"),
        ("env: {'A B': x}", 'environment variable name "A B" is invalid'),
    ],
)
@pytest.mark.usefixtures("installed")
def test_generic_syntax(line: str, finding: str, tmp_path: Path) -> None:
    (one,) = said(check(tmp_path, f"on: push\njobs:\n  one:\n    {line}\n{STEPS}"))
    assert one.startswith("actionlint 4:")
    assert finding in one


@pytest.mark.usefixtures("installed")
def test_what_is_newer_than_actionlint_is_no_finding(tmp_path: Path) -> None:
    assert said(check(tmp_path, NEWER)) == []


@pytest.mark.usefixtures("installed")
def test_one_mistake_is_said_once(tmp_path: Path) -> None:
    """By the rule here, which has the reason and the fix."""
    content = "on: push\njobs:\n  one:\n    steps: [{run: 'true'}]\n  two:\n    needs: three\n    runs-on: x\n"
    rules = [line.split(" ")[0] for line in said(check(tmp_path, content))]
    assert rules == ["missing-key", "actionlint", "needs-unknown"]


@pytest.mark.usefixtures("installed")
def test_the_projects_settings_silence_nothing(tmp_path: Path) -> None:
    """Control: with its own configuration actionlint says nothing of this project."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github/actionlint.yaml").write_text('paths: {"**/*": {ignore: [".*"]}}\n')
    assert len(said(check(tmp_path, MATRIX))) == 1


@pytest.mark.parametrize("place", ["in the project", "above it, in the repository", "by a link", "by a folder's link"])
def test_a_program_of_the_project_is_not_started(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "repository"
    project = repository / "services/shop"
    project.mkdir(parents=True)
    (repository / ".git").mkdir()
    planted = (project if place == "in the project" else repository) / "bin/actionlint"
    planted.parent.mkdir(parents=True)
    planted.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\necho '[]'\n")
    planted.chmod(0o755)
    folder = planted.parent
    if place == "by a link":
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        (folder / "actionlint").symlink_to(planted)
    elif place == "by a folder's link":
        folder = tmp_path / "elsewhere"
        folder.symlink_to(planted.parent)
    monkeypatch.setenv("PATH", f":.:bin:{folder}")
    monkeypatch.chdir(project)
    report = check(project, MATRIX)
    assert not (tmp_path / "started").exists()
    assert said(report) == []
    assert actionlint.find(tmp_path / "nowhere") is not None, "elsewhere it would be found"


@pytest.mark.parametrize("script", ["echo nothing; exit 3", "echo '[{'", "exit 0"])
def test_a_program_that_fails_is_said(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin/actionlint"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    report = check(tmp_path / "project", MATRIX)
    assert f"failed: {program} could not check the workflows" in str(report["actionlint"])
    shown = CliRunner().invoke(main, ["check", "-C", str(tmp_path / "project")])
    assert "not checked, actionlint failed" in shown.stdout


@pytest.mark.usefixtures("installed")
def test_no_false_alarm_over_the_corpus_and_our_own_workflows(tmp_path: Path) -> None:
    for case in (case for case in CASES if case.name.startswith("good/")):
        project, kit = case.write(tmp_path / case.name)
        result = CliRunner().invoke(main, ["check", "-C", str(project), "--kit", str(kit), "--json", *case.options])
        assert [p for p in json.loads(result.stdout)["check"]["problems"] if p["rule"] == "actionlint"] == [], case.name
    assert said(check(places.REPOSITORY)) == []
