"""What the shipped workflows are executed with, `slipway` itself replaced by the recorder: half a second each.

Every workflow is called with its defaults, with every input and secret set, and with its steps failing one by one.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflows.harness import places

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
    variables: dict[str, str] = field(default_factory=dict)  # of the repository
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)  # over ANSWERS
    fork: bool = False
    artifacts: dict[str, dict[str, str]] = field(default_factory=dict)  # of earlier jobs, the first is 1001
    no_submodule: bool = False  # the repository has one that the job's token cannot read
    storage_is_full: bool = False  # GitHub takes no artifact any more


STAGE = {"outputs": {"digest": DIGEST, "image": IMAGE, "status": "passed", "artifact-name": "amd64"}}
CACHE = {
    "path": "$RUNNER_TEMP/layers", "key": "layers-amd64-1", "restore-keys": "layers-amd64-",
    "from": "type=local,src=x", "to": "type=local,dest=y", "restore": "true", "save": "true", "upload": "true",
}  # fmt: skip
REPORTS = {".slipway/findings.sarif": SARIF, ".slipway/latest/report.html": "<!DOCTYPE html> until the scan"}
PAGE = {".slipway/latest/report.html": "<!DOCTYPE html> with the integration tests"}
ANSWERS: dict[str, dict[str, Any]] = {
    "ci cache": {"outputs": CACHE},
    "ci run all": {
        **STAGE,
        "files": {".slipway/layout/index.json": "{}", ".slipway/sbom.cdx.json": "{}", **REPORTS},
    },
    "ci run build": {**STAGE, "files": {".slipway/layout/index.json": "{}"}},
    "ci run": STAGE,
    "ci run integration": {"outputs": {"status": "passed"}},
    "run --until integration": {"outputs": {"status": "passed"}, "files": PAGE},
    "ci publish": {
        "needs": {"packages": "write"},
        "outputs": {"name": "ghcr.io/acme/shop", "digest": DIGEST, "attest": "true", "sbom": "$RUNNER_TEMP/sbom.json"},
        "files": {"$RUNNER_TEMP/sbom.json": '{"bomFormat": "CycloneDX", "serialNumber": "urn:uuid:7"}'},
    },
    "ci given": {"outputs": {"artifact-ids": "1001", "digests": DIGEST}},
    "ci tag": {
        "needs": {"packages": "write"},
        "outputs": {"digest": DIGEST, "image": IMAGE, "tags": "main\nsha-1234567"},
    },
    "deploy": {
        "needs": {"packages": "read", "attestations": "read"},
        "outputs": {"url": "https://shop.example", "status": "passed", "result": "live"},
    },
    "preview": {
        "needs": {"packages": "read", "attestations": "read"},
        "outputs": {"url": "https://pr-7.example", "status": "passed", "result": "live"},
    },
    "ci comment": {"needs": {"pull-requests": "write"}},
    "rescan": {"needs": {"packages": "read"}, "outputs": {"status": "failed"}, "exit": 1},
    "ci record": {},  # says so where it may not
    "ci issue": {"needs": {"issues": "write"}},
    "ci package": {"files": {"dist/slipway-1.2.3.tar.gz": "sdist", "dist/SHA256SUMS": "7"}},
    "ci proven": {"needs": {"actions": "read"}},
    "ci major": {"needs": {"contents": "write"}},
    "gh": {"needs": {"contents": "write"}},
}
CREDENTIALS = {
    name: f"x-{name}-x" for name in (
        "render-api-key", "render-deploy-hook", "railway-token", "railway-api-token", "ssh-key", "ssh-known-hosts",
    )
}  # fmt: skip
GONE_WRONG = {"deploy": {"exit": 5, "outputs": {"status": "failed", "result": "rolled-back"}}}
STAGES = ("lint", "build", "test", "scan", "integration")
LATER = STAGES[2:]  # those that take an image
SET = {
    "working-directory": "services/shop",
    "image": "registry.example/acme/shop",
    "platform": "linux/arm64",
    "runner": '["ubuntu-26.04-arm"]',
    "builder": "remote",
    "cache": "read-only",
    "scan-database": "registry.example/db:2",
    "lfs": "true",
    "submodules": "recursive",
    "fetch-depth": "0",
    "timeout-minutes": "7",
}
AUTH = {"registry-auth": "registry.example=user:pass-word"}
SECRETS = {**AUTH, "build-secrets": "npm_token=for-the-build"}
OF_THE_JOB = ("runner", "timeout-minutes", "lfs", "submodules", "fetch-depth")
LAYOUT = {"layout": {"index.json": "{}"}}
FAILED = {"exit": 1, "outputs": {"status": "failed"}}
RED_LINT = {"ci run all": {**FAILED, "files": REPORTS}}
PUSH_FAILS = {"ci publish": {"exit": 1}}
TAG = "refs/tags/v1.2.3"
NO_CACHE = {"outputs": {**CACHE, "restore": "false", "save": "false"}}
ONLY_READ = {"outputs": {**CACHE, "save": "false", "upload": "false"}}
BASELINE = {
    "ci cache": {"outputs": {
        **CACHE, "baseline": "$RUNNER_TEMP/baseline.json", "baseline-key": "base-77-1", "baseline-prefix": "base-"}},
}  # fmt: skip
FILES = ANSWERS["ci run all"]["files"]
KEPT = {**FILES, "$RUNNER_TEMP/baseline.json": "{}"}
SERVICES = {"RENDER_SERVICE": "srv-1", "RAILWAY_SERVICE": "6d1c9a1e"}
PLATFORMS = {"render-api-key": "a-key", "railway-token": "a-token"}
STAGING = {"environment": "staging", "image": IMAGE}
# Nobody knows whether the repository is private, and GitHub refuses to sign.
PERHAPS = {"name": "", "sbom": "$RUNNER_TEMP/sbom.json", "digest": DIGEST, "attest": "true", "attest-may-fail": "true"}
REFUSED = {"ci publish": {"needs": {"packages": "write"}, "outputs": PERHAPS}}
READY = {"digest": DIGEST, "artifact-id": "1001"}


def of(root: Path = places.REPOSITORY) -> list[Scenario]:
    """All scenarios whose workflow exists."""
    made: list[Scenario] = []
    for stage in STAGES:
        made += [
            Scenario(f"{stage}-defaults", stage, answers={} if stage == "build" else {"ci cache": ONLY_READ}),
            Scenario(
                f"{stage}-all-set", stage, event="pull_request", inputs=SET | (READY if stage in LATER else {}),
                secrets=SECRETS, artifacts=LAYOUT, answers={} if stage == "build" else {"ci cache": ONLY_READ},
            ),
            Scenario(f"{stage}-failing", stage, answers={f"ci run {stage}": FAILED}),
        ]  # fmt: skip
    made += [
        Scenario("verify-defaults", "verify"),
        Scenario("verify-all-set", "verify", inputs=SET, secrets=SECRETS),
        Scenario("verify-no-cache", "verify", answers={"ci cache": NO_CACHE}),
        Scenario("verify-baseline", "verify", answers=BASELINE | {"ci run all": {
            "exit": 1, "outputs": {**STAGE["outputs"], "status": "failed", "baseline": "kept"}, "files": KEPT}}),
        Scenario("verify-baseline-read", "verify", event="pull_request", answers=BASELINE | {
            "ci run all": {"outputs": {**STAGE["outputs"], "baseline": "read"}, "files": FILES}}),
        Scenario("verify-pull-request", "verify", event="pull_request", answers={"ci cache": ONLY_READ}),
        Scenario("verify-merge-queue", "verify", event="merge_group", answers={"ci cache": ONLY_READ}),
        Scenario("verify-storage-full", "verify", storage_is_full=True),
        Scenario("verify-storage-full-for-reports", "verify", event="pull_request", answers={"ci cache": ONLY_READ},
                 storage_is_full=True),
        Scenario("verify-twice-in-a-run", "verify", artifacts={"slipway-amd64": {"index.json": "{}"}}),
        Scenario("verify-for-a-preview", "verify", event="pull_request", inputs={"upload-image": "always"}),
        Scenario("verify-fork", "verify", event="pull_request", fork=True, answers={"ci cache": ONLY_READ}),
        Scenario("verify-failing", "verify", answers=RED_LINT),
        Scenario("verify-not-ready", "verify", answers={"ci run all": {"exit": 3}}),
        Scenario("verify-integration-failing", "verify", answers={
            "run --until integration": {**FAILED, "files": PAGE}}),
        Scenario("publish-defaults", "publish", inputs=READY, artifacts=LAYOUT),
        Scenario(
            "publish-all-set", "publish", artifacts=LAYOUT, secrets=AUTH,
            inputs={**READY, **{k: SET[k] for k in ("image", "runner", "timeout-minutes")}, "provenance": "always"},
        ),
        Scenario("publish-tags-only", "publish", ref=TAG),
        Scenario("publish-without-sbom", "publish", inputs=READY, artifacts=LAYOUT, answers={"ci publish": {
            "needs": {"packages": "write"},
            "outputs": {"name": "ghcr.io/acme/shop", "digest": DIGEST, "attest": "true"}}}),
        Scenario("publish-not-attested", "publish", inputs=READY, artifacts=LAYOUT, answers={"ci publish": {
            "needs": {"packages": "write"}, "outputs": {"digest": DIGEST, "attest": "false"}}}),
        Scenario("publish-perhaps-attested", "publish", inputs=READY, artifacts=LAYOUT, answers=REFUSED),
        Scenario("publish-given-refused", "publish", inputs=READY, artifacts=LAYOUT, answers={"ci given": {"exit": 2}}),
        Scenario("publish-artifact-gone", "publish", inputs={**READY, "artifact-id": "77"}, artifacts=LAYOUT, answers={
            "ci given": {"outputs": {"artifact-ids": "77", "digests": DIGEST}}}),
        Scenario("publish-artifact-swapped", "publish", inputs=READY, artifacts={"swapped": {"index.json": "{}"}}),
        Scenario("publish-push-failing", "publish", inputs=READY, artifacts=LAYOUT, answers=PUSH_FAILS),
        Scenario("publish-tag-failing", "publish", inputs=READY, artifacts=LAYOUT, answers={"ci tag": {"exit": 1}}),
        Scenario("deploy-defaults", "deploy", inputs={"environment": "production", "image": IMAGE}),
        Scenario("deploy-all-set", "deploy", inputs={
            "environment": "production", "image": IMAGE, "working-directory": "services/shop", "provenance": "never",
            "rollback": "false", "allow-downgrade": "true", "runner": '["ubuntu-26.04-arm"]', "timeout-minutes": "7"}),
        Scenario("deploy-failing", "deploy", inputs={"environment": "production", "image": IMAGE}, answers=GONE_WRONG),
        Scenario("preview-defaults", "preview", event="pull_request", inputs=STAGING),
        Scenario("preview-all-set", "preview", event="pull_request", inputs={
            **STAGING, "working-directory": "services/shop", "provenance": "never", "remove": "true",
            "runner": '["ubuntu-26.04-arm"]', "timeout-minutes": "7"},
            secrets={"render-api-key": CREDENTIALS["render-api-key"]}),
        Scenario("preview-failing", "preview", event="pull_request", inputs=STAGING,
                 answers={"preview": GONE_WRONG["deploy"]}),
        Scenario("preview-refused", "preview", event="pull_request", inputs=STAGING, answers={"preview": {"exit": 2}}),
        Scenario("code-scanning", "code-scanning", inputs={"findings-artifact-id": "1001"}, artifacts={
            "findings": {"findings.sarif": SARIF}}),
        Scenario("code-scanning-not-stored", "code-scanning", inputs={"findings-artifact-id": ""}, artifacts={
            "findings": {"findings.sarif": SARIF}}),
        Scenario("code-scanning-swapped", "code-scanning", inputs={"findings-artifact-id": "1001"}, artifacts={
            "swapped": {"findings.sarif": SARIF}}),
        Scenario("rescan-findings", "rescan", event="schedule", inputs={"image": IMAGE}),
        Scenario("rescan-all-set", "rescan", event="schedule", inputs={
            "image": IMAGE, "environment": "production", "scan-database": SET["scan-database"],
            "runner": SET["runner"], "timeout-minutes": "7"}, answers={"rescan": {"outputs": {"status": "passed"}}}),
        Scenario("rescan-not-ready", "rescan", inputs={"image": IMAGE}, answers={"rescan": {"exit": 3}}),
        Scenario("ci-push", "ci", variables=SERVICES, secrets=PLATFORMS),
        Scenario("ci-push-no-services", "ci"),
        Scenario("ci-branch", "ci", ref="refs/heads/feature"),
        Scenario("ci-tag", "ci", ref=TAG),
        Scenario("ci-pull-request", "ci", event="pull_request", answers={"ci cache": ONLY_READ}),
        Scenario("ci-fork", "ci", event="pull_request", fork=True, answers={"ci cache": ONLY_READ}),
        Scenario("ci-verify-failing", "ci", answers=RED_LINT),
        Scenario("ci-dispatch", "ci", event="workflow_dispatch", inputs={"image": IMAGE}, variables=SERVICES,
                 secrets=PLATFORMS),
        Scenario("ci-dispatch-no-services", "ci", event="workflow_dispatch", inputs={"image": IMAGE}),
        Scenario("ci-dispatch-failing", "ci", event="workflow_dispatch", inputs={"image": IMAGE}, answers=GONE_WRONG,
                 variables=SERVICES),
        Scenario("verify-no-submodule", "verify", inputs={"submodules": "true"}, no_submodule=True),
        Scenario("action-verify", "actions/verify"),
        Scenario("action-verify-all-set", "actions/verify", artifacts=LAYOUT, answers=BASELINE, inputs={
            **{k: SET[k] for k in SET if k not in OF_THE_JOB}, **SECRETS, **READY, "upload-image": "never"}),
        Scenario("action-deploy", "actions/deploy", inputs={"environment": "production", "image": IMAGE}),
        Scenario("action-deploy-all-set", "actions/deploy", inputs={
            "environment": "production", "image": IMAGE, "working-directory": "services/shop", "provenance": "never",
            "rollback": "false", "allow-downgrade": "true", **CREDENTIALS}),
        Scenario("action-deploy-failing", "actions/deploy", inputs={"environment": "production", "image": IMAGE},
                 answers=GONE_WRONG),
        Scenario("action-deploy-refused", "actions/deploy", inputs={"environment": "production", "image": IMAGE},
                 answers={"deploy": {"exit": 2}}),
        Scenario("release-tag", "release", ref=TAG),
        Scenario("release-not-proven", "release", ref=TAG, answers={"ci proven": {"exit": 1}}),
        Scenario("release-build-failing", "release", ref=TAG, answers={"ci package": {"exit": 1}}),
        Scenario("release-drafts-failing", "release", ref=TAG, answers={"ci drafts": {"exit": 1}}),
        Scenario("release-draft-failing", "release", ref=TAG, answers={"gh release create": {"exit": 1}}),
    ]  # fmt: skip
    return [one for one in made if source(one, root).exists()]


def source(scenario: Scenario, root: Path = places.REPOSITORY) -> Path:
    """The file that a scenario is about."""
    if scenario.workflow.startswith("actions/"):
        return root / ".github" / scenario.workflow / "action.yml"
    return root / ".github" / "workflows" / f"{scenario.workflow}.yml"
