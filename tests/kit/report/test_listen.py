"""How a run is shown where: a real terminal and Ctrl-C, a dumb one, a pipe, a pipe whose reader has gone."""

import json
import os
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from report import left, real
from report.real import Terminal, cursor_is_shown, linter

from slipway.cli import main
from slipway.pipeline import folder
from slipway.pipeline.result import Event, Kind
from slipway.report import listen


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project to lint."""
    return real.project(tmp_path, monkeypatch)


def words(root: Path, *more: str) -> list[str]:
    """A run of lint alone."""
    return [sys.executable, "-m", "slipway", "run", "lint", "-C", str(root), *more]


def test_a_run_on_a_terminal(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linter(tmp_path, monkeypatch, 0.3)
    code, text = Terminal(words(project)).end()
    assert code == 0, text
    assert "\x1b[?25l" in text and cursor_is_shown(text), "it is live, and leaves the cursor as it was"
    assert "\x1b[?1049h" not in text, "what was on the screen stays there"
    assert "▸" in text and "✔" in text and "1 file clean" in text


def test_a_window_that_becomes_narrow_in_the_middle(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = linter(tmp_path, monkeypatch, 1.5)
    one = Terminal(words(project))
    while not up.exists():
        assert one.read(), one.shown
    termios.tcsetwinsize(one.master, (40, 50))
    code, text = one.end()
    assert code == 0 and cursor_is_shown(text), text
    final = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text[text.rindex("▸") :])
    row = next(line for line in final.splitlines() if "✔ lint" in line)
    assert len(row) == 50, "as wide as the window is now"


@pytest.mark.parametrize("times", [1, 3, 12])
def test_ctrl_c_on_a_terminal(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    up = linter(tmp_path, monkeypatch, 60)
    one = Terminal(words(project))
    while not up.exists():
        assert one.read(), one.shown
    for _ in range(times):
        one.press(b"\x03")
    begun = time.monotonic()
    code, text = one.end()
    assert (code, cursor_is_shown(text)) == (130, True), text
    assert time.monotonic() - begun < 5
    assert "interrupted; what this run had started is removed" in text
    assert "Traceback" not in text and text.replace("^C", "").endswith("\r\n")
    assert json.loads((project / ".slipway" / "latest" / "result.json").read_text())["status"] == "cancelled"
    assert "shop: cancelled" in (project / ".slipway" / "latest" / "report.html").read_text()
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path / "bin").encode() in _read(p)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("name", ["NO_COLOR", "TERM=dumb", "CI"])
def test_a_terminal_that_wants_less(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    linter(tmp_path, monkeypatch, 0)
    monkeypatch.setenv(*(name.split("=") if "=" in name else (name, "1")))  # type: ignore[arg-type]
    if name == "CI":  # there, a tool that lies about on PATH is not taken
        monkeypatch.setenv("SLIPWAY_CACHE", os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")) + "/slipway")
    code, text = Terminal(words(project)).end()
    assert code == 0, text
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", text), "no colour"
    if name != "NO_COLOR":
        assert "\x1b" not in text and "lint: passed" in text


@pytest.mark.parametrize("more", [[], ["--json"]], ids=["lines", "json"])
@pytest.mark.parametrize("runner", [False, True], ids=["laptop", "runner"])
def test_the_page_is_there_whoever_looks(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], runner: bool
) -> None:
    linter(tmp_path, monkeypatch, 0)
    if runner:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("GITHUB_REPOSITORY", "acme/shop")
    done = subprocess.run(words(project, *more), capture_output=True, text=True, check=False, cwd=project.parent)
    assert done.returncode == 0, done.stderr
    page = project / ".slipway" / "latest" / "report.html"
    assert "1 file clean" in page.read_text()
    assert (f"report: {page.relative_to(project.parent)}" in done.stdout) == (not runner and not more)


def test_without_room_for_the_page_the_verdict_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> Path:
        raise OSError(28, "No space left on device")

    seen = []
    monkeypatch.setattr(listen.page, "write", full)
    run = left.result(1, left.stages())
    written = left.write(tmp_path, run)
    monkeypatch.setattr(listen, "_write_json", seen.append)
    event = Event(kind=Kind.RUN_FINISHED, run=run)
    with listen.listener(tmp_path, True) as emit:
        emit(event)
    assert seen == [event]
    assert not listen.left(tmp_path, written).page


def test_a_pipe_gets_plain_lines(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linter(tmp_path, monkeypatch, 0)
    done = subprocess.run(words(project), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and "\x1b" not in done.stdout
    assert [line.partition(" ")[0] for line in done.stdout.splitlines()[:3]] == ["slipway", "lint:", "lint:"]


def test_json_is_one_event_a_line(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linter(tmp_path, monkeypatch, 0)
    done = subprocess.run(words(project, "--json"), capture_output=True, check=False)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["kind"] for e in events if e["kind"] != "stage-progress"] == [
        "run-started", "stage-started", "stage-finished", "run-finished",
    ]  # fmt: skip
    assert events[-1]["run"] == json.loads((project / ".slipway" / "latest" / "result.json").read_text())
    assert done.stderr == b""


@pytest.mark.parametrize("more", [[], ["--json"]], ids=["lines", "json"])
def test_a_reader_that_goes_away_does_not_change_the_verdict(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    """`slipway run | head -1` on a red project ends red."""
    linter(tmp_path, monkeypatch, 0.2)
    (project / "Dockerfile").unlink()
    run = subprocess.Popen(words(project, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout and run.stderr
    run.stdout.close()
    said = run.stderr.read()
    assert run.wait() == 1, said
    assert said == b""
    assert json.loads((project / ".slipway" / "latest" / "result.json").read_text())["status"] == "failed"


def test_sigterm_is_an_orderly_end_too(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    up = linter(tmp_path, monkeypatch, 60)
    run = subprocess.Popen(words(project), stdout=subprocess.PIPE, text=True)
    while not up.exists():
        time.sleep(0.02)
    run.send_signal(signal.SIGTERM)
    out, _ = run.communicate(timeout=10)
    assert run.returncode == 130 and "interrupted" in out


@pytest.mark.engine
def test_the_page_of_a_run_far_from_the_one_that_it_reuses_still_has_its_log(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linter(tmp_path, monkeypatch, 0)
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setattr(folder, "KEPT", 2)
    ids = []
    for _ in range(5):
        with pytest.raises(SystemExit, match="0"):
            main(["run", "lint", "-C", str(project)])
        ids.append((project / ".slipway" / "latest").resolve().name)
        # In one process nothing else tells two runs of one second apart.
        time.sleep(1.05)
    kept = [path.name for path in (project / ".slipway" / "runs").iterdir()]
    assert sorted(kept) == [ids[0], *ids[-2:]], "that which linted, and the last two"
    said = (project / ".slipway" / "runs" / ids[0] / "lint.log").read_text().splitlines()[0]
    assert said and said in (project / ".slipway" / "latest" / "report.html").read_text()
