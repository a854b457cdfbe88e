"""That the self-test's files, its script and the docs agree; and that the projects that it breaks are broken so."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import Project
from workflows.harness import places, yaml_text
from workflows.harness.selftests import DOCUMENTS, FOLDER, selftest

DOCS = places.REPOSITORY / "docs" / "not-executed-offline.md"


def jobs_of(name: str) -> dict[str, Any]:
    return dict(DOCUMENTS[name]["jobs"])


def test_the_verdict_waits_for_every_other_job() -> None:
    jobs = jobs_of("selftest")
    assert set(jobs["verdict"]["needs"]) == set(jobs) - {"verdict"}


@pytest.mark.parametrize("name", selftest.EXPECTED)
def test_every_job_of_the_other_files_is_expected_by_its_name(name: str) -> None:
    found: set[str] = set()
    for one, body in jobs_of(name).items():
        if "uses" in body:
            called = yaml_text.read(places.REPOSITORY / body["uses"].removeprefix("$/"))
            found |= {f"{one} / {inner['name']}" for inner in called["jobs"].values()}
        else:
            legs = body.get("strategy", {}).get("matrix", {}).get("include", [{}])
            found |= {re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda m, leg=leg: leg[m[1]], body["name"]) for leg in legs}
    assert found == set(selftest.EXPECTED[name])
    assert name in jobs_of("selftest")["others"]["strategy"]["matrix"]["file"]


@pytest.mark.parametrize("name", selftest.EXPECTED)
def test_the_steps_that_end_a_job_are_in_its_workflow(name: str) -> None:
    for one, how in selftest.EXPECTED[name].items():
        if how.step:
            called = yaml_text.read(places.REPOSITORY / jobs_of(name)[one.split(" / ")[0]]["uses"].removeprefix("$/"))
            (body,) = called["jobs"].values()
            assert how.step in [step.get("name") for step in body["steps"]]


def test_the_run_that_is_looked_for_is_named_so() -> None:
    for name in selftest.EXPECTED:
        assert DOCUMENTS[name]["run-name"].endswith(", for ${{ inputs.for }}")


def test_every_command_is_called_and_exists() -> None:
    steps = [s for name in DOCUMENTS for body in jobs_of(name).values() for s in body.get("steps", [])]
    called = {s["run"].split()[-1] for s in steps if "selftest.py" in s.get("run", "")}
    assert called == set(selftest.COMMANDS)


def test_the_base_image_of_the_broken_projects_is_the_pinned_one() -> None:
    files = sorted(FOLDER.glob("*/Dockerfile"))
    assert len(files) == 5
    pinned = tomllib.loads((places.REPOSITORY / "images.toml").read_text())["PYTHON_IMAGE"]
    assert [file.parent.name for file in files if f"ARG PYTHON_IMAGE={pinned}\n" not in file.read_text()] == []


@pytest.mark.engine
@pytest.mark.parametrize(
    ("name", "code"), [("bad-dockerfile", 1), ("failing-test", 1), ("vulnerable", 1), ("ill-stack", 1), ("slow", 7)]
)
def test_the_broken_projects_are_broken_as_expected(
    project: Callable[..., Project], base_images: dict[str, str], name: str, code: int
) -> None:
    """By the real command on the real engine, as on a runner; `slow` is ended by a limit of the tests."""
    made = project(**dict.fromkeys(("Dockerfile", "server.py", "mode.txt", "check.py", "checks.txt", ".dockerignore")))
    shutil.copytree(FOLDER / name, made.root, dirs_exist_ok=True)
    pinned = tomllib.loads((places.REPOSITORY / "images.toml").read_text())["PYTHON_IMAGE"]
    made.replace("Dockerfile", pinned, base_images["PYTHON_IMAGE"])
    ((job, how),) = [(job, how) for job, how in selftest.EXPECTED["selftest-broken"].items() if job.startswith(name)]
    runner = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/slipway", "GITHUB_WORKSPACE": str(made.root.parent)}
    done = made.run(job.split(" / ")[1].lower(), SLIPWAY_TEST_TIMEOUT="5s", **runner)
    assert done.code == code, done.text
    said = [line for line in done.out.splitlines() if line.startswith("::error ")]
    assert [line for line in said if how.says in line], said
    if how.file:
        assert f"file={made.root.name}/{Path(how.file).name}" in said[0]


@pytest.mark.engine
def test_an_image_that_nobody_pushed_is_refused_as_expected(project: Callable[..., Project]) -> None:
    made = project()
    shutil.copytree(FOLDER / "unpublished", made.root, dirs_exist_ok=True)
    given = jobs_of("selftest-broken")["unpublished"]["with"]
    command = made.command("deploy", given["environment"], given["image"])
    environment = made.environment | {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/slipway"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert selftest.EXPECTED["selftest-broken"]["unpublished / Deploy"].says in done.stdout.split("::error ")[1]


def bullets(heading: str) -> list[str]:
    """The bullets below a heading of the page."""
    section = re.split(r"(?m)^## ", DOCS.read_text(encoding="utf-8"))
    (found,) = [part for part in section if part.startswith(heading)]
    return [" ".join(one.split()) for one in re.findall(r"(?ms)^- (.*?)(?=^- |^\S|\Z)", found)]


JOB = re.compile(r"`(selftest[\w-]*): ([\w-]+)`")


def test_every_line_of_the_docs_names_the_job_that_proves_it() -> None:
    named: set[tuple[str, str]] = set()
    for line in bullets("Proven by a job"):
        jobs = set(JOB.findall(line))
        assert jobs, line
        named |= jobs
    assert bullets("By hand"), "what no job can prove has steps"
    assert named == {(name, one) for name in DOCUMENTS for one in jobs_of(name)}, "and no job is there for nothing"


@pytest.mark.parametrize("check", [lambda text: "never run" in text, lambda text: "no `v1`" in text])
def test_the_docs_say_whether_it_was_run(check: Callable[[str], bool]) -> None:
    assert check(" ".join(DOCS.read_text(encoding="utf-8").split()))
