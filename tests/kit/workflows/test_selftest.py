"""The self-test's script on answers of GitHub's API."""

import http.server
import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from workflows.harness.selftests import (
    GREEN,
    SHA,
    Expected,
    Fake,
    as_expected,
    final,
    job,
    note,
    red,
    selftest,
    step,
    wrong,
)

FORBIDDEN = (403, b'{"message": "Resource not accessible by integration", "status": "403"}')


@pytest.fixture(autouse=True)
def _runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a step sees on a runner."""
    given = {
        "REPOSITORY": "Acme/slipway", "SHA": SHA, "RUN_ID": "77", "RUN_ATTEMPT": "2", "REF": "refs/heads/main",
        "REF_NAME": "main", "API_URL": "https://api.github.com",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    monkeypatch.setenv("GH_TOKEN", "a-token")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL", raising=False)
    monkeypatch.setattr(selftest, "POLL", 0)
    monkeypatch.setattr(selftest.time, "sleep", lambda seconds: None)


@pytest.mark.parametrize("file", selftest.EXPECTED)
def test_a_run_as_expected(file: str) -> None:
    jobs, notes = as_expected(file)
    assert wrong(selftest.judge({one["name"]: one for one in jobs}, selftest.EXPECTED[file], Fake(notes))) == {}


HOW = Expected(step="Push", says="swapped", file="a/Dockerfile", minutes=6)
GOOD_NOTE = note("a/Dockerfile", "it was swapped")


@pytest.mark.parametrize(
    ("one", "notes", "says"),
    [
        (red("j", "Push"), [GOOD_NOTE], None),
        (job("j", "success", step("Push")), [GOOD_NOTE], "it ended with success"),
        (red("j", "Push", "cancelled"), [GOOD_NOTE], "it ended with cancelled"),
        (red("j", "Log in to GHCR"), [GOOD_NOTE], "Log in to GHCR ended it"),
        (job("j", "failure", step("Push", "failure"), step("Move the tags")), [GOOD_NOTE], "Move the tags"),
        (red("j", "Push"), [note("a/Dockerfile", "exit code 1")], "no annotation says 'swapped'"),
        (red("j", "Push"), [note("Dockerfile", "m", "swapped")], "beside Dockerfile, not a/Dockerfile"),
        ({**red("j", "Push"), "completed_at": "2026-11-21T10:09:00Z"}, [GOOD_NOTE], "longer than 6 minutes"),
    ],
)
def test_a_job_that_is_not_as_expected(one: dict[str, Any], notes: list[Any], says: str | None) -> None:
    found = wrong(selftest.judge({"j": one}, {"j": HOW}, Fake({"GET /check-runs/": notes})))
    assert (says in found["j: failure at “Push”"]) if says else found == {}


def test_a_job_that_is_missing_or_unknown() -> None:
    found = wrong(selftest.judge({"new": job("new")}, {"old": GREEN}, Fake({})))
    assert found == {"new": "nothing is expected of it: name it in judging.py", "old: success": "it did not run"}


def listed(status: str = "completed", sha: str = SHA, mark: str = "for 77-2") -> dict[str, Any]:
    """A run as a workflow's runs list it."""
    title = f"Self-test, broken on purpose, {mark}"
    return {"id": 88, "display_title": title, "status": status, "head_sha": sha, "html_url": "https://x/88"}


def dispatching(monkeypatch: pytest.MonkeyPatch, run: dict[str, Any], started: int = 204) -> Fake:
    """An API on which selftest-broken can be dispatched."""
    monkeypatch.setenv("FILE", "selftest-broken")
    jobs, notes = as_expected("selftest-broken")
    workflow = "/actions/workflows/selftest-broken.yml"
    states = iter([listed("queued"), (502, b""), listed("in_progress"), run])
    runs = iter([{"workflow_runs": [listed(mark="for 77-1")]}, {"workflow_runs": [listed(mark="for 77-1"), run]}])
    return Fake(
        {
            f"POST {workflow}/dispatches": (started, b""), f"GET {workflow}/runs": runs,
            "GET /actions/runs/88": states, "GET /actions/runs/88/jobs": {"total_count": len(jobs), "jobs": jobs},
            **notes,
        }
    )  # fmt: skip


def test_dispatch_finds_its_own_run_and_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    api = dispatching(monkeypatch, listed())
    assert selftest.main("dispatch", api) == 0
    assert api.asked[0][2] == {"ref": "main", "inputs": {"for": "77-2"}}


