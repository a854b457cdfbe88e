"""What the shipped workflows are executed with, `slipway` itself replaced by the recorder: half a second each.

Every workflow is called with its defaults, with every input and secret set, and with its main step failing; what it
handed over, step by step, is kept in traces/ and compared. So a value that no longer arrives is seen, whatever line of
YAML lost it.
"""

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflows.harness import events, places, standins, yaml_text
from workflows.harness.runner import Run, Shop, commit

DIGEST = "sha256:" + "7" * 64
IMAGE = f"ghcr.io/acme/shop@{DIGEST}"
SARIF = '{"version": "2.1.0", "runs": [{}]}'


@dataclass(frozen=True)
class Scenario:
    """One execution. `workflow` is called by a generated caller; `ci.yml` and the like run as themselves."""

    name: str
    workflow: str
    event: str = "push"
    ref: str = "refs/heads/main"
    inputs: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)  # over ANSWERS
    fork: bool = False
    artifacts: dict[str, dict[str, str]] = field(default_factory=dict)  # of earlier jobs, the first is 1001


STAGE = {"outputs": {"digest": DIGEST, "image": IMAGE, "status": "passed", "artifact-name": "amd64"}}
CACHE = {
    "path": "$RUNNER_TEMP/layers", "key": "layers-amd64-1", "restore-keys": "layers-amd64-",
    "from": "type=local,src=x", "to": "type=local,dest=y", "restore": "true", "save": "true",
}  # fmt: skip
ANSWERS: dict[str, dict[str, Any]] = {
    "ci cache": {"outputs": CACHE},
    "run lint build test scan": {
        **STAGE,
        "files": {".slipway/layout/index.json": "{}", ".slipway/sbom.cdx.json": "{}", ".slipway/findings.sarif": SARIF},
    },
    "run": STAGE,
    "run integration": {"outputs": {"status": "passed"}},
    "ci publish": {
        "needs": {"packages": "write"},
        "outputs": {"name": "ghcr.io/acme/shop", "digest": DIGEST, "attest": "true", "sbom": "$RUNNER_TEMP/sbom.json"},
        "files": {"$RUNNER_TEMP/sbom.json": '{"bomFormat": "CycloneDX"}'},
    },
    "ci tag": {
        "needs": {"packages": "write"},
        "outputs": {"digest": DIGEST, "image": IMAGE, "tags": "main\nsha-1234567"},
    },
    "deploy": {"needs": {"packages": "read"}, "outputs": {"url": "https://shop.example", "status": "passed"}},
    "rescan": {"needs": {"packages": "read"}, "outputs": {"status": "failed"}, "exit": 1},
    "ci issue": {"needs": {"issues": "write"}},
    "ci package": {"files": {"dist/slipway-1.2.3.tar.gz": "sdist", "dist/SHA256SUMS": "7"}},
    "gh": {"needs": {"contents": "write"}},
}
STAGES = ("lint", "build", "test", "scan", "integration")
SET = {
    "working-directory": "services/shop",
    "image": "registry.example/acme/shop",
    "platform": "linux/arm64",
    "runner": '["ubuntu-24.04-arm"]',
    "builder": "remote",
    "cache": "read-only",
    "scan-database": "registry.example/db:2",
    "timeout-minutes": "7",
}
AUTH = {"registry-auth": "registry.example=user:pass-word"}
LAYOUT = {"layout": {"index.json": "{}"}}
FAILED = {"exit": 1, "outputs": {"status": "failed"}}
RED_LINT = {"run lint": {**FAILED, "files": {".slipway/findings.sarif": SARIF}}}
PUSH_FAILS = {"ci publish": {"exit": 1}}
TAG = "refs/tags/v1.2.3"
NO_CACHE = {"outputs": {**CACHE, "restore": "false", "save": "false"}}
READY = {"digest": DIGEST, "artifact-id": "1001"}


