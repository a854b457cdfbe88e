"""Walks the first hosted run of this repository with `gh`, step by step, and compares it with what the tests predicted.

    uv run --project scripts python tests/selftest/rehearse.py [--no-wait]

It changes one thing: it starts selftest.yml where that has not run for this commit. Every difference stands on the page
.slipway/rehearsal.html. Exit code 0: GitHub did what the tests predicted.
"""

import io
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from asking import Api, Check, Stop
from judging import jobs_of
from predictions import ROOT, Predicted, all_green, differences, of_trace

PAGE = ROOT / ".slipway" / "rehearsal.html"
POLL, ENDS = 20, 90 * 60  # seconds between two looks at a run, and until it must have ended
ENVIRONMENTS = ("selftest", "staging", "production")
SERVICES = ("RENDER_SERVICE", "RAILWAY_SERVICE")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
STATUS = re.compile(rb"HTTP/[\d.]+ (\d{3})")


class Gh(Api):
    """GitHub's API below this repository, as the maintainer who is logged in to `gh`."""

    def __init__(self, repository: str) -> None:
        self.repository = repository

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Return status and body of one answer."""
        words = ["gh", "api", "--include", "--method", method, f"repos/{self.repository}{path}"]
        words += ["--input", "-"] if body is not None else []
        sent = json.dumps(body).encode() if body is not None else None
        done = subprocess.run(words, input=sent, capture_output=True, timeout=120, check=False)
        head, _, content = done.stdout.replace(b"\r\n", b"\n", 60).partition(b"\n\n")
        status = STATUS.match(head)
        return (int(status[1]), content) if status else (599, done.stderr)


def git(*words: str) -> str:
    """Return what git prints in this repository, or nothing."""
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


class Rehearsal:
    """The walk: each step yields what it checked; one that cannot be taken ends it."""

    def __init__(self, api: Api, commit: str, wait: bool = True) -> None:
        self.api, self.commit, self.wait = api, commit, wait
        self.links: dict[str, str] = {}

    def ready(self) -> Iterator[Check]:
        """The repository is as the first run needs it."""
        about = self.api.get("")
        yield Check("the address is filled in", "" if _filled_in() else "python3 docs/fill_in.py OWNER, then commit")
        branch = about["default_branch"]
        head = self.api.get(f"/commits/{branch}")["sha"]
        yield Check("this commit is the head of main", self._head(branch, head))
        private = about.get("private")
        access = self.api.ask("GET", "/actions/permissions/access") if private else (200, b'{"access_level": "any"}')
        closed = private and (access[0] != 200 or json.loads(access[1])["access_level"] == "none")
        fix = "private, and closed to others: Settings → Actions → General → Access. A public caller can never call it"
        yield Check("other repositories may call the workflows", fix if closed else "")
        there = {one["name"] for one in self.api.get("/environments?per_page=100").get("environments", [])}
        for name in ENVIRONMENTS:
            fix = f"gh api --method PUT repos/{{owner}}/{{repo}}/environments/{name}"
            yield Check(f"environment {name}", "" if name in there else fix)
        secrets = self.api.ask("GET", "/environments/selftest/secrets/SELFTEST_SECRET")
        fix = "gh secret set SELFTEST_SECRET --env selftest --body any"
        yield Check("SELFTEST_SECRET in the environment selftest", "" if secrets[0] == 200 else fix)
        status, body = self.api.ask("GET", "/immutable-releases")
        on = status == 200 and json.loads(body)["enabled"]
        yield Check("releases are immutable", "" if on else "Settings → General → Enable release immutability")

    def _head(self, branch: str, head: str) -> str:
        if branch != "main":
            return f"the default branch is {branch}; ci.yml and selftest.yml name main"
        return (
            ""
            if head == self.commit
            else f"main is at {head[:7]}, this is {self.commit[:7]}: git push origin HEAD:main"
        )

    def kit(self) -> Iterator[Check]:
        """kit.yml: the kit's own tests on hosted runners."""
        yield from self._compare("kit", "push", all_green("kit"))

    def ci(self) -> Iterator[Check]:
        """ci.yml: verify, publish and staging of the sample app, one digest through all of them."""
        named = {one: self.api.ask("GET", f"/actions/variables/{one}")[0] == 200 for one in SERVICES}
        if len(set(named.values())) > 1:
            raise Stop(f"of {' and '.join(SERVICES)} one is set. Set both, or none: docs/how-to/sample-app.md")
        trace = "ci-push" if all(named.values()) else "ci-push-no-services"
        predicted = of_trace(trace, "ci")
        run = yield from self._compare("ci", "push", predicted)
        if run:
            yield from self._one_digest(run, predicted)

    def selftest(self) -> Iterator[Check]:
        """selftest.yml and what it starts: what only GitHub can show."""
        if not self._runs("selftest", "workflow_dispatch"):
            status, answer = self.api.ask("POST", "/actions/workflows/selftest.yml/dispatches", {"ref": "main"})
            if status not in (200, 204):
                raise Stop(f"selftest.yml could not be started: HTTP {status} {answer[:200].decode(errors='replace')}")
        yield from self._compare("selftest", "workflow_dispatch", all_green("selftest"))

    def _runs(self, file: str, event: str) -> list[Any]:
        query = f"head_sha={self.commit}&event={event}&per_page=20"
        found = self.api.get(f"/actions/workflows/{file}.yml/runs?{query}")["workflow_runs"]
        return [run for run in found if run["head_sha"] == self.commit]

    def _compare(self, file: str, event: str, predicted: dict[str, Predicted]) -> Iterator[Check]:
        """Wait for a workflow's run, and yield each difference from the prediction; return the run."""
        run = self._ended(file, event)
        self.links[f"{file}.yml"] = run["html_url"]
        jobs = jobs_of(self.api, run["id"])
        yield from differences(jobs, predicted)
        for name, job in jobs.items():
            yield Check(f"{name}: nothing unforeseen is annotated", "; ".join(self._annotations(job)))
        return run

    def _ended(self, file: str, event: str) -> Any:
        deadline = time.monotonic() + ENDS
        while True:
            runs = self._runs(file, event)
            if runs and runs[0]["status"] == "completed":
                return runs[0]
            if not self.wait or time.monotonic() > deadline:
                raise Stop(
                    f"{file}.yml has not ended for {self.commit[:7]}: {runs[0]['html_url'] if runs else 'no run'}"
                )
            time.sleep(POLL)

    def _annotations(self, job: Any) -> Iterator[str]:
        """Yield warnings and errors of a green job: deprecations of GitHub's, above all."""
        if job["conclusion"] == "success":
            number = job["check_run_url"].rpartition("/")[2]
            for note in self.api.get(f"/check-runs/{number}/annotations?per_page=100"):
                if note["annotation_level"] != "notice":
                    yield f"{note['annotation_level']}: {note['message'][:200]}"

    def _one_digest(self, run: Any, predicted: dict[str, Predicted]) -> Iterator[Check]:
        """The page that verify kept, and the logs of publish and staging, name one digest."""
        jobs = jobs_of(self.api, run["id"])
        artifacts = self.api.get(f"/actions/runs/{run['id']}/artifacts?per_page=100")["artifacts"]
        pages = [one for one in artifacts if one["name"].startswith("slipway-page-")]
        yield Check("verify kept its page", "" if pages else "there is no artifact slipway-page-…")
        named = {"the page": self._page(pages[0]) if pages else ""}
        for name in ("publish / Publish", "Staging"):
            if predicted[name].conclusion == "success" and name in jobs:
                named[name] = self.api.ask("GET", f"/actions/jobs/{jobs[name]['id']}/logs")[1].decode(errors="replace")
        published = re.search(r"pushed \S+@(sha256:[0-9a-f]{64})", named.get("publish / Publish", ""))
        for name, text in named.items():
            here = published and published[1] in DIGEST.findall(text)
            yield Check(f"{name} names the digest that was published", "" if here else "it does not")

    def _page(self, artifact: Any) -> str:
        """Return the HTML of an artifact."""
        status, content = self.api.ask("GET", f"/actions/artifacts/{artifact['id']}/zip")
        if status != 200:
            return ""
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "".join(archive.read(name).decode(errors="replace") for name in archive.namelist())

    def walk(self) -> dict[str, list[Check]]:
        """Return every step's checks; the walk ends at a step that cannot be taken."""
        taken: dict[str, list[Check]] = {}
        steps: list[Callable[[], Iterator[Check]]] = [self.ready, self.kit, self.ci, self.selftest]
        for number, step in enumerate(steps, 1):
            title = f"{number}. {(step.__doc__ or '').splitlines()[0]}"
            taken[title] = []
            try:
                for check in step():
                    taken[title].append(check)
                    print(
                        f"  {'✘' if check.wrong else '✔'} {check.what}{f': {check.wrong}' if check.wrong else ''}",
                        flush=True,
                    )
            except Stop as stop:
                taken[title].append(Check("this step could be taken", str(stop)))
                print(f"  ✘ {stop}", flush=True)
                break
        return taken


