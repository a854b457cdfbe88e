"""BuildKit's raw progress, as it is printed over many lines, and the words that explain a failed build."""

import base64
import json
from pathlib import Path

import pytest

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
