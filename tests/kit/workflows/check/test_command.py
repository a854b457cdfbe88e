"""The command itself: what it prints, its exit codes, what it leaves alone, and its limits."""

import itertools
import json
import time
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from slipway.cli import main
from slipway.workflows import check
from slipway.workflows.permissions import Default

GOOD = "on: push\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps: [{run: 'true'}]\n"
BAD = GOOD.replace("one:\n", "one:\n    needs: two\n") + "  x: {runs-on: y}\n"
ELSEWHERE = "on: push\njobs:\n  one:\n    uses: acme/other/.github/workflows/x.yml@" + "0" * 40 + "\n"


def put(project: Path, **files: str) -> Path:
    folder = project / ".github/workflows"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.yml").write_text(content)
    return project


def command(*words: str | Path) -> Result:
    result = CliRunner().invoke(main, ["check", *map(str, words)])
    assert "Traceback" not in result.output
    return result


def test_clean(tmp_path: Path) -> None:
    result = command("-C", put(tmp_path, one=GOOD))
    said = "0 findings in 1 file\nnot checked, actionlint did not run: the rest of the syntax\n"
    assert (result.exit_code, result.stdout) == (0, said)


def test_a_finding_in_three_parts(tmp_path: Path) -> None:
    result = command("-C", put(tmp_path, one=GOOD, two=BAD))
    first, why, fix, *_ = result.stdout.splitlines()
    assert result.exit_code == 1
    assert first == ".github/workflows/two.yml:4:12: there is no job 'two' [needs-unknown]"
    assert why.startswith("    why:  GitHub refuses the whole run before any job starts")
    assert why.endswith("\"Job 'one' depends on unknown job 'two'.\".")
    assert fix == "    fix: correct the name or remove it; the jobs are: one, x"
    assert "1 finding in 2 files" in result.stdout


def test_notes_are_never_red(tmp_path: Path) -> None:
    """A setting of the repository decides; --policy says which it is, and then it is a finding or nothing."""
    caller = "on: push\njobs:\n  call:\n    uses: ./.github/workflows/called.yml\n"
    called = GOOD.replace("push", "workflow_call") + "permissions: {contents: write}\n"
    put(tmp_path, ci=caller, called=called)
    log = tmp_path / "check.sarif"
    result = command("-C", tmp_path, "--sarif", log)
    assert result.exit_code == 0
    assert ".github/workflows/ci.yml:3:3: note: the workflow (.github/workflows/called.yml:6) asks for" in result.stdout
    assert "Settings → Actions → General → Workflow permissions decides" in result.stdout
    assert "0 findings, 1 note in 2 files" in result.stdout
    ((found,),) = (run["results"] for run in json.loads(log.read_text())["runs"])
    assert (found["ruleId"], found["level"]) == ("permission-exceeded", "note")
    codes = [command("-C", tmp_path, "--policy", policy).exit_code for policy in ("read", "write")]
    assert codes == [1, 0]


def test_named_files_only(tmp_path: Path) -> None:
    put(tmp_path, one=GOOD, two=BAD)
    assert command("-C", tmp_path, tmp_path / ".github/workflows/one.yml").exit_code == 0
    assert command("-C", tmp_path, tmp_path / ".github/workflows/two.yml").exit_code == 1


def test_a_called_file_counts_for_its_caller(tmp_path: Path) -> None:
    caller = "on: push\njobs:\n  call:\n    uses: ./.github/workflows/called.yml\n"
    put(tmp_path, ci=caller, called=BAD.replace("on: push", "on: workflow_call"))
    result = command("-C", tmp_path, "--json", tmp_path / ".github/workflows/ci.yml")
    (problem,) = json.loads(result.stdout)["check"]["problems"]
    assert (problem["rule"], problem["file"]) == ("needs-unknown", ".github/workflows/called.yml")


def test_what_is_not_here_is_said(tmp_path: Path) -> None:
    result = command("-C", put(tmp_path, one=ELSEWHERE))
    assert result.exit_code == 0
    assert (
        "not checked, it is not here: .github/workflows/one.yml:4 acme/other/.github/workflows/x.yml@" in result.stdout
    )


@pytest.mark.parametrize("words", [["nowhere.yml"], ["--policy", "none"], ["--kit", "nowhere"], ["--frobnicate"]])
def test_wrong_usage(words: list[str], tmp_path: Path) -> None:
    assert command("-C", put(tmp_path, one=GOOD), *words).exit_code == 2


def test_nothing_to_check_is_not_clean(tmp_path: Path) -> None:
    result = command("-C", tmp_path)
    assert result.exit_code == 2
    assert "has no files in .github/workflows or .github/actions" in result.stderr


def test_sarif(tmp_path: Path) -> None:
    log = tmp_path / "check.sarif"
    assert command("-C", put(tmp_path, two=BAD), "--sarif", log).exit_code == 1
    (run,) = json.loads(log.read_text())["runs"]
    (result,) = run["results"]
    jsonschema.validate(result, RESULT)
    assert result["ruleId"] == run["tool"]["driver"]["rules"][0]["id"] == "needs-unknown"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == ".github/workflows/two.yml"
    assert place["region"] == {"startLine": 4, "startColumn": 12}
    assert "depends on unknown job" in result["message"]["text"]
    assert command("-C", put(tmp_path, two=GOOD), "--sarif", log).exit_code == 0
    assert json.loads(log.read_text())["runs"][0]["results"] == []