def counted(wrong: int) -> str:
    """Return how many differences there are, in words."""
    return f"{wrong} difference{'s' if wrong != 1 else ''}"


def page(taken: dict[str, list[Check]], links: dict[str, str]) -> str:
    """Return the page: in each step the differences first, then what was as predicted."""
    from slipway.report.html import html, join

    style = (ROOT / "scripts" / "slipway" / "report" / "page.css").read_text(encoding="utf-8")
    wrong = sum(bool(check.wrong) for checks in taken.values() for check in checks)
    verdict = counted(wrong) if wrong else "GitHub did what the tests predicted"
    sections = []
    for title, checks in taken.items():
        rows = [
            html('<li class="failed"><span class="mark">✘</span> <b>{}</b>: {}</li>', check.what, check.wrong)
            if check.wrong
            else html('<li class="passed"><span class="mark">✔</span> {}</li>', check.what)
            for check in sorted(checks, key=lambda one: not one.wrong)
        ]
        sections.append(html("<h2>{}</h2><ul>{}</ul>", title, join(rows)))
    runs = [html('<li><a href="{}">{}</a></li>', url, name) for name, url in links.items()]
    by_hand = html(
        "<h2>By hand</h2><p>GitHub's API does not give out job summaries. Open these runs and look at them: a table of "
        "stages and a gantt for each Verify, the digest and the command that verifies it for Publish.</p><ul>{}</ul>",
        join(runs),
    )
    result = "failed" if wrong else "passed"
    head = html('<header class="{}"><h1>{}</h1></header>', result, verdict)
    start = '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Rehearsal</title>\n'
    return f"{start}<style>{style}</style></head>\n<body>{head}{join(sections)}{by_hand}</body></html>\n"


def _filled_in() -> bool:
    return "OWNER/slipway" not in (ROOT / "README.md").read_text(encoding="utf-8")


def main(*words: str) -> int:
    """Walk, write the page, and say where it is."""
    address = re.search(r"github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?$", git("remote", "get-url", "origin"))
    if not address or set(words) - {"--no-wait"}:
        print(
            f"{'no remote `origin` on GitHub. ' if not address else ''}usage: rehearse.py [--no-wait]", file=sys.stderr
        )
        return 2
    rehearsal = Rehearsal(Gh(os.environ.get("GH_REPO", address[1])), git("rev-parse", "HEAD"), "--no-wait" not in words)
    taken = rehearsal.walk()
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(taken, rehearsal.links), encoding="utf-8")
    wrong = [check for checks in taken.values() for check in checks if check.wrong]
    print(f"{counted(len(wrong))}: {PAGE}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