def test_dispatch_of_another_commit_is_red(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest.main("dispatch", dispatching(monkeypatch, listed(sha="f" * 40))) == 1
    assert "the branch moved" in capsys.readouterr().out


def test_dispatch_that_is_refused_or_never_listed_is_red(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert selftest.main("dispatch", dispatching(monkeypatch, listed(), started=422)) == 1
    monkeypatch.setattr(selftest, "APPEARS", 0.01)
    never = Fake({"POST /actions/workflows": (204, b""), "GET /actions/workflows": {"workflow_runs": []}})
    assert selftest.main("dispatch", never) == 1
    said = capsys.readouterr().out
    assert "HTTP 422" in said and "not listed within 0 minutes" in said


def test_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "_push", lambda: 403)
    api = Fake({"GET ": {"full_name": "Acme/slipway"}, "POST ": FORBIDDEN})
    assert wrong(selftest.refused(api)) == {}
    assert ("POST", f"/statuses/{SHA}", selftest.WRITES["set a commit's status"][1]) in api.asked


@pytest.mark.parametrize(
    ("answers", "push", "what"),
    [
        ({"GET ": (401, b""), "POST ": FORBIDDEN}, 403, "the token reads the repository"),
        ({"GET ": {}, "POST ": FORBIDDEN, "POST /issues": (201, b"{}")}, 403, "may not open an issue"),
        ({"GET ": {}, "POST ": FORBIDDEN, "POST /git": (403, b"rate limit")}, 403, "may not make a branch"),
        ({"GET ": {}, "POST ": FORBIDDEN, "POST /actions": (422, b"")}, 403, "may not start a workflow"),
        ({"GET ": {}, "POST ": FORBIDDEN}, 202, "may not push to GHCR"),
    ],
)
def test_not_refused(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], push: int, what: str) -> None:
    monkeypatch.setattr(selftest, "_push", lambda: push)
    assert list(wrong(selftest.refused(Fake(answers)))) == [what]


def test_an_identity_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "_push", lambda: 403)
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "https://x")
    assert list(wrong(selftest.refused(Fake({"GET ": {}, "POST ": FORBIDDEN})))) == ["no identity token"]


@pytest.mark.parametrize(
    ("answers", "status"),
    [([(403, b"")], 403), ([(200, b'{"token": "t"}'), (403, b"")], 403), ([(200, b'{"token": "t"}'), (202, b"")], 202)],
)
def test_pushing_is_tried_to_the_end(monkeypatch: pytest.MonkeyPatch, answers: list[Any], status: int) -> None:
    asked: list[str] = []
    left = iter(answers)
    monkeypatch.setattr(selftest, "send", lambda method, url, *rest: asked.append(f"{method} {url}") or next(left))
    assert selftest._push() == status
    assert "repository:acme/slipway-selftest:pull,push" in asked[0]
    assert asked[1:] == ["POST https://ghcr.io/v2/acme/slipway-selftest/blobs/uploads/"][: len(answers) - 1]


@pytest.mark.parametrize(
    ("expect", "value", "fine"),
    [("present", "x", True), ("present", "", False), ("absent", "", True), ("absent", "x", False)],
)
def test_secret(monkeypatch: pytest.MonkeyPatch, expect: str, value: str, fine: bool) -> None:
    monkeypatch.setenv("EXPECT", expect)
    monkeypatch.setenv("SELFTEST_SECRET", value)
    assert selftest.main("secret", Fake({})) == (0 if fine else 1)


@pytest.mark.parametrize(
    ("key", "caches", "hit", "fine"),
    [
        ("k", [{"id": 1, "key": "k"}], "", True),
        ("k", [{"id": 1, "key": "k"}], "false", True),
        ("k", [{"id": 1, "key": "k"}], "true", False),
        ("k", [], "", False),
        ("", [{"id": 1, "key": "k"}], "", False),
    ],
)
def test_no_cache(monkeypatch: pytest.MonkeyPatch, key: str, caches: list[Any], hit: str, fine: bool) -> None:
    monkeypatch.setenv("KEY", key)
    monkeypatch.setenv("HIT", hit)
    api = Fake({"GET /actions/caches?key=k": {"total_count": len(caches), "actions_caches": caches}})
    assert selftest.main("no-cache", api) == (0 if fine else 1)


NONE = "Error: failed to fetch attestations: HTTP 404: Not Found"
IMAGE = "ghcr.io/acme/slipway-selftest@sha256:" + "1" * 64


