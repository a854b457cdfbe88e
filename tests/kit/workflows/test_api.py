"""The workflows that ask GitHub's API, on the real engine, before a GitHub that refuses what a job's token lacks."""

import html
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trivydb
from support import free_port
from workflows.harness import events, places, provision, tokens, yaml_text
from workflows.harness.real import Bench
from workflows.harness.registry import Registry
from workflows.harness.runner import Run, Shop

from slipway import __version__

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

GUNICORN = "gunicorn-20.1.0.dist-info"
SHIPPED = places.REPOSITORY / ".github" / "workflows"


def granted(workflow: str) -> dict[str, dict[str, str]]:
    """What each job of a shipped workflow asks for: job → permissions."""
    document = yaml_text.read(SHIPPED / f"{workflow}.yml")
    return {name: yaml_text.permissions(document, job) for name, job in document["jobs"].items()}


def held(shop: Shop) -> dict[str, Any]:
    """What GitHub holds now."""
    file = shop.state / "github.json"
    return dict(json.loads(file.read_text())) if file.exists() else {"issues": [], "releases": [], "refs": {}}


def said(run: Run, job: str) -> str:
    return "\n".join(a.message for a in run.jobs[job].annotations if a.level == "error")


@dataclass
class Nights:
    """An image with a package that today's data know as vulnerable, one without it, and one night after another."""

    bench: Bench
    files: dict[str, str]
    vulnerable: str
    fixed: str
    yesterday: Path  # data that know no advisory about the package
    before: Shop | None = None

    def rescan(
        self, image: str, database: Path | None = None, environment: str = "", **permissions: str | None
    ) -> tuple[Run, Shop]:
        """rescan.yml, called from a schedule, with the token that its YAML asks for; what GitHub holds stays."""
        shop, sha = self.bench.shop(self.files)
        if self.before:
            shutil.copy(self.before.state / "github.json", shop.state)
        token = {k: v for k, v in (granted("rescan")["rescan"] | permissions).items() if v}
        inputs = {"image": f"{self.bench.image}@{image}", "scan-database": str(database or self.bench.database)}
        inputs |= {"environment": environment} if environment else {}
        run = self.bench.call("rescan", shop, sha, inputs, permissions=token)
        self.before = shop if (shop.state / "github.json").exists() else self.before
        return run, shop


@pytest.fixture(scope="module")
def nights(
    tmp_path_factory: pytest.TempPathFactory, registry: Registry, database: Path, files: dict[str, str]
) -> Iterator[Nights]:
    provision.need(provision.go_tool, "act")
    folder = tmp_path_factory.mktemp("nights")
    bench = Bench(folder, registry, database, free_port())
    yesterday = trivydb.write(folder / "yesterday", only=())
    try:
        digests = [_published(folder / name, bench, files, name == "vulnerable") for name in ("vulnerable", "fixed")]
        yield Nights(bench, files, *digests, yesterday)
    finally:
        bench.end()


