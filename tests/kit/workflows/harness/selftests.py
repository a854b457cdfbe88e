"""The self-test's script, and answers of the shape that GitHub's API gives.

Shapes: https://docs.github.com/rest/actions/workflow-jobs, /rest/checks/runs, /rest/code-scanning/code-scanning.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from workflows.harness import golden, places, yaml_text

FOLDER = places.REPOSITORY / "tests" / "selftest"
sys.path.append(str(FOLDER))
import judging  # noqa: E402  they run with the runner's own Python, from their own folder
import selftest  # noqa: E402

GREEN, Expected = judging.GREEN, judging.Expected
SHA = "c0ffee" + "0" * 34
DOCUMENTS = {
    name: yaml_text.read(places.REPOSITORY / ".github/workflows" / f"{name}.yml") for name in golden.ONLY_ON_GITHUB
}


class Fake(selftest.Api):
    """The API's answers by method and the path's beginning; the longest that fits wins."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, Any]] = []

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        self.asked.append((method, path, body))
        key = max((k for k in self.answers if f"{method} {path}".startswith(k)), key=len, default="")
        answer = self.answers.get(key, (404, b'{"message": "Not Found"}'))
        if isinstance(answer, Iterator):
            answer = next(answer)
        return answer if isinstance(answer, tuple) else (200, json.dumps(answer).encode())


def wrong(checks: Iterator[Any]) -> dict[str, str]:
    """What does not hold, and why."""
    return {check.what: check.wrong for check in checks if check.wrong}


def step(name: str, conclusion: str = "success", begin: int = 0, end: int = 9) -> dict[str, Any]:
    """A step as the jobs of a run list it."""
    times = {"started_at": f"2026-11-21T10:00:{begin:02}Z", "completed_at": f"2026-11-21T10:00:{end:02}Z"}
    return {"name": name, "status": "completed", "conclusion": conclusion, "number": 1, **times}


def job(name: str, conclusion: str = "success", *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A job as the jobs of a run list it."""
    number = abs(hash(name)) % 10**9
    url = f"https://api.github.com/repos/Acme/slipway/check-runs/{number}"
    whole = [step("Set up job"), *steps, step("Post Run actions/checkout"), step("Complete job")]
    times = {"started_at": "2026-11-21T10:00:00Z", "completed_at": "2026-11-21T10:03:05Z"}
    return {
        "id": number, "run_id": 88, "name": name, "status": "completed", "conclusion": conclusion, "steps": whole,
        "check_run_url": url, "labels": ["ubuntu-26.04"], **times, **more,
    }  # fmt: skip


def note(path: str, message: str, title: str = "") -> dict[str, Any]:
    """An annotation of a check run."""
    return {
        "path": path, "start_line": 4, "end_line": 4, "annotation_level": "failure", "title": title,
        "message": message, "raw_details": None, "blob_href": "",
    }  # fmt: skip


def red(name: str, at: str, conclusion: str = "failure") -> dict[str, Any]:
    """A job that ended at a step."""
    return job(name, conclusion, step("Log in"), step(at, conclusion), step("Later", "skipped"))


def as_expected(file: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Jobs and annotations of a run in which all is as it must be."""
    jobs, notes = [], {}
    for name, how in selftest.EXPECTED[file].items():
        one = red(name, how.step, how.conclusion) if how.step else job(name, how.conclusion)
        jobs.append(one)
        notes[f"GET /check-runs/{one['id']}/annotations"] = [
            note(".github", "Process completed with exit code 1."),
            note(how.file or ".github", f"x {how.says} y"),
        ]
    return jobs, notes


ANALYSIS = {
    "ref": "refs/heads/main", "commit_sha": SHA, "error": "", "warning": "",
    "category": "slipway/ghcr.io/acme/shop-selftest/linux/amd64",
    "created_at": "2026-11-21T10:01:00Z", "results_count": 3, "tool": {"name": "Slipway"},
}  # fmt: skip
LOG = b"2026-11-21T10:00:01.0Z Cache restored from key: slipway-layers-x86_64-abc\n"


def final(changes: dict[str, Any]) -> Fake:
    """The API at the end of a run in which all went well, but for the changes."""
    jobs = [
        job("verify / Verify", id=1),
        job("verify-arm / Verify", labels=["ubuntu-26.04-arm"]),
        job("deploy (ubuntu-26.04) / Deploy", "success", step("Deploy", begin=10, end=20)),
        job("deploy (ubuntu-26.04-arm) / Deploy", "success", step("Deploy", begin=20, end=30)),
        job("code-scanning / Upload"),
    ]
    jobs = [{**one, **changes.get(one["name"], {})} for one in jobs if changes.get(one["name"], True)]
    return Fake(
        {
            "GET /actions/runs/77/jobs": {"total_count": len(jobs), "jobs": jobs},
            "GET /actions/jobs/1/logs": (200, changes.get("log", LOG)),
            "GET /code-scanning/analyses": [{**ANALYSIS, **changes.get("analysis", {})}],
        }
    )
