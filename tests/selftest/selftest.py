"""What the steps of .github/workflows/selftest*.yml call on GitHub: each command asserts something, or is red.

    python3 tests/selftest/selftest.py refused|secret|no-cache|attested|dispatch|verdict

Standard library only: it runs with the runner's own Python. Values come by the environment, never as text in a script.
"""

import base64
import itertools
import json
import os
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
POLL = 15  # seconds
APPEARS, ENDS = 5 * 60, 40 * 60  # seconds until a run that was dispatched is listed, and until it has ended


@dataclass(frozen=True)
class Check:
    """One expectation."""

    what: str
    wrong: str = ""  # why it does not hold; empty: it does


class Stop(Exception):
    """Nothing more can be asserted."""


@dataclass(frozen=True)
class Expected:
    """How a job of another run must end."""

    conclusion: str = "failure"
    step: str = ""  # the step that ends it; none after it may have done anything
    says: str = ""  # in an annotation of that job
    file: str = ""  # that the annotation stands beside
    minutes: float = 0  # it must not have taken longer


GREEN = Expected("success")
STAGE = "Run the stage"
EXPECTED = {
    "selftest-platform": {
        "Refused": GREEN,
        "Secret present": GREEN,
        "Secret absent": GREEN,
        "Cache": GREEN,
    },
    "selftest-broken": {
        "bad-dockerfile / Lint": Expected(step=STAGE, says="DL3000", file="tests/selftest/bad-dockerfile/Dockerfile"),
        "failing-test / Test": Expected(step=STAGE, says="test_price"),
        "vulnerable / Scan": Expected(step=STAGE, says="CVE-2024-1135"),
        "ill-stack / Integration": Expected(step=STAGE, says="web"),
        # GitHub calls a job that exceeds its time "cancelled".
        "slow / Test": Expected("cancelled", step=STAGE, minutes=6),
        "verify / Verify": GREEN,
        "other-digest / Publish": Expected(step="Push, and read the digest back", says="swapped or mixed up"),
        "unpublished / Deploy": Expected(step="Deploy", says="cannot be pulled"),
    },
}
WRITES: dict[str, tuple[str, dict[str, Any]]] = {
    "make a branch": ("/git/refs", {"ref": "refs/heads/selftest-refused", "sha": "{sha}"}),
    "set a commit's status": ("/statuses/{sha}", {"state": "success", "context": "selftest-refused"}),
    "open an issue": ("/issues", {"title": "The self-test could write with a token that may only read"}),
    "make a release": ("/releases", {"tag_name": "selftest-refused", "draft": True}),
    "make a deployment": ("/deployments", {"ref": "{sha}", "environment": "selftest-refused"}),
    "start a workflow": ("/actions/workflows/selftest-broken.yml/dispatches", {"ref": "{sha}"}),
}


class Api:
    """GitHub's API below this repository, with the job's token."""

    def __init__(self) -> None:
        self._root = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}"

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and body of one answer."""
        return send(method, self._root + path, f"Bearer {os.environ['GH_TOKEN']}", body)

    def get(self, path: str) -> Any:
        """What is there, as JSON; a server's moment of weakness is waited for."""
        for pause in (5, 15, 0):
            status, body = self.ask("GET", path)
            if status < 500:
                break
            time.sleep(pause)
        if status != 200:
            raise Stop(f"GET {path}: HTTP {status} {body[:300].decode(errors='replace')}")
        return json.loads(body)


def send(method: str, url: str, authorization: str, body: Any = None) -> tuple[int, bytes]:
    """One request; an answer that is an error is an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Accept": "application/vnd.github+json"}, method=method)
    # Logs are on another host: the token must not follow the redirect.
    request.add_unredirected_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        return 599, str(error).encode()


def refused(api: Api) -> Iterator[Check]:
    """With `contents: read` alone every write is refused, and there is no identity to sign with."""
    status, _ = api.ask("GET", "")
    yield Check("the token reads the repository", "" if status == 200 else f"HTTP {status}: it proves nothing then")
    sha = os.environ["GITHUB_SHA"]
    for what, (path, body) in WRITES.items():
        filled = {k: v.replace("{sha}", sha) if isinstance(v, str) else v for k, v in body.items()}
        status, answer = api.ask("POST", path.replace("{sha}", sha), filled)
        right = status == 403 and b"not accessible by integration" in answer
        yield Check(f"may not {what}", "" if right else f"HTTP {status} {answer[:200].decode(errors='replace')}")
    status = _push()
    yield Check("may not push to GHCR", "" if status in (401, 403) else f"HTTP {status}")
    yield Check("no identity token", "there is one" if "ACTIONS_ID_TOKEN_REQUEST_URL" in os.environ else "")


def _push() -> int:
    """The status of an attempt to begin an upload to GHCR."""
    name = f"{os.environ['GITHUB_REPOSITORY'].lower()}-selftest"
    basic = base64.b64encode(f"selftest:{os.environ['GH_TOKEN']}".encode()).decode()
    scope = f"service=ghcr.io&scope=repository:{name}:pull,push"
    status, answer = send("GET", f"https://ghcr.io/token?{scope}", f"Basic {basic}")
    if status != 200:
        return status
    token = json.loads(answer)["token"]
    return send("POST", f"https://ghcr.io/v2/{name}/blobs/uploads/", f"Bearer {token}", {})[0]


def secret(api: Api) -> Iterator[Check]:
    """The environment's secret is there in a job of that environment, and in no other."""
    expected, there = os.environ["EXPECT"], bool(os.environ.get("SELFTEST_SECRET"))
    mend = "set SELFTEST_SECRET in the environment `selftest`, and nowhere else (docs/not-executed-offline.md)"
    yield Check(f"SELFTEST_SECRET is {expected}", "" if there == (expected == "present") else mend)