def of(root: Path = places.REPOSITORY) -> list[Scenario]:
    """All scenarios whose workflow exists."""
    made: list[Scenario] = []
    for stage in STAGES:
        made += [
            Scenario(f"{stage}-defaults", stage, answers={"ci cache": NO_CACHE}),
            Scenario(f"{stage}-all-set", stage, event="pull_request", inputs=SET, secrets=AUTH),
            Scenario(f"{stage}-failing", stage, answers={f"run {stage}": FAILED}),
        ]
    made += [
        Scenario("verify-defaults", "verify"),
        Scenario("verify-all-set", "verify", inputs=SET, secrets=AUTH),
        Scenario("verify-no-cache", "verify", answers={"ci cache": NO_CACHE}),
        Scenario("verify-pull-request", "verify", event="pull_request"),
        Scenario("verify-fork", "verify", event="pull_request", fork=True),
        Scenario("verify-failing", "verify", answers=RED_LINT),
        Scenario("verify-not-ready", "verify", answers={"run lint": {"exit": 3}}),
        Scenario("verify-integration-failing", "verify", answers={"run integration": FAILED}),
        Scenario("publish-defaults", "publish", inputs=READY, artifacts=LAYOUT),
        Scenario(
            "publish-all-set", "publish", artifacts=LAYOUT, secrets=AUTH,
            inputs={**READY, **{k: SET[k] for k in ("image", "runner", "timeout-minutes")}, "provenance": "always"},
        ),
        Scenario("publish-tags-only", "publish", ref=TAG),
        Scenario("publish-not-attested", "publish", inputs=READY, artifacts=LAYOUT, answers={"ci publish": {
            "needs": {"packages": "write"}, "outputs": {"digest": DIGEST, "attest": "false"}}}),
        Scenario("publish-artifact-gone", "publish", inputs={**READY, "artifact-id": "77"}, artifacts=LAYOUT),
        Scenario("publish-artifact-swapped", "publish", inputs=READY, artifacts={"swapped": {"index.json": "{}"}}),
        Scenario("publish-push-failing", "publish", inputs=READY, artifacts=LAYOUT, answers=PUSH_FAILS),
        Scenario("publish-tag-failing", "publish", inputs=READY, artifacts=LAYOUT, answers={"ci tag": {"exit": 1}}),
        Scenario("deploy-defaults", "deploy", inputs={"environment": "production", "image": IMAGE}),
        Scenario("deploy-all-set", "deploy", inputs={
            "environment": "production", "image": IMAGE, "working-directory": "services/shop",
            "runner": '["ubuntu-24.04-arm"]', "timeout-minutes": "7"}),
        Scenario("deploy-failing", "deploy", inputs={"environment": "production", "image": IMAGE}, answers={
            "deploy": {"exit": 5, "outputs": {"status": "failed"}}}),
        Scenario("code-scanning", "code-scanning", inputs={"artifact-id": "1001"}, artifacts={
            "findings": {"findings.sarif": SARIF}}),
        Scenario("code-scanning-swapped", "code-scanning", inputs={"artifact-id": "1001"}, artifacts={
            "swapped": {"findings.sarif": SARIF}}),
        Scenario("rescan-findings", "rescan", event="schedule", inputs={"image": IMAGE}),
        Scenario("rescan-all-set", "rescan", event="schedule", inputs={
            "image": IMAGE, "scan-database": SET["scan-database"], "runner": SET["runner"], "timeout-minutes": "7"},
            answers={"rescan": {"outputs": {"status": "passed"}}}),
        Scenario("rescan-not-ready", "rescan", inputs={"image": IMAGE}, answers={"rescan": {"exit": 3}}),
        Scenario("ci-push", "ci"),
        Scenario("ci-branch", "ci", ref="refs/heads/feature"),
        Scenario("ci-tag", "ci", ref=TAG),
        Scenario("ci-pull-request", "ci", event="pull_request"),
        Scenario("ci-fork", "ci", event="pull_request", fork=True),
        Scenario("ci-verify-failing", "ci", answers=RED_LINT),
        Scenario("ci-dispatch", "ci", event="workflow_dispatch", inputs={"image": IMAGE}),
        Scenario("ci-dispatch-failing", "ci", event="workflow_dispatch", inputs={"image": IMAGE}, answers={
            "deploy": {"exit": 5, "outputs": {"status": "failed"}}}),
        Scenario("release-tag", "release", ref=TAG),
        Scenario("release-build-failing", "release", ref=TAG, answers={"ci package": {"exit": 1}}),
        Scenario("release-draft-failing", "release", ref=TAG, answers={"gh release create": {"exit": 1}}),
    ]  # fmt: skip
    return [one for one in made if (root / ".github" / "workflows" / f"{one.workflow}.yml").exists()]


