"""`slipway run -C one -C two`: each run as it is alone, then a line for each, and one exit code."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import msgspec
import pytest
from report import real
from report.stories import RUNS, told
from report.test_console import same
from rich.console import Console

from slipway.config import Settings
from slipway.errors import ExitCode
from slipway.pipeline.projects import Ended, Project
from slipway.report import listen
from slipway.report.console import Left, Lines, Terminal
from slipway.report.projects import MARKS, closing
from slipway.report.runner import Runner

SCHEMA = Path(__file__).parents[3] / "docs" / "reference" / "events.schema.json"
STORIES = {"services/shop": "good", "services/billing-and-invoices-of-the-whole-company": "bad", "mail": "not-ready"}


def ended() -> list[Ended]:
    """One of each: degraded, red, not ready, never started, given up."""
    found = [
        Ended(Project(name, Path(name).resolve(), Settings()), RUNS[story].exit_code, RUNS[story])
        for name, story in STORIES.items()
    ]
    broken = Ended(Project("web", Path("web").resolve(), Settings()), 3, reason="another run (process 7) is at work")
    return [*found, broken, Ended(Project("last", Path("last").resolve(), Settings()), 130, reason="not started")]


def shown(width: int, *, pipe: bool = False) -> str:
    """All that a person sees."""
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None, highlight=False, legacy_windows=False)
    for name, story in STORIES.items():
        kind = Lines if pipe else Terminal
        show = kind(console, lambda _, name=name: Left(f"{name}/.slipway/latest", True, {}, f"-C {name}"))
        for event in told(RUNS[story]):
            show(msgspec.structs.replace(event, project=name))
        show.close()
        console.print()
    console.print(closing(ended()), soft_wrap=True)
    return out.getvalue()


@pytest.fixture(autouse=True)
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As typed by hand."""
    monkeypatch.delenv("MAKELEVEL", raising=False)


@pytest.mark.parametrize("width", [60, 100, 200])
def test_the_terminal(width: int) -> None:
    text = shown(width)
    same(f"projects-{width}", text)
    last = text[text.rindex("5 projects:") :]
    assert all((one.reason or (one.result.reason if one.result else "")) in last for one in ended())
    assert "again from here: slipway run --from scan -C services/billing-and-invoices-of-the-whole-company" in text
    assert "stop: slipway stop -C services/shop" in text


def test_the_pipe() -> None:
    same("projects-pipe", shown(100, pipe=True))


def test_every_status_of_a_run_has_a_mark() -> None:
    assert {run.status for run in RUNS.values()} | {"broken", "passed"} <= set(MARKS)


def test_text_from_outside_is_text(hostile: list[object]) -> None:
    run = hostile[-1].run  # type: ignore[attr-defined]
    out = io.StringIO()
    one = Ended(Project("evil\x1b[2J", Path("x"), Settings()), 5, run)
    Console(file=out, width=100, force_terminal=True).print(
        closing([one, Ended(one.project, 3, reason="\x1b]0;x\x07")])
    )
    ours = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert "evil" in ours and not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", ours)


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A project that is well, and one whose Dockerfile is not there."""
    well, red = (real.project(tmp_path, monkeypatch, name) for name in ("well", "red"))
    (red / "Dockerfile").unlink()
    monkeypatch.chdir(tmp_path)
    return well, red


def words(*more: str) -> list[str]:
    return [sys.executable, "-m", "slipway", "run", "lint", *more]


def test_one_is_red_and_the_other_runs_all_the_same(
    two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real.linter(tmp_path, monkeypatch, 0)
    code, text = real.Terminal(words("-C", "red", "-C", "well", "-C", "./red/")).end()
    assert code == ExitCode.RED and real.cursor_is_shown(text), text
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert "again from here: slipway run --from lint -C red" in plain
    assert "2 projects: 1 failed, 1 passed" in plain
    last = plain[plain.index("2 projects") :]
    assert re.search(r"✘ red ", last) and re.search(r"✔ well ", last) and "report: red/.slipway/latest" in last
    for root, status in zip(two, ("passed", "failed"), strict=True):
        assert json.loads((root / ".slipway/latest/result.json").read_text())["status"] == status
        assert (root / ".slipway/latest/report.html").is_file()


def test_events_say_whose_they_are(two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real.linter(tmp_path, monkeypatch, 0)
    done = subprocess.run(words("-C", "well", "-C", "red", "--json"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    schema = json.loads(SCHEMA.read_text())
    for event in events:
        jsonschema.validate(event, schema)
    assert {e["project"] for e in events} == {"well", "red"}
    assert {e["project"]: e["run"]["exit_code"] for e in events if e["kind"] == "run-finished"} == {"well": 0, "red": 1}


def test_what_cannot_be_started_is_said_and_the_others_run(
    two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real.linter(tmp_path, monkeypatch, 0)
    (two[1] / ".slipway").write_text("in the way of the folder")
    done = subprocess.run(words("-C", "red", "-C", "well"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (3, ""), done.stdout
    assert done.stdout.startswith("slipway run -C well") and "2 projects: 1 not-ready, 1 passed" in done.stdout
    assert re.search(r"✘ red\n    .*cannot be written", done.stdout)
    done = subprocess.run(words("-C", "red", "-C", "well", "--json"), capture_output=True, text=True, check=False)
    assert done.returncode == 3 and done.stderr.startswith("slipway: red: ") and "cannot be written" in done.stderr
    assert {json.loads(line)["project"] for line in done.stdout.splitlines()} == {"well"}


def test_settings_of_all_are_read_before_anything_starts(two: tuple[Path, Path]) -> None:
    (two[1] / "slipway.toml").write_text("[lint]\ntreshold = 'error'\n")
    done = subprocess.run(words("-C", "well", "-C", "red"), capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith('slipway: red: slipway.toml:2: unknown key "treshold"')
    assert not (two[0] / ".slipway").exists()


def test_ctrl_c_starts_no_other(two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    up = real.linter(tmp_path, monkeypatch, 60)
    one = real.Terminal(words("-C", "well", "-C", "red"))
    while not up.exists():
        assert one.read(), one.shown
    one.press(b"\x03")
    code, text = one.end()
    assert code == 130 and real.cursor_is_shown(text), text
    assert "2 projects: 2 cancelled" in text and "not started" in text and "Traceback" not in text
    assert not (two[1] / ".slipway").exists()


def test_a_plan_of_each(two: tuple[Path, Path]) -> None:
    done = subprocess.run(words("-C", "well", "-C", "red", "--dry-run", "--json"), capture_output=True, check=False)
    plans = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(p["project"], p["plan"][0]["action"]) for p in plans] == [("well", "run"), ("red", "run")], done.stderr


def test_on_a_runner_the_step_has_one_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The worst; and not the outputs of whichever project came last."""
    outputs = tmp_path / "outputs"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/shop")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (tmp_path / ".slipway").mkdir()
    for event in told(RUNS["good"]):
        Runner(tmp_path, alone=False)(msgspec.structs.replace(event, project="services/shop"))
    assert not outputs.exists()
    listen.show_ended(ended()[:4], False)
    assert re.sub(r"end-\w+", "END", outputs.read_text()) == "status<<END\nfailed\nEND\n"
    said = capsys.readouterr().out
    assert "::group::✅ services/shop lint: passed" in said
    assert "::error title=web::another run (process 7) is at work" in said
    group = said[said.index("::group::4 projects") :]
    assert "::stop-commands::" in group and group.index("::endgroup::") < group.index("::error")
    assert os.environ.get("GITHUB_STEP_SUMMARY") is None