TEXT = {"type": "object", "required": ["text"]}
RESULT = {"required": ["ruleId", "level", "message", "locations"], "properties": {"message": TEXT}}


def test_fifty_workflows_and_no_more(tmp_path: Path) -> None:
    called = GOOD.replace("on: push", "on: workflow_call")
    for count, code in ((50, 0), (51, 1)):
        jobs = "".join(f"  j{n}:\n    uses: ./.github/workflows/c{n}.yml\n" for n in range(count))
        put(tmp_path, ci=f"on: push\njobs:\n{jobs}", **{f"c{n}": called for n in range(count)})
        result = command("-C", tmp_path, "--json")
        assert result.exit_code == code
    (problem,) = json.loads(result.stdout)["check"]["problems"]
    assert (problem["rule"], problem["message"]) == ("call-files", "51 different workflows are called from here")


def test_workflows_elsewhere_count_too(tmp_path: Path) -> None:
    jobs = "".join(f"  j{n}:\n    uses: a/b/.github/workflows/c{n % 51}.yml@{'0' * 40}\n" for n in range(60))
    result = command("-C", put(tmp_path, ci=f"on: push\njobs:\n{jobs}"))
    assert "51 different workflows are called from here" in result.stdout


def test_a_block_is_printed_as_it_is_written(tmp_path: Path) -> None:
    """With its indentation: a line of the output is a line of the file."""
    caller = "on: push\npermissions: {}\njobs:\n   call:\n      uses: ./.github/workflows/called.yml\n"
    called = GOOD.replace("push", "workflow_call") + "permissions: {contents: read, issues: write}\n"
    lines = command("-C", put(tmp_path, ci=caller, called=called)).stdout.splitlines()
    at = lines.index("      permissions:")
    assert lines[at + 1 : at + 3] == ["        contents: read", "        issues: write"]


def test_no_action_outside_the_repository_is_read(tmp_path: Path) -> None:
    steps = "[{id: a, uses: ./../outside}, {run: 'echo ${{ steps.a.outputs.x }}'}]"
    project = put(tmp_path / "project", one=GOOD.replace("[{run: 'true'}]", steps))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/action.yml").write_text("runs: {using: composite, steps: []}\n")
    assert command("-C", project).exit_code == 0
    (project / "outside").mkdir()
    (project / "outside/action.yml").write_text("runs: {using: composite, steps: []}\n")
    (project / ".github/workflows/one.yml").write_text(GOOD.replace("[{run: 'true'}]", steps.replace("/..", "")))
    assert "./outside has no output 'x'" in command("-C", project).stdout


def test_a_call_out_of_the_repository_is_not_followed(tmp_path: Path) -> None:
    project = put(
        tmp_path / "project", one="on: push\njobs:\n  one:\n    uses: ./.github/workflows/../../../secret.yml\n"
    )
    (tmp_path / "secret.yml").write_text("x")
    result = command("-C", project)
    assert "is not the reference of a workflow" in result.stdout


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n"
LAUGHS += "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 7)}]\n" for a, b in itertools.pairwise("abcdefghi"))
ODD = "on: [[], {}, 1]\njobs: {a: {steps: [1, [], {uses: []}], needs: {x: 1}, permissions: [a]}, b: {uses: {}}}\n"
NULLS = "on: {workflow_call: {inputs: , secrets: , outputs: }}\njobs:\n  a:\n    permissions:\n    needs:\n"
HOSTILE = {
    "laughs": (LAUGHS, "more than 50000 values once anchors are followed"),
    "deep": ("on: push\njobs: " + "[" * 3000 + "]" * 3000, "nested deeper than 50 levels"),
    "deeper than GitHub": ("on: push\njobs: " + "[" * 60 + "]" * 60, "nested deeper than 50 levels"),
    "large": ("on: push\n" + "# " + "x" * (1024 * 1024), "GitHub reads 1048576"),
    "nul": ("on: push\njobs: \x00\n", "one.yml:2:7: a character that YAML forbids"),
    "unfinished": ("on: [push\n", "expected ',' or ']'"),
    "unknown alias": ("on: push\njobs: *all\n", "one.yml:2:7: found undefined alias 'all'"),
    "two documents": ("on: push\n---\non: push\n", "one.yml:2:1: expected a single document"),
    "lists": ("- on\n- jobs\n", "the file is not a mapping"),
    "odd": (ODD, "A sequence was not expected"),
    "keys": ("? [a, b]\n: c\non: push\n", "a list or mapping as a key"),
    "nulls": (NULLS, "There's not enough info to determine what you meant."),
    "empty": ("# nothing\n", "the file is empty"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_breaks_it(name: str, tmp_path: Path) -> None:
    begun = time.monotonic()
    content, said = HOSTILE[name]
    result = command("-C", put(tmp_path, one=content))
    assert result.exit_code == 1
    assert said in result.stdout
    assert time.monotonic() - begun < 20


def test_not_utf_8(tmp_path: Path) -> None:
    (put(tmp_path) / ".github/workflows/one.yml").write_bytes(b"on: push # \xff\n")
    assert "not UTF-8" in command("-C", tmp_path).stdout


def test_our_own_workflows_are_clean() -> None:
    root = Path(__file__).parents[4]
    assert check.check(root, [], root, Default()).problems == []
