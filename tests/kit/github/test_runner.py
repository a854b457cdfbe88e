"""What a step says to the runner: no text from outside becomes a command, an output or markup."""

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import yaml
from msgspec.structs import replace

from slipway import config
from slipway.github import commands, event, files
from slipway.pipeline import subject
from slipway.pipeline.result import Event, ImageResult, Kind, RunResult, SourceResult, StageResult
from slipway.policy.finding import Finding
from slipway.report import sarif, summary
from slipway.report.runner import Runner, annotations, outputs
from slipway.report.workflow_reference import ROOT, page

HOSTILE = "x|y`z` <script>alert(1)</script> @acme/team [a](http://b)\n::error::pwned\r\n%0A::set-output name=a::b"


def run(*stages: StageResult) -> RunResult:
    """A run of these stages."""
    return RunResult(
        id="1", status="failed", exit_code=1, started="2026-01-01T00:00:00Z", seconds=2.0, work_seconds=3.0,
        project=HOSTILE, source=SourceResult("a" * 40, HOSTILE, False),
        image=ImageResult("ghcr.io/acme/shop@sha256:" + "0" * 64, "sha256:" + "0" * 64), reason=HOSTILE, stages=stages,
    )  # fmt: skip


def stage(name: str = "lint", findings: int = 1, status: str = "failed") -> StageResult:
    """A stage with hostile findings."""
    found = tuple(Finding("R1", "HIGH", HOSTILE, f"a,b:{n}.py", n + 1, HOSTILE) for n in range(findings))
    return StageResult(
        name=name, status=status, seconds=1.0, started=0.0, reason=HOSTILE, findings=found, fix=HOSTILE  # type: ignore[arg-type]
    )  # fmt: skip


def test_annotations_are_one_line_each_with_every_separator_escaped() -> None:
    (line,) = annotations(run(stage()), Path())
    assert line.startswith("::error title=lint%3A R1,file=a%2Cb%3A0.py,line=1::")
    assert "\n" not in line and "\r" not in line  # so GitHub sees one command, and the rest as its message
    message = line.split("::", 2)[2].replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
    assert message == f"{HOSTILE}\nTo fix: {HOSTILE}"


def test_what_arrived_late_is_a_notice(
    monkeypatch: pytest.MonkeyPatch, about: Callable[["Job"], subject.Subject]
) -> None:
    facts = {"result": "superseded", "url": "https://shop.example"}
    late = StageResult(
        name="deploy",
        status="passed",
        seconds=1.0,
        started=0.0,
        reason="superseded: of 2025%",
        fix="go back",
        facts=facts,
    )
    result = msgspec.structs.replace(run(late), status="passed", exit_code=0, reason="", url="https://shop.example")
    assert annotations(result, Path()) == ["::notice title=deploy%3A superseded::superseded: of 2025%25. go back"]
    given = outputs(result, about(Job()))
    assert (given["result"], given["status"], given["url"]) == ("superseded", "passed", "https://shop.example")
    assert "superseded&#58; of 2025" in summary.markdown(result)
    assert annotations(msgspec.structs.replace(result, stages=(stage("deploy", 0, "passed"),)), Path()) == []


def test_at_most_ten_errors_and_the_rest_counted() -> None:
    lines = annotations(run(stage(findings=7), stage("scan", findings=7)), Path())
    assert len(lines) == 10
    assert lines[-1] == "::error::5 more are in the summary and in the log"


