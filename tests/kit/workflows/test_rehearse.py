"""The rehearsal of the first hosted run, on answers of GitHub's API: what is predicted, and each kind of difference."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from workflows.harness import places
from workflows.harness.selftests import FOLDER, Fake, job, note, step

sys.path.append(str(FOLDER))
import predictions
import rehearse

SHA = "c0ffee" + "0" * 34
DIGEST = "sha256:" + "a" * 64
Change = Callable[[dict[str, Any]], None]


def as_predicted(predicted: dict[str, Any]) -> list[dict[str, Any]]:
    """The jobs of a run that went as the tests predict."""
    return [
        job(name, how.conclusion, *(step(one, end) for one, end in how.steps.items()))
        for name, how in predicted.items()
    ]


def zipped(text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("report.html", text)
    return content.getvalue()


def answers(trace: str = "ci-push") -> dict[str, Any]:
    """What GitHub answers where everything is as it must be."""
    given: dict[str, Any] = {
        "GET ": {"default_branch": "main", "private": False},
        "GET /commits/main": {"sha": SHA},
        "GET /environments": {"environments": [{"name": name} for name in rehearse.ENVIRONMENTS]},
        "GET /environments/selftest/secrets/SELFTEST_SECRET": {"name": "SELFTEST_SECRET"},
        "GET /immutable-releases": {"enabled": True},
        "POST /actions/workflows/selftest.yml/dispatches": (204, b""),
        "GET /check-runs/": [],
        "GET /actions/variables/": (404, b'{"message": "Not Found"}'),
    }
    if trace == "ci-push":
        given |= {f"GET /actions/variables/{name}": {"name": name} for name in rehearse.SERVICES}
    kinds = {"kit": predictions.all_green("kit"), "ci": predictions.of_trace(trace, "ci")}
    kinds["selftest"] = predictions.all_green("selftest")
    for number, (file, predicted) in enumerate(kinds.items(), 1):
        run = {"id": number, "head_sha": SHA, "status": "completed", "html_url": f"https://github.com/x/{number}"}
        jobs = as_predicted(predicted)
        given[f"GET /actions/workflows/{file}.yml/runs"] = {"workflow_runs": [run]}
        given[f"GET /actions/runs/{number}/jobs"] = {"jobs": jobs}
        for one in jobs:
            given[f"GET /actions/jobs/{one['id']}/logs"] = (
                200,
                f"pushed ghcr.io/acme/slipway@{DIGEST} (linux)".encode(),
            )
    given["GET /actions/runs/2/artifacts"] = {"artifacts": [{"id": 9, "name": "slipway-page-amd64"}]}
    given["GET /actions/artifacts/9/zip"] = (200, zipped(f"<p>{DIGEST}</p>"))
    return given


def walk(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, wait: bool = False
) -> tuple[Any, Fake, dict[str, str]]:
    """What the walk found, on an address that is filled in."""
    monkeypatch.setattr(rehearse, "_filled_in", lambda: True)
    api = Fake(given)
    rehearsal = rehearse.Rehearsal(api, SHA, wait)
    taken = rehearsal.walk()
    return taken, api, {check.what: check.wrong for checks in taken.values() for check in checks if check.wrong}


@pytest.mark.parametrize("trace", ["ci-push", "ci-push-no-services"])
def test_a_run_as_predicted_has_no_difference(trace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, _, wrong = walk(answers(trace), monkeypatch)
    assert wrong == {}
    assert [title[:2] for title in taken] == ["1.", "2.", "3.", "4."]
    assert all(len(checks) > 3 for checks in taken.values()), "each step checked something"


def find(given: dict[str, Any], run: int, name: str) -> Any:
    (found,) = [one for one in given[f"GET /actions/runs/{run}/jobs"]["jobs"] if one["name"] == name]
    return found


def ends(run: int, name: str, **changes: Any) -> Change:
    return lambda given: find(given, run, name).update(changes)


def step_ends(run: int, name: str, which: str, end: str) -> Change:
    def change(given: dict[str, Any]) -> None:
        (found,) = [one for one in find(given, run, name)["steps"] if one["name"] == which]
        found["conclusion"] = end

    return change


def jobs_of(given: dict[str, Any], run: int) -> Any:
    return given[f"GET /actions/runs/{run}/jobs"]["jobs"]


DIFFERENCES: dict[str, tuple[Change, str, str]] = {
    "a job ended otherwise": (
        ends(2, "publish / Publish", conclusion="failure"),
        "publish / Publish: success",
        "failure",
    ),
    "a step ended otherwise": (
        step_ends(2, "publish / Publish", "Move the tags", "skipped"),
        "publish / Publish: success",
        "“Move the tags”: skipped, predicted success",
    ),
    "a step is missing": (
        lambda given: find(given, 2, "Staging").update(steps=[step("Run $/.github/actions/deploy")]),
        "Staging: success",
        "checkout@3d3c42e5aac5ba805825da76410c181273ba90b1”: not there",
    ),
    "a step was not predicted": (
        lambda given: find(given, 2, "Staging")["steps"].append(step("Run something")),
        "Staging: success",
        "“Run something” was not predicted",
    ),
    "a job is missing": (
        lambda given: jobs_of(given, 2).remove(find(given, 2, "Staging")),
        "Staging: success",
        "it did not run",
    ),
    "a job was not predicted": (lambda given: jobs_of(given, 1).append(job("New")), "New", "no execution of the tests"),
    "a warning": (
        lambda given: given.update(
            {"GET /check-runs/": [note("a", "Node.js 24 is deprecated") | {"annotation_level": "warning"}]}
        ),
        "Lint: nothing unforeseen is annotated",
        "warning: Node.js 24 is deprecated",
    ),
    "another digest on the page": (
        lambda given: given.update({"GET /actions/artifacts/9/zip": (200, zipped("sha256:" + "b" * 64))}),
        "the page names the digest that was published",
        "it does not",
    ),
    "no page": (
        lambda given: given.update({"GET /actions/runs/2/artifacts": {"artifacts": []}}),
        "verify kept its page",
        "no artifact",
    ),
    "another head": (
        lambda given: given.update({"GET /commits/main": {"sha": "b" * 40}}),
        "this commit is the head of main",
        "git push origin HEAD:main",
    ),
    "an environment is missing": (
        lambda given: given.update({"GET /environments": {"environments": []}}),
        "environment production",
        "environments/production",
    ),
    "no secret": (
        lambda given: given.update({"GET /environments/selftest/secrets/SELFTEST_SECRET": (404, b"")}),
        "SELFTEST_SECRET in the environment selftest",
        "gh secret set",
    ),
    "releases can be changed": (
        lambda given: given.update({"GET /immutable-releases": {"enabled": False}}),
        "releases are immutable",
        "Enable release immutability",
    ),
    "a private kit that is closed": (
        lambda given: given.update(
            {"GET ": {"default_branch": "main", "private": True}, "GET /actions/permissions": {"access_level": "none"}}
        ),
        "other repositories may call the workflows",
        "Settings → Actions → General → Access",
    ),
}


@pytest.mark.parametrize("kind", DIFFERENCES)
def test_each_difference_is_found(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change, what, says = DIFFERENCES[kind]
    given = answers()
    change(given)
    _, _, wrong = walk(given, monkeypatch)
    assert says in wrong.get(what, ""), wrong


def test_a_run_that_is_not_there_ends_the_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    given = answers()
    given["GET /actions/workflows/ci.yml/runs"] = {"workflow_runs": []}
    taken, api, wrong = walk(given, monkeypatch)
    assert wrong == {"this step could be taken": "ci.yml has not ended for c0ffee0: no run"}
    assert len(taken) == 3 and not [asked for asked in api.asked if asked[0] == "POST"], "nothing is started then"


def test_it_waits_for_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    given = answers()
    done = given["GET /actions/workflows/kit.yml/runs"]
    queued = {"workflow_runs": [{**done["workflow_runs"][0], "status": "queued"}]}
    given["GET /actions/workflows/kit.yml/runs"] = iter([{"workflow_runs": []}, queued, done])
    slept: list[float] = []
    monkeypatch.setattr(rehearse.time, "sleep", slept.append)
    assert walk(given, monkeypatch, wait=True)[2] == {}
    assert slept == [rehearse.POLL] * 2


def test_the_self_test_is_started_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _, api, _ = walk(answers(), monkeypatch)
    assert not [asked for asked in api.asked if asked[0] == "POST"], "it has run for this commit"
    given = answers()
    done = given["GET /actions/workflows/selftest.yml/runs"]
    given["GET /actions/workflows/selftest.yml/runs"] = iter([{"workflow_runs": []}, done])
    _, api, wrong = walk(given, monkeypatch)
    assert ("POST", "/actions/workflows/selftest.yml/dispatches", {"ref": "main"}) in api.asked and wrong == {}


def test_the_page_shows_every_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    given = answers()
    ends(2, "Staging", conclusion="<b>failure</b>")(given)
    taken, _, wrong = walk(given, monkeypatch)
    page = rehearse.page(taken, {"ci.yml": "https://github.com/x/2"})
    assert "<h1>1 difference</h1>" in page and "it ended with &lt;b&gt;failure&lt;/b&gt;" in page
    assert 'href="https://github.com/x/2"' in page and len(wrong) == 1


GH = """\
#!{python}
import json, sys
assert sys.argv[1:4] == ["api", "--include", "--method"], sys.argv
path = sys.argv[5]
if "--input" in sys.argv:
    assert json.load(sys.stdin) == {{"ref": "main"}}
