"""`slipway report` and `slipway runs`, on what real runs left."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from report import left

DOCS = Path(__file__).parents[3] / "docs" / "reference"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with three runs: green, red, and of one stage."""
    for name in ("CI", "GITHUB_ACTIONS", "MAKELEVEL", "COLUMNS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "shop"
    left.write(root, left.result(1, left.stages()), build_log="built\n")
    red = [s for s in left.stages() if s.name != "deploy"]
    red.append(left.StageResult(name="deploy", status="failed", seconds=2, started=5.8, reason="rolled-back: ill",
                                log=".slipway/runs/x/deploy.log", fix="look"))  # fmt: skip
    left.write(root, left.result(2, tuple(red), status="failed", exit_code=5, url="", seconds=9.0), deploy_log="ill\n")
    left.write(root, left.result(3, left.stages()[:1]))
    return root


def slipway(*words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "slipway", *words], cwd=cwd, capture_output=True, text=True, check=False,
        env=os.environ | {"COLUMNS": "100"},
    )  # fmt: skip


def test_an_earlier_run_again(shop: Path) -> None:
    done = slipway("report", "20261121-0802", cwd=shop)
    assert done.returncode == 0 and done.stderr == ""
    assert "slipway report · shop @ 3f2c1ab · 20261121-080200-abcd: failed" in done.stdout
    assert "✘ deploy" in done.stdout and "rolled-back: ill" in done.stdout
    assert "    ill\n" in done.stdout, "the end of its log"
    place = ".slipway/runs/20261121-080200-abcd"
    assert f"    log: {place}/deploy.log\n    report: {place}/report.html" in done.stdout
    assert (shop / place / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_the_last_run_by_default_and_by_its_short_name(shop: Path) -> None:
    done = slipway("report", cwd=shop)
    assert "20261121-080300-abcd: passed" in done.stdout and "report: .slipway/latest/report.html" in done.stdout


def test_of_a_project_elsewhere_the_paths_are_those_that_one_can_type(shop: Path, tmp_path: Path) -> None:
    done = slipway("report", "-C", "shop", cwd=tmp_path)
    assert "report: shop/.slipway/latest/report.html" in done.stdout


def test_from_a_folder_alone(shop: Path, tmp_path: Path) -> None:
    """As an artifact of a workflow is: no project around it, no runs beside it."""
    shutil.copytree(shop / ".slipway" / "runs" / "20261121-080200-abcd", tmp_path / "alone")
    elsewhere = tmp_path / "empty"
    elsewhere.mkdir()
    done = slipway("report", "../alone", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert "    ill\n" in done.stdout and "report: ../alone/report.html" in done.stdout
    assert (tmp_path / "alone" / "report.html").is_file() and list(elsewhere.iterdir()) == []


def test_as_json_and_as_markdown(shop: Path) -> None:
    result = json.loads(slipway("report", "--json", cwd=shop).stdout)
    jsonschema.validate(result, json.loads((DOCS / "result.schema.json").read_text()))
    assert result["id"] == "20261121-080300-abcd"
    text = slipway("report", "20261121-0802", "--markdown", cwd=shop).stdout
    assert text.startswith("## ❌ shop: failed in 9.0 s") and "```mermaid" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [("nothing", "no run 'nothing' is kept in"), ("20261121-08", "is the beginning of 3 runs"), ("..", "no run '..'")],
)
def test_a_run_that_is_not_there(shop: Path, name: str, said: str) -> None:
    done = slipway("report", name, cwd=shop)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("slipway: ") and said in done.stderr and done.stderr.count("\n") == 1


def test_where_nothing_was_run(tmp_path: Path) -> None:
    done = slipway("report", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        f"slipway: nothing was run in {tmp_path}. List the runs: slipway runs\n",
    )
    assert "start one: slipway run" in slipway("runs", cwd=tmp_path).stdout
    assert list(tmp_path.iterdir()) == [], "looking leaves nothing behind"


def test_the_last_runs_and_what_changed(shop: Path) -> None:
    first, second, third = slipway("runs", cwd=shop).stdout.splitlines()
    assert "20261121-080300-abcd  3f2c1ab passed" in first and first.endswith("nothing to compare with")
    assert second.startswith("  ✘ 20261121-080200-abcd  3f2c1ab failed        9.0 s   40.1 MB")
    assert second.endswith("+1.6 s · same size · deploy: passed → failed")
    assert third.endswith("nothing to compare with")


def test_the_last_runs_as_json(shop: Path) -> None:
    runs = json.loads(slipway("runs", "--json", cwd=shop).stdout)["runs"]
    assert [run["id"][9:13] for run in runs] == ["0801", "0802", "0803"]
    assert runs[0]["change"] is None and runs[0]["size"] == 40_095_000
    assert runs[1]["change"]["since"] == runs[0]["id"] and runs[1]["change"]["seconds"] == 1.6
    assert runs[1]["change"]["stages"] == [["deploy", "passed", "failed"]]


def test_runs_of_one_second_are_in_their_order(tmp_path: Path) -> None:
    for number, name in enumerate("fadb"):
        left.write(tmp_path, left.result(1, left.stages(), id=f"20261121-080100-{name * 4}", seconds=float(number)))
    runs = json.loads(slipway("runs", "--json", cwd=tmp_path).stdout)["runs"]
    assert [run["id"][-1] for run in runs] == ["f", "a", "d", "b"]
    assert [run["change"] and run["change"]["since"][-1] for run in runs] == [None, "f", "a", "d"]


def test_a_run_that_cannot_be_read_is_left_out_of_the_list(shop: Path) -> None:
    (shop / ".slipway" / "runs" / "20261121-080200-abcd" / "result.json").write_text("{")
    assert len(slipway("runs", cwd=shop).stdout.splitlines()) == 2