@pytest.mark.parametrize(
    ("changes", "bad"),
    [
        ({}, None),
        ({"provenance": NONE}, "attested by publish.yml"),
        ({"sbom": NONE}, "its SBOM too"),
        ({"slipway": "not attested"}, "`slipway attested` reads both"),
        ({"foreign": ""}, "an image from elsewhere is refused"),
        ({"foreign": "dial tcp: no route to host"}, "an image from elsewhere is refused"),
    ],
)
def test_attested(monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], bad: str | None) -> None:
    """By what the commands say; empty: they end well."""
    monkeypatch.setenv("IMAGE", IMAGE)
    answers = {"provenance": "", "sbom": "", "slipway": "", "foreign": NONE, **changes}
    signer = ["--repo", "Acme/slipway", "--signer-workflow", "Acme/slipway/.github/workflows/publish.yml"]

    def run(command: tuple[str, ...], **_: object) -> subprocess.CompletedProcess[str]:
        if command[0] == "slipway":
            assert list(command[1:]) == ["attested", IMAGE, "--repo", "Acme/slipway"]
            which = "slipway"
        else:
            assert command[:3] == ("gh", "attestation", "verify") and list(command[4:8]) == signer
            which = "sbom" if "--predicate-type" in command else "provenance"
            which = which if command[3] == f"oci://{IMAGE}" else "foreign"
        return subprocess.CompletedProcess(command, int(bool(answers[which])), "", answers[which])

    monkeypatch.setattr(selftest.subprocess, "run", run)
    assert list(wrong(selftest.attested(Fake({})))) == ([bad] if bad else [])


SERIAL = "two deployments in one group, one after the other"
ARM = "deploy (ubuntu-26.04-arm) / Deploy"


@pytest.mark.parametrize(
    ("changes", "bad"),
    [
        ({}, None),
        ({"log": b"Cache not found for input keys: slipway-layers-"}, "verify restored the layer cache"),
        ({"verify / Verify": None}, "verify restored the layer cache"),
        ({"verify-arm / Verify": {"labels": ["ubuntu-26.04"]}}, "verify-arm ran on arm64"),
        ({ARM: {"steps": [step("Deploy", begin=15, end=30)]}}, SERIAL),
        ({ARM: None}, SERIAL),
        ({ARM: {"steps": [{**step("Deploy"), "completed_at": None}]}}, SERIAL),
        ({"analysis": {"category": "slipway/"}}, None),
        ({"analysis": {"error": "no SARIF"}}, "code scanning read the findings"),
        ({"analysis": {"commit_sha": "f" * 40}}, "code scanning read the findings"),
        ({"analysis": {"category": "other"}}, "code scanning read the findings"),
        ({"analysis": {"created_at": "2026-11-20T10:01:00Z"}}, "code scanning read the findings"),
        ({"code-scanning / Upload": None}, "code scanning read the findings"),
    ],
)  # fmt: skip
def test_verdict(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], bad: str | None) -> None:
    monkeypatch.setenv("NEEDS", json.dumps({"verify": {"result": "success", "outputs": {}}}))
    assert list(wrong(selftest.verdict(final(changes)))) == ([bad] if bad else [])


@pytest.mark.parametrize("result", ["failure", "cancelled", "skipped"])
def test_verdict_on_a_job_that_is_not_green(monkeypatch: pytest.MonkeyPatch, result: str) -> None:
    monkeypatch.setenv("NEEDS", json.dumps({"verify": {"result": "success"}, "deploy": {"result": result}}))
    assert wrong(selftest.verdict(final({}))) == {"deploy: success": f"it ended with {result}"}


def test_nothing_asserted_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(selftest.COMMANDS, "nothing", lambda api: iter(()))
    assert selftest.main("nothing", Fake({})) == 1


def test_the_summary_says_it_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.setenv("EXPECT", "absent")
    assert selftest.main("secret", Fake({})) == 0
    assert (tmp_path / "summary").read_text() == "## secret\n\n- ✅ SELFTEST_SECRET is absent\n"


def test_the_api_by_http_keeps_its_token_from_other_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str | None]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers["Authorization"]))
            moved, missing = self.path.endswith("/logs"), self.path.endswith("/missing")
            self.send_response(302 if moved else 404 if missing else 200)
            if moved:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(b"said")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.server_address[1]}")
        api = selftest.Api()
        assert api.ask("GET", "/actions/jobs/1/logs") == (200, b"said")
        assert api.ask("GET", "/missing") == (404, b"said")
    finally:
        server.shutdown()
        server.server_close()
    path = "/repos/Acme/slipway/actions/jobs/1/logs"
    assert seen[:2] == [(path, "Bearer a-token"), ("/elsewhere", None)]
    assert api.ask("GET", "/")[0] == 599, "nobody answers any more"