def is_called(document: Any) -> bool:
    """Whether a workflow is there to be called, and for nothing else."""
    return set(document["on"]) == {"workflow_call"} if isinstance(document["on"], dict) else False


def permissions(document: Any, job: Any) -> dict[str, str]:
    """What a job's token may do, by the one block that counts."""
    block = job.get("permissions", document.get("permissions", {}))
    return dict(block) if isinstance(block, dict) else {"*": block}


def caller(scenario: Scenario, document: Any) -> str:
    """A workflow that calls the scenario's with typed inputs, and a job that reads all results of the call."""
    declared = document["on"]["workflow_call"].get("inputs") or {}
    numbers = {name for name, one in declared.items() if one["type"] in ("number", "boolean")}
    given = {n: (int(v) if n in numbers and v.isdecimal() else v) for n, v in scenario.inputs.items()}
    secrets = {name: f"${{{{ secrets.{name.upper().replace('-', '_')} }}}}" for name in scenario.secrets}
    call = {"uses": f"$/.github/workflows/{scenario.workflow}.yml", "with": given, "secrets": secrets}
    tell = 'echo "needs=$(echo $N)" >> "$GITHUB_OUTPUT"'
    step = {"id": "needs", "env": {"N": "${{ toJSON(needs) }}"}, "run": tell}
    probe = {"needs": "call", "if": "always()", "runs-on": "ubuntu-24.04", "steps": [step]}
    # The reference stands on a line of its own, which is what the dialect rewrites.
    head = "name: Caller\non: [push, pull_request, schedule, workflow_dispatch]\npermissions: {}\njobs:\n"
    return head + _block(call, probe)


def _block(call: dict[str, Any], probe: dict[str, Any]) -> str:
    lines = ["  call:", f"    uses: {call['uses']}"]
    lines += [f"    {key}: {json.dumps(call[key])}" for key in ("with", "secrets") if call[key]]
    return "\n".join([*lines, f"  probe: {json.dumps(probe)}", ""])


def execute(scenario: Scenario, folder: Path, root: Path = places.REPOSITORY) -> Run:
    """Runs a scenario on the workflows of `root`, with the recorder in the place of `slipway`."""
    shop = Shop(folder, kit=root)
    shop.place_kit(scripts=False)
    _place_recorder(folder / "kit")
    shop.path.append(str(folder / "gh"))
    _place_program(folder / "gh", "gh")
    file = root / ".github" / "workflows" / f"{scenario.workflow}.yml"
    document = yaml_text.read(file)
    first = shop.repository_from({"slipway.toml": "", "services/shop/slipway.toml": ""})
    sha = commit(shop.state / "repos" / shop.repository, message="two") if scenario.event == "pull_request" else first
    answers = {**ANSWERS, **scenario.answers}
    if "run lint" in scenario.answers and scenario.workflow in ("verify", "ci"):
        del answers["run lint build test scan"]
    (shop.state / "answers.json").write_text(json.dumps(answers))
    for number, (name, files) in enumerate(scenario.artifacts.items(), 1001):
        standins.put_artifact(shop.state, shop.run_id, number, name, files, swapped=name == "swapped")
    called = is_called(document)
    text = caller(scenario, document) if called else file.read_text(encoding="utf-8")
    granted: dict[str, str] = {}
    for job in document["jobs"].values():
        granted |= permissions(document, job)
    if scenario.fork:
        granted = {scope: "read" if level == "write" else level for scope, level in granted.items()}
    if called and len(document["jobs"]) == 1:
        (job,) = document["jobs"].values()
        shop.environment["ACTIONS_CACHE_MODE"] = job.get("cache-mode", "")
    payload: dict[str, Any] = {
        "push": lambda: events.push(sha, scenario.ref),
        "pull_request": lambda: events.pull_request(first, fork=scenario.fork),
        "schedule": events.schedule,
        "workflow_dispatch": lambda: events.dispatch(scenario.ref, **({} if called else scenario.inputs)),
    }[scenario.event]()
    named = {name.upper().replace("-", "_"): value for name, value in scenario.secrets.items()}
    run = shop.run(shop.caller(text), scenario.event, payload, sha, permissions=granted, secrets=named, timeout=90)
    shutil.rmtree(folder / "kit")
    return run