if path.endswith("/none"):
    sys.stdout.write('HTTP/2.0 404 Not Found\\r\\nContent-Type: application/json\\r\\n\\r\\n{{"message": "Not Found"}}')
    sys.exit("gh: Not Found (HTTP 404)")
sys.stdout.buffer.write(b"HTTP/2.0 200 OK\\r\\nEtag: x\\r\\n\\r\\n" + bytes([0, 255]) + path.encode())
"""


def test_gh_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form of `gh api --include`: https://cli.github.com/manual/gh_api."""
    (tmp_path / "gh").write_text(GH.format(python=sys.executable))
    (tmp_path / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    api = rehearse.Gh("acme/slipway")
    assert api.ask("GET", "/logs") == (200, b"\x00\xffrepos/acme/slipway/logs")
    assert api.ask("POST", "/dispatches", {"ref": "main"})[0] == 200
    assert api.ask("GET", "/none") == (404, b'{"message": "Not Found"}')
    (tmp_path / "gh").write_text(
        "#!/bin/sh\necho 'gh: To get started with GitHub CLI, please run: gh auth login' >&2\nexit 4\n"
    )
    with pytest.raises(rehearse.Stop, match=r"HTTP 599 .*gh auth login"):
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        api.get("")


@pytest.mark.parametrize("trace", sorted(places.HERE.glob("traces/ci-push*.txt")), ids=lambda path: path.stem)
def test_every_trace_of_ci_is_read(trace: Path) -> None:
    """Each job of ci.yml is predicted, and each step under the name that GitHub shows."""
    predicted = predictions.of_trace(trace.stem, "ci")
    assert len(predicted) == len(predictions.workflow("ci")["jobs"])
    assert all("None" not in name for how in predicted.values() for name in how.steps)


def test_where_there_is_no_remote_it_says_how_it_is_used(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(rehearse, "git", lambda *words: "")
    assert rehearse.main() == 2
    assert "no remote `origin` on GitHub. usage: rehearse.py" in capsys.readouterr().err


def test_it_starts_as_its_docstring_says() -> None:
    command = [sys.executable, str(FOLDER / "rehearse.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "usage: rehearse.py" in done.stderr


def test_the_answers_of_the_tests_are_json() -> None:
    """The fake hands out what GitHub would: nothing that could not be sent."""
    assert all(isinstance(one, tuple) or json.dumps(one) for one in answers().values())
