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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from asking import Api, Check, Stop, send
from judging import EXPECTED, jobs_of, judge, moment, span

REPOSITORY = Path(__file__).parents[2]
POLL = 15  # seconds
APPEARS, ENDS = 5 * 60, 40 * 60  # seconds until a run that was dispatched is listed, and until it has ended
WRITES: dict[str, tuple[str, dict[str, Any]]] = {
    "make a branch": ("/git/refs", {"ref": "refs/heads/selftest-refused", "sha": "{sha}"}),
    "set a commit's status": ("/statuses/{sha}", {"state": "success", "context": "selftest-refused"}),
    "open an issue": ("/issues", {"title": "The self-test could write with a token that may only read"}),
    "make a release": ("/releases", {"tag_name": "selftest-refused", "draft": True}),
    "make a deployment": ("/deployments", {"ref": "{sha}", "environment": "selftest-refused"}),
    "start a workflow": ("/actions/workflows/selftest-broken.yml/dispatches", {"ref": "{sha}"}),
}


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
    fix = "set SELFTEST_SECRET in the environment `selftest`, and nowhere else (docs/not-executed-offline.md)"
    yield Check(f"SELFTEST_SECRET is {expected}", "" if there == (expected == "present") else fix)


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
    yield from judge(jobs_of(api, run["id"]), EXPECTED[file], api)


def _wait(ask: Callable[[], Any], seconds: float, otherwise: str) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := ask():
            return found
        time.sleep(POLL)
    raise Stop(f"{otherwise} within {seconds / 60:.0f} minutes")


def verdict(api: Api) -> Iterator[Check]:
    """Every other job of this run was green, and did what a green job alone does not show."""
    for name, job in json.loads(os.environ["NEEDS"]).items():
        yield Check(f"{name}: success", "" if job["result"] == "success" else f"it ended with {job['result']}")
    jobs = jobs_of(api, os.environ["GITHUB_RUN_ID"])
    yield Check("verify restored the layer cache", _restored(jobs.get("verify / Verify"), api))
    labels = jobs.get("verify-arm / Verify", {}).get("labels", [])
    yield Check("verify-arm ran on arm64", "" if "ubuntu-26.04-arm" in labels else f"it ran on {labels}")
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
    spans = sorted(span(one) for one in found if one["completed_at"])
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
        if one["category"].startswith("slipway/")
        and one["commit_sha"] == os.environ["GITHUB_SHA"]
        and moment(one["created_at"]) >= moment(job["started_at"])
    ]
    return (ours[0]["error"] or "") if ours else "there is no analysis of this commit from this run"


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
