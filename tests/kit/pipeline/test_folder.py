"""The folders of runs: one run at a time, the last one found, the oldest gone, a lock that cannot be left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.errors import NotReady
from slipway.pipeline import folder

HOLD = """
import pathlib, sys, time
from slipway.pipeline import folder
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


def test_what_is_still_reused_stays_and_no_more_than_that(tmp_path: Path) -> None:
    """Where a stage really ran: named by a run that stays, or by what the next run would reuse."""
    state = folder.state_folder(tmp_path)
    runs = [state / "runs" / f"2020{number:04}" for number in range(folder.KEPT + 5)]
    for run in runs:
        run.mkdir()
    (runs[0] / "lint.log").write_text("said once\n")
    (runs[-1] / "result.json").write_text(f'{{"stages": [{{"facts": {{"run": "{runs[0].name}"}}}}]}}')
    (runs[1] / "result.json").write_text(f'{{"facts": {{"run": "{runs[4].name}"}}}}')  # itself too old to count
    (state / "reuse").mkdir()
    (state / "reuse" / "scan.json").write_text(f'{{"run": "{runs[2].name}"}}')
    folder.fresh(state)
    assert [run.name for run in runs[:7] if run.exists()] == ["20200000", "20200002", "20200006"]
    assert (runs[0] / "lint.log").read_text() == "said once\n"

    (state / "reuse" / "scan.json").unlink()
    (runs[-1] / "result.json").unlink()
    folder.fresh(state)
    assert len(list((state / "runs").iterdir())) == folder.KEPT


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
