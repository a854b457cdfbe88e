"""The folders of runs: one run at a time, the last one found, the oldest gone, a lock that cannot be left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.errors import NotReady
from slipway.pipeline import deploys, folder
from slipway.pipeline.result import ImageResult, RunResult, SourceResult, StageResult

HOLD = """
import pathlib, sys, time
from slipway.pipeline import deploys, folder
from slipway.pipeline.result import ImageResult, RunResult, SourceResult, StageResult
with folder.locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_folder_is_made_and_git_does_not_see_it(tmp_path: Path) -> None:
    state = folder.state_folder(tmp_path)
    assert (state / "runs").is_dir() and (state / ".gitignore").read_text() == "*\n"
    (state / ".gitignore").write_text("theirs\n")
    folder.state_folder(tmp_path)
    assert (state / ".gitignore").read_text() == "theirs\n"


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / ".slipway").write_text("")
    with pytest.raises(NotReady, match=r"\.slipway cannot be written: .*Free space there"):
        folder.state_folder(tmp_path)


def test_latest_is_the_last_one(tmp_path: Path) -> None:
    state = folder.state_folder(tmp_path)
    names = [folder.fresh(state)[0] for _ in range(3)]
    assert len(set(names)) == 3
    assert (state / "latest").resolve().name == names[-1]
    assert not (state / "latest").readlink().is_absolute(), "the project can be moved"


def test_the_oldest_runs_go(tmp_path: Path) -> None:
    state = folder.state_folder(tmp_path)
    for number in range(folder.KEPT + 5):
        (state / "runs" / f"2020{number:04}").mkdir()
    name, _ = folder.fresh(state)
    left = sorted(p.name for p in (state / "runs").iterdir())
    assert len(left) == folder.KEPT and left[-1] == name and left[0] == "20200006"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_lock_names_its_holder_and_goes_with_it(tmp_path: Path, number: int) -> None:
    state = folder.state_folder(tmp_path)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, state], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        with pytest.raises(NotReady, match=rf"another run \(process {holder.pid}\) is at work"), folder.locked(state):
            pass
    finally:
        os.kill(holder.pid, number)
        holder.wait()
    with folder.locked(state):
        assert (state / "lock").read_text() == str(os.getpid())


def deployed(number: int) -> RunResult:
    """A run that deployed."""
    facts = {"environment": "local", "result": "live", "previous": "", "url": "http://127.0.0.1:8000"}
    stage = StageResult(name="deploy", status="passed", seconds=1, started=0, facts=facts)
    return RunResult(
        id=f"run-{number}", status="passed", exit_code=0, started="2026-11-21T08:00:00Z", seconds=1, work_seconds=1,
        project="shop", source=SourceResult("", "", False), image=ImageResult("r@sha256:1", "sha256:1"),
        stages=(stage,),
    )  # fmt: skip


def test_deploys_outlive_their_runs_and_the_oldest_go(tmp_path: Path) -> None:
    for number in range(deploys.KEPT + 3):
        deploys.record(tmp_path, deployed(number))
    kept = deploys.read(tmp_path)
    assert [kept[0].run, kept[-1].run, len(kept)] == ["run-3", f"run-{deploys.KEPT + 2}", deploys.KEPT]
    assert [p.name for p in tmp_path.iterdir()] == [deploys.NAME]


def test_a_line_of_deploys_that_was_cut_costs_that_line_alone(tmp_path: Path) -> None:
    deploys.record(tmp_path, deployed(1))
    (tmp_path / deploys.NAME).write_bytes((tmp_path / deploys.NAME).read_bytes() + b'{"run": \xff\n')
    deploys.record(tmp_path, deployed(2))
    assert [deploy.run for deploy in deploys.read(tmp_path)] == ["run-1", "run-2"]


def test_without_room_for_the_deploys_the_run_goes_on(tmp_path: Path) -> None:
    deploys.record(tmp_path / "absent", deployed(1))
    assert list(tmp_path.iterdir()) == []