def no_cache(api: Api) -> Iterator[Check]:
    """With `cache-mode: none` a cache that is there is not restored."""
    key = os.environ["KEY"]
    listed = api.get(f"/actions/caches?key={key}")["actions_caches"] if key else []
    yield Check(f"there is a cache {key}", "" if listed else "none: let ci.yml verify main first")
    yield Check("it is not restored", "it was" if os.environ["HIT"] == "true" else "")


def attested(api: Api) -> Iterator[Check]:
    """The published image is attested by publish.yml, its SBOM too; an image from elsewhere is not."""
    repository, image = os.environ["GITHUB_REPOSITORY"], os.environ["IMAGE"]
    ours = ("--repo", repository, "--signer-workflow", f"{repository}/.github/workflows/publish.yml")
    yield Check("attested by publish.yml", _verify(image, *ours))
    yield Check("its SBOM too", _verify(image, *ours, "--predicate-type", "https://cyclonedx.org/bom"))
    yield Check("`slipway attested` reads both", _said("slipway", "attested", image, "--repo", repository))
    foreign = tomllib.loads((REPOSITORY / "images.toml").read_text())["PYTHON_IMAGE"]
    said = _verify(foreign, *ours)
    # Refused for that reason: a network that fails would refuse everything.
    right = "404" in said or "no attestations" in said.lower()
    yield Check("an image from elsewhere is refused", "" if right else said or "it was accepted")


def _verify(image: str, *options: str) -> str:
    return _said("gh", "attestation", "verify", f"oci://{image}", *options)


def _said(*command: str) -> str:
    """What a command objects to; empty where it ends well."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return "" if done.returncode == 0 else (done.stderr or done.stdout or f"exit code {done.returncode}").strip()[-300:]


def dispatch(api: Api) -> Iterator[Check]:
    """Start the workflow FILE, wait for it, and hold every job of it against what is expected."""
    file = os.environ["FILE"]
    mark = f"for {os.environ['GITHUB_RUN_ID']}-{os.environ['GITHUB_RUN_ATTEMPT']}"
    workflow = f"/actions/workflows/{file}.yml"
    wanted = {"ref": os.environ["GITHUB_REF_NAME"], "inputs": {"for": mark.removeprefix("for ")}}
    status, answer = api.ask("POST", f"{workflow}/dispatches", wanted)
    if status not in (200, 204):
        raise Stop(f"{file}.yml could not be started: HTTP {status} {answer[:300].decode(errors='replace')}")
    recent = f"{workflow}/runs?event=workflow_dispatch&per_page=30"

    def begun() -> Any:
        return next((run for run in api.get(recent)["workflow_runs"] if run["display_title"].endswith(mark)), None)

    def ended() -> Any:
        now = api.get(f"/actions/runs/{run['id']}")
        return now if now["status"] == "completed" else None

    run = _wait(begun, APPEARS, f"the run of {file}.yml is not listed")
    print(run["html_url"], flush=True)
    _wait(ended, ENDS, f"{run['html_url']} does not end")
    same = run["head_sha"] == os.environ["GITHUB_SHA"]
    yield Check("it ran this very commit", "" if same else f"it ran {run['head_sha']}: the branch moved. Run again.")
    yield from judge(_jobs(api, run["id"]), EXPECTED[file], api)


def _wait(ask: Callable[[], Any], seconds: float, otherwise: str) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := ask():
            return found
        time.sleep(POLL)
    raise Stop(f"{otherwise} within {seconds / 60:.0f} minutes")


def _jobs(api: Api, run: int | str) -> dict[str, Any]:
    """The jobs of a run's last attempt, by name."""
    return {job["name"]: job for job in api.get(f"/actions/runs/{run}/jobs?per_page=100")["jobs"]}


