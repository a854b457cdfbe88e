"""BuildKit's raw progress, as it is printed over many lines, and the words that explain a failed build."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.errors import Broken
from slipway.tools import buildx
from slipway.tools.buildx import Progress, explain
from slipway.tools.process import Finished


def vertex(name: str, digest: str, **more: object) -> str:
    """One progress object, printed as BuildKit prints it."""
    return json.dumps({"vertexes": [{"digest": digest, "name": name, **more}]}, indent="\t")


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    """A reader, with what it says is being done."""
    said: list[str] = []
    made = Progress(tmp_path / "log", said.append)
    made.said = said  # type: ignore[attr-defined]
    return made


def feed(progress: Progress, *texts: str) -> str:
    """Hand it lines; returns the log."""
    for text in texts:
        for line in text.split("\n"):
            progress.line(line)
    return progress.log.read_text() if progress.log.exists() else ""


def test_steps_are_counted_and_told(progress: Progress) -> None:
    log = feed(
        progress,
        vertex("[internal] load build definition", "d0", started="t"),
        vertex("[base 1/2] FROM python", "d1", started="t", completed="t", cached=True),
        vertex("[base 2/2] RUN true", "d2", started="t"),
        json.dumps({"logs": [{"vertex": "d2", "data": base64.b64encode("läuft\n".encode()).decode()}]}, indent="\t"),
        vertex("[base 2/2] RUN true", "d2", started="t", completed="t"),
        vertex("exporting to oci", "d3", started="t", completed="t"),
    )
    assert (progress.steps, progress.cached) == ({"d1", "d2"}, {"d1"})
    assert progress.said == ["[base 2/2] RUN true"]  # type: ignore[attr-defined]
    assert "[base 1/2] FROM python CACHED\n" in log and "läuft\n[base 2/2] RUN true\n" in log
    assert progress.other == []


def test_what_is_said_of_a_step_again_stands_in_the_log_once(progress: Progress) -> None:
    """As buildx 0.29 does, for each stage that begins with it."""
    ended = vertex("[base 1/4] FROM python", "d1", started="t", completed="t")
    again = vertex("[base 1/4] FROM python", "d1", started="t", completed="t", cached=True)
    log = feed(progress, ended, again, ended, again)
    assert log == "[base 1/4] FROM python\n[base 1/4] FROM python CACHED\n"
    assert progress.cached == {"d1"}


def printed(step: str, text: bytes) -> str:
    return json.dumps({"logs": [{"vertex": step, "data": base64.b64encode(text).decode()}]}, indent="\t")


def test_what_a_step_prints_is_put_together_before_secrets_are_taken_out(tmp_path: Path) -> None:
    """BuildKit hands it over in pieces, and those of two steps in turn."""
    progress = Progress(tmp_path / "log", lambda _: None, lambda text: text.replace("hunter2", "***"))
    pieces = [("a", b"password: hun"), ("b", b"caf\xc3"), ("a", b"ter2\nnext "), ("b", b"\xa9\n")]
    log = feed(progress, *(printed(step, piece) for step, piece in pieces))
    assert log == "password: ***\ncaf\u00e9\n"
    log = feed(progress, vertex("[a 1/1] RUN x", "a", error="exit code: 1"))
    assert log.endswith("\nnext \n[a 1/1] RUN x: exit code: 1\n")


def test_an_unended_line_of_a_build_that_is_ended_is_not_lost(progress: Progress) -> None:
    feed(progress, printed("a", b"waiting for the lock"))
    progress.rest()
    assert progress.log.read_text() == "waiting for the lock\n"


def test_what_is_no_object_is_kept_for_people(progress: Progress) -> None:
    log = feed(
        progress,
        vertex("[a 1/1] RUN false", "d1", error="exit code: 1"),
        "Dockerfile:3",
        " 3 | >>> RUN false",
        "ERROR: target app: failed to solve: exit code: 1",
    )
    assert progress.other == ["Dockerfile:3", " 3 | >>> RUN false", "ERROR: target app: failed to solve: exit code: 1"]
    assert "[a 1/1] RUN false: exit code: 1\n" in log and "ERROR" in log


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{\n\tbroken\n}",
        "{}}",
        '{"vertexes": 3}',
        '{"vertexes": [3]}',
        "{ not JSON }",
        '{"logs": [{"data": 3}]}',
        "}",
        '{"logs": [{"data": "%"}]}',
    ],
)
def test_what_only_looks_like_an_object_is_no_crash_and_hides_nothing(progress: Progress, text: str) -> None:
    feed(progress, text, "ERROR: failed to solve: the reason")
    assert progress.other[-1] == "ERROR: failed to solve: the reason"
    feed(progress, vertex("[a 1/1] RUN true", "d1", completed="t"))
    assert progress.steps == {"d1"}, "and what comes after is read"


def test_an_object_on_one_line(progress: Progress) -> None:
    feed(progress, json.dumps({"vertexes": [{"digest": "d1", "name": "[a 1/1] RUN true"}]}))
    assert progress.steps == {"d1"}


def test_a_log_that_cannot_be_written_is_no_crash(tmp_path: Path) -> None:
    Progress(tmp_path, lambda _: None).line("text")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ['ERROR: target app: failed to solve: process "x" did not complete: exit code: 1'],
            'process "x" did not complete: exit code: 1',
        ),
        (["ERROR: failed to solve: no such file", "View build details: x"], "no such file"),
        (["ERROR: Unavailable: error reading from server: EOF"], "Unavailable: error reading from server: EOF"),
        (["first", "last", " "], "last"),
        ([], "docker ended with 1 and said nothing"),
    ],
)
def test_the_decisive_words(lines: list[str], said: str) -> None:
    assert explain(Finished(("docker",), 1, "", ""), lines) == said
    if lines:
        assert explain(Finished(("docker",), 1, "", "\n".join(lines))) == said


def test_a_build_that_took_too_long() -> None:
    assert "longer than its time limit" in explain(Finished(("docker",), 1, "", "", timed_out=True))


REPORT = {"warnings": [{"ruleName": "WorkdirRelativePath", "detail": "Relative", "location": {}}]}
ANSWERS = {
    "a report": (json.dumps(REPORT), "", 1, ["WorkdirRelativePath"]),
    "a clean report": ("{}", "", 0, []),
    "buildx before 0.15": ("", "unknown flag: --call\nSee 'docker buildx build --help'.", 125, None),
    "an engine older than its buildx": (
        "",
        "ERROR: failed to build: failed to solve: unsupported request frontend.lint: unsupported request frontend.lint",
        1,
        None,
    ),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_checks_are_asked_for(on_path: Callable[[str, str], Path], tmp_path: Path, what: str) -> None:
    """Each of these was answered by a real one; no version is looked at."""
    out, err, code, rules = ANSWERS[what]
    on_path("docker", f"print({out!r}); print({err!r}, file=sys.stderr); sys.exit({code})")
    found = asyncio.run(buildx.check(tmp_path, tmp_path / "Dockerfile", tmp_path / "log"))
    assert (None if found is None else [f.rule for f in found]) == rules


def test_checks_that_fail_for_another_reason_are_broken(on_path: Callable[[str, str], Path], tmp_path: Path) -> None:
    on_path("docker", "print('ERROR: no builder \"x\" found', file=sys.stderr); sys.exit(1)")
    with pytest.raises(Broken, match='is not a report: ERROR: no builder "x" found'):
        asyncio.run(buildx.check(tmp_path, tmp_path / "Dockerfile", tmp_path / "log"))


@pytest.mark.parametrize(("help_text", "knows"), [("      --call string   Set method", True), ("  --build-arg", False)])
def test_whether_buildx_knows_the_checks(on_path: Callable[[str, str], Path], help_text: str, knows: bool) -> None:
    on_path("docker", f"print({help_text!r})")
    assert asyncio.run(buildx.knows_checks()) is knows