def _place_recorder(kit: Path) -> None:
    """The mapped set-up puts the recorder on PATH; the shipped set-up is executed by the tests on the real engine."""
    setup = kit / ".github" / "actions" / "setup"
    _place_program(setup / "bin", "slipway")
    (setup / "setup.py").write_text(
        "import os, pathlib, shutil\n"
        "bin = pathlib.Path(os.environ['RUNNER_TEMP']) / 'recorder'\n"
        "shutil.copytree(pathlib.Path(__file__).parent / 'bin', bin, dirs_exist_ok=True)\n"
        "open(os.environ['GITHUB_PATH'], 'a').write(f'{bin}\\n')\n"
    )


def _place_program(folder: Path, name: str) -> None:
    here = Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(here / "recorder.py", folder / name)
    (folder / name).chmod(0o755)
    shutil.copy(here / "tokens.py", folder)


def trace(run: Run) -> str:
    """What happened, as text: each call in order with all that it was given, then every job and step."""
    lines: list[str] = []
    for entry in run.records("trace.jsonl"):
        where = f" in {entry['cwd']}" if entry.get("cwd", ".") != "." else ""
        lines.append(_stable(f"{entry['job']}: {entry['call']}{where}", run))
        lines += [f"    {key} = {_stable(value, run)!r}" for key, value in _given(entry)]
    for key, outcome in sorted(run.jobs.items()):
        steps = " ".join(f"{name}:{result}" for name, result in outcome.steps.items() if "/" not in name)
        lines.append(f"{key} {outcome.result} | {steps}".rstrip(" |"))
        errors = [a.message.split(": ", 1)[-1][:100] for a in outcome.annotations if a.level == "error"]
        lines += [f"    ! {_stable(message, run)}" for message in errors]
        needs = outcome.outputs.get("needs", {}).get("needs")
        if needs:
            lines.append("    needs " + json.dumps(json.loads(_stable(needs, run)), sort_keys=True))
    return "\n".join(lines) + "\n"


def _given(entry: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """What the workflow gave: of an action's inputs those that are not the default's."""
    reference, given = entry["call"], {name: value for name, value in entry["with"].items() if value}
    if not reference.startswith(("slipway ", "gh ")):
        commit_of = standins.pins()["/".join(reference.split("/")[:2])][0]
        known = standins.metadata(f"{reference}@{commit_of}") or {}
        defaults = {name.lower(): one.get("default", "") for name, one in known["inputs"].items()}
        given = {n: v for n, v in given.items() if v != defaults[n.lower()] and "${{" not in defaults[n.lower()]}
    return sorted(given.items())


def _stable(text: str, run: Run) -> str:
    """Without what differs from run to run: folders and commits."""
    text = re.sub(rf"{re.escape(str(run.folder))}/cache/[^/\s'\"]+/hostexecutor", "$WORKSPACE", str(text))
    text = re.sub(rf"{re.escape(str(run.folder))}/cache/[^/\s'\"]+/tmp", "$RUNNER_TEMP", text)
    return re.sub(r"\b(?!7{40})[0-9a-f]{40}\b", "<commit>", text)