def judge(jobs: dict[str, Any], expected: dict[str, Expected], api: Api) -> Iterator[Check]:
    """Every job against what is expected of it; none may be missing, none may be more."""
    for name in sorted(jobs.keys() - expected.keys()):
        yield Check(name, "nothing is expected of it: name it in selftest.py")
    for name, how in expected.items():
        what = f"{name}: {how.conclusion}{f' at “{how.step}”' if how.step else ''}"
        yield Check(what, "; ".join(_faults(jobs[name], how, api)) if name in jobs else "it did not run")


def _faults(job: Any, how: Expected, api: Api) -> Iterator[str]:
    if job["conclusion"] != how.conclusion:
        yield f"it ended with {job['conclusion']}"
    if how.step:
        steps = [(s["name"], s["conclusion"]) for s in job["steps"]]
        at = next((n for n, (_, end) in enumerate(steps) if end not in ("success", "skipped")), len(steps))
        ended = steps[at][0] if at < len(steps) else "no step"
        if ended != how.step:
            yield f"{ended} ended it"
        # GitHub's own last steps clean up after what was used.
        later = [n for n, end in steps[at + 1 :] if end != "skipped" and not n.startswith(("Post ", "Complete job"))]
        if later:
            yield f"after it there was still: {', '.join(later)}"
    if how.minutes and _span(job)[1] - _span(job)[0] > how.minutes * 60:
        yield f"it took longer than {how.minutes:g} minutes"
    if how.says:
        notes = api.get(f"/check-runs/{job['check_run_url'].rpartition('/')[2]}/annotations?per_page=100")
        said = [note for note in notes if how.says in f"{note.get('title')} {note.get('message')}"]
        if not said:
            yield f"no annotation says {how.says!r}"
        elif how.file and how.file not in [note["path"] for note in said]:
            yield f"it says so beside {', '.join(note['path'] for note in said)}, not {how.file}"


def verdict(api: Api) -> Iterator[Check]:
    """Every other job of this run was green, and did what a green job alone does not show."""
    for name, job in json.loads(os.environ["NEEDS"]).items():
        yield Check(f"{name}: success", "" if job["result"] == "success" else f"it ended with {job['result']}")
    jobs = _jobs(api, os.environ["GITHUB_RUN_ID"])
    yield Check("verify restored the layer cache", _restored(jobs.get("verify / Verify"), api))
    labels = jobs.get("verify-arm / Verify", {}).get("labels", [])
    yield Check("verify-arm ran on arm64", "" if "ubuntu-24.04-arm" in labels else f"it ran on {labels}")
    yield Check("two deployments in one group, one after the other", _serial(jobs, "deploy (", "Deploy"))
    yield Check("code scanning read the findings", _analysed(jobs.get("code-scanning / Upload"), api))


def _restored(job: Any, api: Api) -> str:
    if not job:
        return "it did not run"
    status, log = api.ask("GET", f"/actions/jobs/{job['id']}/logs")
    if status != 200:
        return f"its log: HTTP {status}"
    return "" if b"Cache restored from key: slipway-layers-" in log else "it did not: let ci.yml verify main first"


def _serial(jobs: dict[str, Any], prefix: str, step: str) -> str:
    """Whether a step of at least two jobs never ran at the same time."""
    found = [s for name, job in jobs.items() if name.startswith(prefix) for s in job["steps"] if s["name"] == step]
    spans = sorted(_span(one) for one in found if one["completed_at"])
    if len(spans) < 2:
        return f"{len(spans)} ran"
    overlap = any(later < end for (_, end), (later, _) in itertools.pairwise(spans))
    return "they ran at the same time" if overlap else ""


def _analysed(job: Any, api: Api) -> str:
    if not job or not job["started_at"]:
        return "nothing was uploaded"
    listed = api.get(f"/code-scanning/analyses?ref={os.environ['GITHUB_REF']}&per_page=50")
    ours = [
        one
        for one in listed
        if (one["category"].strip("/"), one["commit_sha"]) == ("slipway", os.environ["GITHUB_SHA"])
        and _time(one["created_at"]) >= _time(job["started_at"])
    ]
    return (ours[0]["error"] or "") if ours else "there is no analysis of this commit from this run"


def _span(one: Any) -> tuple[float, float]:
    return _time(one["started_at"]), _time(one["completed_at"])


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


COMMANDS = {
    "refused": refused, "secret": secret, "no-cache": no_cache,
    "attested": attested, "dispatch": dispatch, "verdict": verdict,
}  # fmt: skip


def main(command: str, api: Api) -> int:
    """Run a command, say how each expectation fared; red where one does not hold, or where there was none."""
    checks: list[Check] = []
    try:
        for check in COMMANDS[command](api):
            checks.append(check)
    except Stop as stop:
        checks.append(Check(command, str(stop)))
    lines = [f"- ❌ {c.what}: {c.wrong}" if c.wrong else f"- ✅ {c.what}" for c in checks]
    print("\n".join(lines))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write("\n".join([f"## {command}", "", *lines, ""]))
    return 0 if checks and not any(c.wrong for c in checks) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Api()))