def _published(folder: Path, bench: Bench, files: dict[str, str], vulnerable: bool) -> str:
    """Builds an image and pushes it with a token that may; its digest."""
    config, context = folder / "docker", folder / "context"
    context.mkdir(parents=True)
    for name in ("server.py", "mode.txt", "check.py", "checks.txt"):
        (context / name).write_text(files[name])
    text = files["Dockerfile"].replace("server.py mode.txt ./", "server.py mode.txt ./\nCOPY packages /opt/lib", 1)
    (context / "Dockerfile").write_text(text)
    package = context / "packages" / (GUNICORN if vulnerable else "iniconfig-2.1.0.dist-info")
    package.mkdir(parents=True)
    name, version = package.name.removesuffix(".dist-info").split("-")
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")

    def docker(*words: str, stdin: str = "") -> str:
        done = subprocess.run(
            ["docker", "--config", str(config), *words], input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    docker("login", bench.registry.host, "-u", "d", "--password-stdin", stdin=tokens.make({"packages": "write"}))
    tagged = f"{bench.image}:{'bad' if vulnerable else 'good'}"
    kind = "type=image,oci-mediatypes=true"
    docker("buildx", "build", "--quiet", "--provenance=false", "--output", kind, "-t", tagged, str(context))
    docker("push", "--quiet", tagged)
    return str(json.loads(docker("image", "inspect", tagged))[0]["Id"])


def test_one_issue_through_the_nights(nights: Nights) -> None:
    """Green; then an advisory comes, and an issue is opened; it is brought up to date, and closed with the fix."""
    run, shop = nights.rescan(nights.vulnerable, nights.yesterday)
    run.check({"call/rescan": "success"})
    assert held(shop)["issues"] == [] and "nothing to close" in run.jobs["call/rescan"].text["4"]

    for night in (0, 1):
        run, shop = nights.rescan(nights.vulnerable)
        run.check({"call/rescan": {"*": "success", "": "failure", "scan": "failure"}})
        (issue,) = held(shop)["issues"]
        assert (issue["number"], issue["state"], issue["updates"]) == (1, "open", night), "one issue, not one a night"
        assert issue["title"].endswith(nights.bench.image) and issue["labels"] == [{"name": "slipway-rescan"}]
        body = html.unescape(issue["body"])
        assert "CVE-2024-1135" in body and nights.vulnerable in body

    run, shop = nights.rescan(nights.fixed)
    run.check({"call/rescan": "success"})
    (issue,) = held(shop)["issues"]
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    assert [(one["issue"], one["body"]) for one in held(shop)["comments"]] == [(1, "The scan is green again.")]

    run, shop = nights.rescan(nights.vulnerable)
    assert [one["state"] for one in held(shop)["issues"]] == ["closed", "open"], "what comes back is a new issue"
    asked = {(r["method"], r["status"]) for r in run.records("github.jsonl")}
    assert asked == {("GET", 200), ("POST", 200), ("POST", 422)}, "the label is there from the first time"


def test_each_environment_has_an_issue_of_its_own(nights: Nights) -> None:
    """Staging has the fix, production not yet: the one's green closes nothing of the other's."""
    nights.before = None
    nights.rescan(nights.vulnerable, environment="production")
    run, shop = nights.rescan(nights.fixed, environment="staging")
    run.check({"call/rescan": "success"})
    (issue,) = held(shop)["issues"]
    assert (issue["state"], issue["updates"]) == ("open", 0) and "nothing to close" in run.jobs["call/rescan"].text["4"]
    assert issue["title"].endswith(f"{nights.bench.image} (production)")
    assert nights.vulnerable in html.unescape(issue["body"])
    _, shop = nights.rescan(nights.fixed, environment="production")
    assert [one["state"] for one in held(shop)["issues"]] == ["closed"]


@pytest.mark.parametrize("lacking", ["issues: read", "issues: write"])
def test_a_token_that_may_not_open_issues(nights: Nights, lacking: str) -> None:
    nights.before = None
    run, shop = nights.rescan(nights.vulnerable, issues="read" if lacking == "issues: write" else None)
    run.check({"call/rescan": {"*": "success", "": "failure", "scan": "failure", "4": "failure"}})
    assert f"lacks `{lacking}`" in said(run, "call/rescan")
    assert held(shop)["issues"] == []
    assert [r["status"] for r in run.records("github.jsonl")][-1] == 403


def test_a_token_that_may_not_pull(nights: Nights) -> None:
    nights.before = None
    for tag in ("bad", "good"):  # the engine of a runner has it not yet
        subprocess.run(["docker", "rmi", "-f", f"{nights.bench.image}:{tag}"], capture_output=True, check=False)
    subprocess.run(["docker", "rmi", "-f", f"{nights.bench.image}@{nights.fixed}"], capture_output=True, check=False)
    run, shop = nights.rescan(nights.fixed, packages=None)
    run.check({"call/rescan": {"*": "success", "": "failure", "scan": "failure", "4": "skipped"}})
    assert "cannot be pulled" in said(run, "call/rescan")
    assert held(shop)["issues"] == []


TAG = f"v{__version__}"


def release(
    bench: Bench,
    lacking: tuple[str, str] = ("", ""),
    *,
    proven: bool = True,
    there: Sequence[dict[str, Any]] = (),
) -> tuple[Run, Shop, str]:
    """release.yml for a tag, each job with the token that its YAML asks for but for (job, scope)."""
    shop, sha = bench.shop(places.REPOSITORY)
    jobs = granted("release")
    if lacking[0]:
        del jobs[lacking[0]][lacking[1]]
    (shop.state / "permissions.json").write_text(json.dumps(jobs))
    run = {"path": ".github/workflows/selftest.yml", "head_sha": sha, "status": "completed", "conclusion": "success"}
    known = {"refs": {f"refs/tags/{TAG}": sha}, "runs": [run | {"html_url": "https://runs/1"}] if proven else []}
    (shop.state / "github.json").write_text(json.dumps(known | {"releases": list(there)}))
    everything: dict[str, str] = {}
    for one in jobs.values():
        everything |= one
    text = (SHIPPED / "release.yml").read_text(encoding="utf-8")
    event = events.push(sha, f"refs/tags/{TAG}", name=bench.name)
    return shop.run(shop.caller(text), "push", event, sha, permissions=everything, timeout=240), shop, sha


def test_a_release(bench: Bench) -> None:
    run, shop, sha = release(bench)
    run.check({"proven": "success", "build": "success", "release": "success"})
    (made,) = held(shop)["releases"]
    assert made["tag_name"] == TAG and made["draft"] is False
    assert sorted(Path(name).suffix for name in made["assets"]) == ["", ".gz", ".whl"]
    major = f"refs/tags/{TAG.split('.')[0]}"
    assert held(shop)["refs"] == {f"refs/tags/{TAG}": sha, major: sha}
    order = [(r["method"], r["path"].partition("/")[2].split("/", 2)[-1]) for r in run.records("github.jsonl")]
    drafted, published = order.index(("POST", "releases")), order.index(("PATCH", "releases/1"))
    assert drafted < order.index(("POST", "releases/1/assets")) < published < order.index(("POST", "git/refs"))


def test_an_attempt_that_was_cut_short_leaves_no_second_draft(bench: Bench) -> None:
    run, shop, _ = release(bench, there=[{"id": 7, "tag_name": TAG, "draft": True, "assets": ["half"]}])
    run.check({"proven": "success", "build": "success", "release": "success"})
    (made,) = held(shop)["releases"]
    assert (made["draft"], len(made["assets"])) == (False, 3)


RED = {
    "not proven": (("", ""), "proven", "1", "never green"),
    "no actions: read": (("proven", "actions"), "proven", "1", "lacks `actions: read`"),
    "no contents: write": (("release", "contents"), "release", "3", "Resource not accessible by integration"),
}


@pytest.mark.parametrize("case", RED)
def test_a_release_that_is_refused(bench: Bench, case: str) -> None:
    lacking, job, step, says = RED[case]
    run, shop, sha = release(bench, lacking, proven=case != "not proven")
    assert run.jobs[job].steps[step] == "failure" and run.jobs[job].result == "failure", run.tail()
    assert says in said(run, job) + run.jobs[job].text[step]
    assert held(shop)["releases"] == [] and held(shop)["refs"] == {f"refs/tags/{TAG}": sha}
