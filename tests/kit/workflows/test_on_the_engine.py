"""The shipped workflows with the real `slipway`, on the real engine: the whole way, and every way that must end red."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import SETTINGS, docker, free_port, until
from workflows.harness import archives, provision, tokens
from workflows.harness.real import PUBLISHED, RED, VERIFIED, WRITE, Bench
from workflows.harness.registry import Registry
from workflows.harness.runner import Run, Shop

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]


@dataclass
class Delivered:
    """One delivery that went well, looked at by several tests."""

    bench: Bench
    run: Run
    shop: Shop
    sha: str
    pushed: list[str]
    version: dict[str, str]

    def artifacts(self, shop: Shop, image: str) -> dict[str, str]:
        """Gives another shop the artifacts of this run, as those of its image; the inputs of publish.yml for them."""
        shutil.copytree(self.shop.state / "artifacts", shop.state / "artifacts")
        archives.rename(shop.state / "artifacts", image)
        verify = self.run.jobs["verify/verify"].outputs
        return {"digest": verify["verify/image"]["digest"], "artifact-id": verify["verify/layout/do"]["artifact-id"]}


@pytest.fixture(scope="module")
def delivered(
    tmp_path_factory: pytest.TempPathFactory, registry: Registry, database: Path, files: dict[str, str]
) -> Iterator[Delivered]:
    provision.need(provision.go_tool, "act")
    bench = Bench(tmp_path_factory.mktemp("delivered"), registry, database, free_port())
    shop, sha = bench.shop(files)
    registry.requests.clear()
    try:
        run = bench.deliver(shop, sha)
        version = {}
        if run.jobs["deploy/deploy"].result == "success":
            with urllib.request.urlopen(f"http://127.0.0.1:{bench.port}/version", timeout=5) as answer:
                version = json.load(answer)
        yield Delivered(bench, run, shop, sha, registry.written(), version)
    finally:
        bench.end()


def nothing_pushed(bench: Bench) -> None:
    """Not one blob and not one tag."""
    assert [r for r in bench.registry.requests if r.method in ("POST", "PUT", "PATCH") and r.path != "/token"] == []
    assert bench.registry.tags(bench.name) == []


def annotations(run: Run, job: str) -> str:
    """What GitHub would show beside the code: file:line title: message."""
    found = [(a.properties, a.message) for a in run.jobs[job].annotations if a.level == "error"]
    return "\n".join(f"{p.get('file', '')}:{p.get('line', '')} {p.get('title', '')}: {m}" for p, m in found)


def test_from_a_push_to_a_deployment(delivered: Delivered) -> None:
    run = delivered.run
    run.check({"verify/verify": VERIFIED, "publish/publish": PUBLISHED, "deploy/deploy": "success"})
    digest = run.jobs["verify/verify"].outputs["verify/image"]["digest"]
    assert run.jobs["publish/publish"].outputs["push"]["digest"] == digest, "the digest that was tested"
    assert run.jobs["deploy/deploy"].outputs["deploy"]["digest"] == digest, "is the digest that runs"
    assert delivered.version["commit"] == delivered.sha, "and the app says which commit it is"


def test_tags_come_last_and_name_the_digest(delivered: Delivered) -> None:
    first, *tags = delivered.pushed
    assert first.startswith("slipway-"), "a technical tag, until the digest was read back"
    assert sorted(tags) == sorted(["main", "latest", f"sha-{delivered.sha[:7]}"])
    assert delivered.bench.registry.tags(delivered.bench.name) == sorted(delivered.pushed)


def test_what_is_attested(delivered: Delivered) -> None:
    digest = delivered.run.jobs["verify/verify"].outputs["verify/image"]["digest"].removeprefix("sha256:")
    where, what = delivered.run.records(f"attestations/{digest}.jsonl")
    assert where["predicateType"] == "https://slsa.dev/provenance/v1"
    assert what["predicateType"] == "https://cyclonedx.org/bom"
    assert {one["name"] for s in (where, what) for one in s["subject"]} == {delivered.bench.image}


def test_every_job_ends_with_a_summary_and_the_way_to_verify(delivered: Delivered) -> None:
    text = {key: "".join(job.summaries.values()) for key, job in delivered.run.jobs.items()}
    assert all(text.values()), {key for key, said in text.items() if not said}
    assert "gantt" in text["verify/verify"]
    assert "slipway attested" in text["publish/publish"]


def test_the_token_is_in_no_log_and_in_no_artifact(delivered: Delivered) -> None:
    token = tokens.make(WRITE, delivered.bench.name)
    said = [o for job in delivered.run.jobs.values() for o in (*job.text.values(), *job.summaries.values())]
    assert said and not [text for text in said if token in text]
    assert not [
        f for f in (delivered.shop.state / "artifacts").rglob("*") if f.is_file() and token.encode() in f.read_bytes()
    ]


# Of a stage that ran before the integration tests: how long it took, its log, its tests, what was found.
EARLIER = (
    " s in run ",
    "/lint.log",
    "/build.log",
    "/test.log",
    "/scan.log",
    "All 1 test",
    "Software bill of materials",
)


def page(shop: Shop) -> str:
    """The page that was kept last."""
    folders = (shop.state / "artifacts").glob("*/*")
    (found,) = [one for one in folders if "slipway-page-" in (one / "meta.json").read_text()]
    with zipfile.ZipFile(found / "a.zip") as archive:
        return archive.read("report.html").decode()


def test_the_kept_page_shows_the_whole_of_it(delivered: Delivered) -> None:
    text = page(delivered.shop)
    assert "1 passed on sha256:" in text and "/integration.log" in text
    assert [name for name in EARLIER if name not in text] == []
    assert text.count(" s in run ") == 4, "lint, build, test and scan were done once"


GUNICORN = "gunicorn-20.1.0.dist-info"
RED_CASES = {
    "bad Dockerfile": ({"Dockerfile": ("WORKDIR /app\n", "WORKDIR app\n")}, "Dockerfile:", "DL3000"),
    "failing unit test": ({"checks.txt": ("pass", "fail")}, "test_adds", ""),
    "vulnerable image": (
        {
            "Dockerfile": ("COPY server.py", f"COPY {GUNICORN} /opt/lib/{GUNICORN}\nCOPY server.py"),
            ".dockerignore": ("!server.py", f"!server.py\n!{GUNICORN}"),
        },
        "CVE-2024-1135",
        "gunicorn 20.1.0",
    ),
}


@pytest.mark.parametrize("case", RED_CASES)
def test_red_before_anything_is_handed_over(bench: Bench, files: dict[str, str], case: str) -> None:
    changes, *said = RED_CASES[case]
    spoiled = dict(files)
    for name, (old, new) in changes.items():
        assert old in spoiled[name]
        spoiled[name] = spoiled[name].replace(old, new)
    if case == "vulnerable image":
        spoiled[f"{GUNICORN}/METADATA"] = "Metadata-Version: 2.1\nName: gunicorn\nVersion: 20.1.0\n"
    shop, sha = bench.shop(spoiled)
    run = bench.deliver(shop, sha)
    run.check(
        {
            "verify/verify": RED
            | {
                "verify/image": "failure",
                "verify/layout": "skipped",
                "verify/integration": "skipped",
            },
            "publish/publish": "never",
            "deploy/deploy": "never",
        }
    )
    found = annotations(run, "verify/verify")
    assert all(text in found for text in said), found
    kept = [r["upload"].split("-")[1] for r in run.records("artifacts.jsonl")]
    assert kept == ["findings", "page"], "these are kept, the image is not handed over"
    nothing_pushed(bench)


def test_an_ill_stack(bench: Bench, files: dict[str, str]) -> None:
    shop, sha = bench.shop({**files, "mode.txt": "ill"})
    run = bench.deliver(shop, sha)
    run.check(
        {
            "verify/verify": RED | {"verify/integration": "failure"},
            "publish/publish": "never",
            "deploy/deploy": "never",
        }
    )
    assert "web" in annotations(run, "verify/verify")
    text = page(shop)
    assert "integration</b>" in text and "the stack did not become healthy" in text
    assert [name for name in EARLIER if name not in text] == [], "what went well before it is there all the same"
    nothing_pushed(bench)


def test_a_deployment_that_is_another_version_is_red(bench: Bench, files: dict[str, str]) -> None:
    shop, sha = bench.shop({**files, "mode.txt": "wrong", "slipway.toml": SETTINGS.replace("2s", "15s")})
    run = bench.deliver(shop, sha)
    run.check(
        {
            "verify/verify": VERIFIED,
            "publish/publish": PUBLISHED,
            "deploy/deploy": {"*": "success", "": "failure", "deploy": "failure"},
        }
    )
    assert "another" in annotations(run, "deploy/deploy")


def test_a_fork(bench: Bench, files: dict[str, str]) -> None:
    """No secret, a token that reads: everything is verified, nothing is handed over."""
    shop, sha = bench.shop(files)
    run = bench.deliver(shop, sha, "pull_request", fork=True)
    run.check(
        {
            "verify/verify": VERIFIED | {"verify/layout": "skipped", "verify/saved": "skipped"},
            "publish/publish": "skipped",
            "deploy/deploy": "skipped",
        }
    )
    nothing_pushed(bench)


def test_a_cancelled_run(bench: Bench, files: dict[str, str]) -> None:
    def interrupt(process: "subprocess.Popen[str]", log: Path) -> None:
        until(lambda: '"stepID":["verify","image"]' in log.read_text() and _tests_hang(bench), "the tests hang", 120)
        os.kill(process.pid, signal.SIGINT)

    shop, sha = bench.shop({**files, "checks.txt": "hang"})
    run = bench.deliver(shop, sha, during=interrupt)
    assert run.jobs["verify/verify"].result == "failure"
    assert run.jobs["verify/verify"].steps["verify/image"] in ("failure", "interrupted")
    assert (run.jobs["publish/publish"].result, run.jobs["deploy/deploy"].result) == ("never", "never")
    nothing_pushed(bench)


def _tests_hang(bench: Bench) -> bool:
    return f"slipway.invalid/{bench.name}:test" in docker("ps", "--format", "{{.Image}}").stdout.split()


@pytest.mark.parametrize(
    ("case", "step", "says"),
    [
        ("digest that does not match", "push", "was verified, and the artifact holds"),
        ("artifact swapped", "download", "digest"),
        ("artifact gone", "download", "re-run all jobs, not this one alone"),
        ("another image", "push", "Pass the same `image` to verify.yml and publish.yml"),
        ("blob swapped", "push", "sha256"),
        ("no packages: write", "push", "refuses the push to"),
    ],
)
def test_publish_refuses(
    bench: Bench, files: dict[str, str], delivered: Delivered, case: str, step: str, says: str
) -> None:
    shop, sha = bench.shop({"slipway.toml": ""})
    inputs = delivered.artifacts(shop, bench.image)
    permissions = dict(WRITE)
    if case == "digest that does not match":
        inputs["digest"] = "sha256:" + "7" * 64
    elif case == "artifact swapped":
        (shop.state / "artifacts" / "4711" / inputs["artifact-id"] / "a.zip").write_bytes(b"PK\5\6" + bytes(18))
    elif case == "artifact gone":
        inputs["artifact-id"] = "99"
    elif case == "another image":
        archives.rename(shop.state / "artifacts", f"{bench.image}-other")
    elif case == "blob swapped":
        _swap_a_blob(shop, inputs["artifact-id"])
    else:
        permissions["packages"] = "read"
    run = bench.call("publish", shop, sha, {"image": bench.image, **inputs}, permissions=permissions)
    order = ["0", "1", "given", "download", "push", "provenance", "sbom", "tag"]
    at = order.index(step)
    steps = {name: "success" if n < at else "failure" if n == at else "skipped" for n, name in enumerate(order)}
    steps["4"] = "success" if step == "download" else "skipped"  # what to do about it
    run.check({"call/publish": {"": "failure", "0/0": "success", **steps}})
    assert says in "\n".join([*run.jobs["call/publish"].text.values(), annotations(run, "call/publish")])
    assert bench.registry.written() == [] and bench.registry.tags(bench.name) == []
    assert says in annotations(run, "call/publish"), "what is red says so beside the run, not in a log alone"


def _swap_a_blob(shop: Shop, artifact: str) -> None:
    """The largest blob becomes other bytes, in an artifact whose own digest is right: only the image's shows it."""
    place = shop.state / "artifacts" / "4711" / artifact
    with zipfile.ZipFile(place / "a.zip") as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    largest = max((name for name in held if "/blobs/" in name), key=lambda name: len(held[name]))
    held[largest] = held[largest][:-1] + bytes([held[largest][-1] ^ 1])
    with zipfile.ZipFile(place / "a.zip", "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    meta = json.loads((place / "meta.json").read_text())
    meta["digest"] = hashlib.sha256((place / "a.zip").read_bytes()).hexdigest()
    (place / "meta.json").write_text(json.dumps(meta))


def test_a_secret_of_the_wrong_form_is_refused_and_not_shown(bench: Bench) -> None:
    shop, sha = bench.shop({"slipway.toml": ""})
    run = bench.call("publish", shop, sha, {}, secrets={"registry-auth": "hunter2-without-form"}, permissions=WRITE)
    run.check({"call/publish": {"": "failure", "0": "success", "0/0": "success", "1": "failure", "*": "skipped"}})
    assert "registry=user:token" in annotations(run, "call/publish")
    assert not any("hunter2" in text for text in run.jobs["call/publish"].text.values())
    nothing_pushed(bench)


ALONE = ("0", "verify", "verify/setup", "verify/login", "verify/cache", "verify/image")


@pytest.mark.parametrize("stage", ["lint", "build", "test", "scan", "integration"])
def test_a_stage_alone(bench: Bench, files: dict[str, str], stage: str) -> None:
    shop, sha = bench.shop(files)
    inputs = {"image": bench.image, "scan-database": str(bench.database)}
    run = bench.call(stage, shop, sha, inputs, permissions={"contents": "read"})
    kept = ["verify/restored"] * (stage != "lint") + ["verify/layout", "verify/saved"] * (stage == "build")
    run.check({f"call/{stage}": {"": "success", "*": "skipped"} | dict.fromkeys((*ALONE, *kept), "success")})
    outputs = run.jobs[f"call/{stage}"].outputs["verify/image"]
    assert outputs["status"] == "passed"
    assert ("digest" in outputs and outputs["digest"].startswith("sha256:")) is (stage != "lint")


def test_findings_go_to_code_scanning(bench: Bench, delivered: Delivered) -> None:
    shop, sha = bench.shop({"slipway.toml": ""})
    delivered.artifacts(shop, bench.image)
    artifact = delivered.run.jobs["verify/verify"].outputs["verify/report/do"]["artifact-id"]
    granted = {"contents": "read", "actions": "read", "security-events": "write"}
    run = bench.call("code-scanning", shop, sha, {"findings-artifact-id": artifact}, permissions=granted)
    run.check({"call/upload": "success"})
    kept = json.loads(next((shop.state / "sarif").iterdir()).read_text())["runs"][0]["automationDetails"]["id"]
    assert kept == f"slipway/{delivered.bench.image}/linux/amd64/"