def test_a_project_that_is_one_folder_of_its_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub knows paths from the top of the repository only, in annotations as in SARIF."""
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    shop = tmp_path / "services" / "shop"
    (shop / ".slipway").mkdir(parents=True)
    (shop / "Dockerfile").touch()
    found = tuple(Finding("R1", "HIGH", "m", file, 3) for file in ("Dockerfile", "app/.env", ""))
    result = run(StageResult(name="lint", status="failed", seconds=1.0, started=0.0, findings=found))
    said = "\n".join(annotations(result, shop))
    assert re.findall(r"file=([^,]*)", said) == ["services/shop/Dockerfile", "app/.env"], "the second is in the image"
    sarif.write(result, shop, "slipway/shop")
    (log,) = json.loads((shop / ".slipway" / "findings.sarif").read_text())["runs"]
    places = [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in log["results"]]
    assert sorted(places) == ["app/.env", "services/shop/Dockerfile", "services/shop/Dockerfile"]
    monkeypatch.delenv("GITHUB_WORKSPACE")
    assert "file=Dockerfile," in "\n".join(annotations(result, shop))


def test_output_of_tools_stands_between_stop_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lint.log").write_text("::error::pwned\n::add-mask::x\n")
    result = stage()
    Runner(tmp_path)._say(*Runner(tmp_path)._stage(StageResult(**{**_fields(result), "log": "lint.log"}), ""))
    group, stop, *body, resume, end = capsys.readouterr().out.splitlines()
    assert group.startswith("::group::") and end == "::endgroup::"
    token = stop.removeprefix("::stop-commands::")
    assert re.fullmatch("[0-9a-f]{32}", token) and resume == f"::{token}::"
    assert body == ["::error::pwned", "::add-mask::x"]


def _fields(result: StageResult) -> dict[str, object]:
    return {name: getattr(result, name) for name in result.__struct_fields__}


def test_a_value_cannot_set_another_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "out"))
    files.outputs({"url": "a\nEOF\ndigest=pwned", "digest": "right"})
    assert _read(tmp_path / "out") == {"url": "a\nEOF\ndigest=pwned", "digest": "right"}


def _read(path: Path) -> dict[str, str]:
    """Outputs as the runner reads them."""
    values, lines = {}, iter(path.read_text().splitlines())
    for line in lines:
        name, delimiter = line.split("<<")
        body = []
        for row in lines:
            if row == delimiter:
                break
            body.append(row)
        values[name] = "\n".join(body)
    return values


def test_the_summary_shows_hostile_text_as_text() -> None:
    text = summary.markdown(run(stage()))
    for bad in ("<script", "@acme", "[a](", "`z`", "\r"):
        assert bad not in text
    assert "alert(1)" in html.unescape(text)
    rows = [line for line in text.splitlines() if line.startswith("| ❌")]
    assert len(rows) == 1 and rows[0].count("|") == 5


def test_a_summary_over_the_limit_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "s"))
    files.summary("a line\n" * 200_000)
    files.summary("more\n")
    size = (tmp_path / "s").stat().st_size
    assert size <= 1024 * 1024
    assert "Cut here" in (tmp_path / "s").read_text()


def test_a_mask_for_each_line_of_a_secret() -> None:
    assert sorted(commands.mask("one\ntwo")) == ["::add-mask::one", "::add-mask::one%0Atwo", "::add-mask::two"]


@dataclass(frozen=True)
class Job:
    """What tells one verification from another."""

    folder: str = ""
    image: str = "ghcr.io/acme/shop"
    platform: str = "linux/amd64"
    attempt: str = "1"


JOBS = {
    "one": Job(),
    "another platform": Job(platform="linux/arm64"),
    "another image": Job(image="ghcr.io/acme/web"),
    "another folder": Job(folder="services/shop"),
    "re-run": Job(attempt="2"),
}


@pytest.fixture
def about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Job], subject.Subject]:
    """What a job finds out about itself, by its settings and variables alone: nothing is built for it."""

    def found(job: Job) -> subject.Subject:
        monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
        monkeypatch.setenv("GITHUB_RUN_ATTEMPT", job.attempt)
        monkeypatch.setenv("SLIPWAY_IMAGE_NAME", job.image)
        monkeypatch.setenv("SLIPWAY_IMAGE_PLATFORMS", job.platform)
        root = tmp_path / job.folder
        root.mkdir(parents=True, exist_ok=True)
        return subject.of(root, config.load(root))

    return found


def test_no_two_artifacts_of_a_workflow_run_share_a_name(about: Callable[[Job], subject.Subject]) -> None:
    names = {case: about(job).artifact_name for case, job in JOBS.items()}
    assert len(set(names.values())) == len(JOBS), names
    assert names["one"] == "ghcr-io-acme-shop-linux-amd64-1"
    assert names["another folder"] == "ghcr-io-acme-shop-linux-amd64-services-shop-1"
    assert outputs(run(stage()), about(JOBS["re-run"]))["artifact-name"] == "ghcr-io-acme-shop-linux-amd64-2"


def test_code_scanning_keeps_apart_what_is_not_the_same(about: Callable[[Job], subject.Subject]) -> None:
    """A later upload of one category and commit replaces the earlier one: a re-run does, another service does not."""
    names = {case: about(job).category for case, job in JOBS.items()}
    assert names.pop("re-run") == names["one"] == "slipway/ghcr.io/acme/shop/linux/amd64"
    assert len(set(names.values())) == len(names), names


def test_a_red_run_is_about_the_same_as_a_green_one(
    about: Callable[[Job], subject.Subject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an image too: otherwise no later run would close what it found."""
    (tmp_path / ".slipway").mkdir()
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "out"))
    wanted, result = about(Job()), replace(run(stage()), image=ImageResult())
    Runner(tmp_path)(Event(kind=Kind.RUN_FINISHED, run=result))
    assert _read(tmp_path / "out")["artifact-name"] == wanted.artifact_name
    (log,) = json.loads((tmp_path / ".slipway" / "findings.sarif").read_text())["runs"]
    assert log["automationDetails"]["id"] == f"{wanted.category}/"


def test_a_pull_request_from_a_fork_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    payload = tmp_path / "event.json"
    payload.write_text(
        '{"pull_request": {"number": 7, "head": {"sha": "h", "repo": {"full_name": "evil/shop"}}},'
        ' "repository": {"default_branch": "trunk", "private": true}}'
    )
    for name, value in {"PATH": str(payload), "NAME": "pull_request"}.items():
        monkeypatch.setenv(f"GITHUB_EVENT_{name}", value)
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/shop")
    found = event()
    assert (found.fork, found.number, found.head_sha, found.default_branch) == (True, 7, "h", "trunk")
    assert found.private is True


def test_the_reference_of_the_workflows_is_the_yaml() -> None:
    assert (ROOT / "docs" / "reference" / "workflows.md").read_text() == page()


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda p: p.name)
def test_a_called_workflow_has_one_job_and_at_most_15_inputs(path: Path) -> None:
    model = yaml.safe_load(path.read_text())
    call = (model.get(True) or {}).get("workflow_call")
    if call is None:
        return
    (job,) = model["jobs"].values()
    assert "uses" not in job
    assert len(call["inputs"]) <= 15
    assert all("`" in entry["description"] for entry in call["inputs"].values()), "each description carries an example"
