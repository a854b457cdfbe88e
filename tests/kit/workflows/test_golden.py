"""What the workflows promise: the golden table, the rules for every job, and what the README tells to copy."""

import os
import re

import pytest
from workflows.harness import golden, places, plan, yaml_text

pytestmark = pytest.mark.lint

FILES = {file.name: yaml_text.read(file) for file in places.workflow_files()}
JOBS = {f"{name}/{job}": (doc, body) for name, doc in FILES.items() for job, body in doc["jobs"].items()}
STAGES = ("lint", "build", "test", "scan", "integration")


def test_golden_table() -> None:
    file = places.HERE / "golden.md"
    if os.environ.get("SLIPWAY_UPDATE_TRACES"):  # after looking at the difference
        file.write_text(golden.table(), encoding="utf-8")
    assert golden.table() == file.read_text(encoding="utf-8")


def test_the_files_of_the_design_are_there() -> None:
    wanted = {*STAGES, "verify", "publish", "deploy", "preview", "code-scanning", "rescan", "ci", "kit", "release"}
    wanted |= set(golden.ONLY_ON_GITHUB)
    assert wanted <= {name.removesuffix(".yml") for name in FILES}


@pytest.mark.parametrize("name", [name for name, document in FILES.items() if yaml_text.is_called(document)])
def test_called_workflows_have_one_job_that_calls_nothing(name: str) -> None:
    (job,) = FILES[name]["jobs"].values()
    assert "uses" not in job
    call = FILES[name]["on"]["workflow_call"]
    inputs = call.get("inputs") or {}
    assert len(inputs) <= 15
    for one, about in inputs.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", one)
        assert re.search(r"`[^`]+`", about["description"]), f"{one}: the description carries an example"
        assert ("default" in about) != (about.get("required") == "true"), f"{one}: a default, or required"
    for one, about in (call.get("secrets") or {}).items():
        assert about["required"] == "false", (
            f"secret {one} is checked at run time, with an error that says where to set it"
        )


@pytest.mark.parametrize("key", JOBS)
def test_rules_of_every_job(key: str) -> None:
    document, job = JOBS[key]
    assert document["permissions"] in ({}, ""), "nothing for jobs that state nothing"
    assert isinstance(job.get("permissions"), dict), "each job states what it needs"
    if "uses" in job:
        assert job["uses"].startswith("$/"), "our own workflows are called at the running commit"
        assert job.get("secrets") != "inherit"
        return
    assert job.get("timeout-minutes"), "a limit on every job"
    uses = [step["uses"] for step in job["steps"] if "uses" in step]
    # The action `verify` restores and saves caches: that is what its job does.
    cached = any(one.startswith("actions/cache") or one == "$/.github/actions/verify" for one in uses)
    hot = [f"{k}: {v}" for k, v in job["permissions"].items() if v == "write"] or job.get("environment")
    assert not (hot and cached), "a job with a write token or secrets restores no cache"
    shown = key == "selftest-platform.yml/cache"  # shows that a cache is not restored with `none`
    assert (cached and not shown) != (job.get("cache-mode") == "none"), "`none` where no cache is used, and only there"
    for step in job["steps"]:
        assert "${{" not in step.get("run", ""), "no expression in a script"
        used = step.get("uses", "")
        assert not used or used.startswith("$/") or re.fullmatch(r"(actions|github)/[\w/-]+@[0-9a-f]{40}", used)
        if used.startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


def test_jobs_that_run_the_projects_code_hold_nothing() -> None:
    for name in (*STAGES, "verify"):
        (job,) = FILES[f"{name}.yml"]["jobs"].values()
        assert job["permissions"] == {"contents": "read"}
        assert "github.token" not in str(job) and "GITHUB_TOKEN" not in str(job)


def test_outputs_of_our_actions_come_from_steps_that_exist() -> None:
    for file in places.action_files():
        document = yaml_text.read(file)
        known = plan.step_names(document["runs"]["steps"])
        for one in (document.get("outputs") or {}).values():
            steps = re.findall(r"steps\.([\w-]+)\.outputs\.[\w-]+", one["value"])
            assert steps and set(steps) <= set(known)


def test_the_five_stages_differ_in_the_stages_name_alone() -> None:
    """And in the image: build.yml hands it over, those after it take one, lint.yml knows none."""

    def neutral(stage: str) -> list[str]:
        text = (places.REPOSITORY / ".github" / "workflows" / f"{stage}.yml").read_text(encoding="utf-8")
        return re.sub(rf"\b{stage}\b(?!-)|\b{stage.capitalize()}\b", "STAGE", text).splitlines()

    first = neutral("test")
    assert neutral("scan") == first and neutral("integration") == first
    takes = r"\s+(artifact-id|digest): (\{description: \"Output `|\$\{\{ inputs\.).*"
    lint = [line for line in first if not re.fullmatch(takes, line)]
    assert len(first) - len(lint) == 4 and neutral("lint") == lint
    gives = r"\s+(artifact-id|upload-image): .*"
    build = neutral("build")
    rest = [line for line in build if not re.fullmatch(gives, line)]
    assert len(build) - len(rest) == 3 and rest == lint


def test_publish_and_deploy_are_never_cut_short() -> None:
    for name in ("publish", "deploy"):
        (job,) = FILES[f"{name}.yml"]["jobs"].values()
        assert job["concurrency"]["cancel-in-progress"] == "false" and job["concurrency"]["group"]


def test_no_trigger_gives_strangers_the_repositorys_rights() -> None:
    for name, document in FILES.items():
        assert not {"pull_request_target", "workflow_run"} & set(document["on"]), name


def test_readme_and_docs_tell_the_permissions_that_are_needed() -> None:
    needed = golden.promised_permissions()
    told = golden.documented_permissions()
    assert {workflow for _, workflow, _ in told} >= {"verify.yml", "publish.yml"}, (
        "README or docs show how to call these"
    )
    assert [(place, workflow, said) for place, workflow, said in told if said != needed[workflow]] == []


def test_the_documented_permissions_are_found(tmp_path: object) -> None:
    from pathlib import Path

    root = Path(str(tmp_path))
    (root / "docs").mkdir()
    call = "uses: O/slipway/.github/workflows/verify.yml@abc"
    (root / "README.md").write_text(f"```yaml\njobs:\n  v:\n    {call}\n    permissions: {{contents: read}}\n```\n")
    (root / "docs" / "a.md").write_text(f"text\n```yml\njobs: {{v: {{{call}}}}}\n```\n")
    assert golden.documented_permissions(root) == [
        ("README.md", "verify.yml", {"contents": "read"}),
        ("docs/a.md", "verify.yml", {}),
    ]
