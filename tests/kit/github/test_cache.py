"""Who may read and write the layer cache."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from slipway import cli
from slipway.errors import UsageError
from slipway.github import Event
from slipway.github.cache import baseline, decide


def event(name: str, ref: str) -> Event:
    """An event of a repository whose default branch is main."""
    return Event(name, "acme/shop", ref, "a" * 40, "main", "a" * 40, 0, False)


@pytest.mark.parametrize(
    ("policy", "name", "ref", "restore", "save"),
    [
        ("auto", "push", "refs/heads/main", True, True),
        ("auto", "push", "refs/heads/feature", True, False),
        ("auto", "pull_request", "refs/pull/7/merge", True, False),
        ("auto", "pull_request", "refs/heads/main", True, False),
        ("auto", "push", "refs/tags/v1.0.0", False, False),
        ("read-only", "push", "refs/heads/main", True, False),
        ("off", "push", "refs/heads/main", False, False),
    ],
)
def test_the_policy(policy: str, name: str, ref: str, restore: bool, save: bool, tmp_path: Path) -> None:
    found = decide(policy, event(name, ref), tmp_path, [], "x86_64")
    assert (found.restore, found.save) == (restore, save)


def test_the_key_follows_dependencies_and_platform_not_the_source(tmp_path: Path) -> None:
    def key(project: str = "shop linux/amd64") -> str:
        files = [tmp_path / "Dockerfile", tmp_path / "images.toml"]
        return decide("auto", event("push", "refs/heads/main"), tmp_path, files, project).key

    (tmp_path / "uv.lock").write_text("a")
    first = key()
    (tmp_path / "app.py").write_text("changed")
    assert key() == first != key("shop linux/arm64")
    (tmp_path / "uv.lock").write_text("b")
    second = key()
    (tmp_path / "Dockerfile").write_text("FROM x")
    third = key()
    (tmp_path / "images.toml").write_text('python = "x"')
    assert len({first, second, third, key()}) == 4


def test_no_project_restores_the_layers_of_another(tmp_path: Path) -> None:
    prefixes = [decide("auto", event("push", "refs/heads/main"), tmp_path, [], name).prefix for name in ("shop", "web")]
    assert not any(one.startswith(other) for one, other in (prefixes, prefixes[::-1]))


def test_an_unknown_policy_is_an_error() -> None:
    with pytest.raises(UsageError, match="cache: 'always' is not one of: auto, read-only, off"):
        decide("always", event("push", "refs/heads/main"), Path(), [], "x86_64")


@pytest.mark.parametrize(
    ("name", "ref", "own"),
    [
        ("push", "refs/heads/main", True),
        ("schedule", "refs/heads/main", True),
        ("workflow_dispatch", "refs/heads/main", True),
        ("workflow_dispatch", "refs/heads/feature", False),
        ("repository_dispatch", "refs/heads/main", True),
        ("push", "refs/heads/feature", False),
        ("push", "refs/tags/main", False),
        ("pull_request", "refs/pull/7/merge", False),
        ("pull_request_target", "refs/heads/main", False),
        ("issue_comment", "refs/heads/main", False),
        ("merge_group", "refs/heads/gh-readonly-queue/main/pr-7", False),
    ],
)
def test_what_is_of_the_default_branch(name: str, ref: str, own: bool) -> None:
    assert event(name, ref).of_default_branch is own


def test_the_baselines_of_different_images_do_not_meet() -> None:
    pull, push = event("pull_request", "refs/pull/7/merge"), event("push", "refs/heads/main")
    key, prefix = baseline(push, "shop", "77-1")
    assert key == f"{prefix}77-1" and prefix.startswith("slipway-baseline-")
    assert baseline(pull, "shop", "78-1")[1] == prefix, "a pull request reads what a push wrote"
    assert baseline(push, "shop", "77-2")[0] != key, "an entry never changes"
    others = {baseline(push, "web", "1")[1], baseline(push, "shop/linux/arm64", "1")[1]}
    assert not any(other.startswith(prefix) or prefix.startswith(other) for other in others)
    assert baseline(event("push", "refs/tags/v1"), "shop", "1") == ("", ""), "a tag reads none"


@pytest.mark.parametrize("gate", ["all", "new"])
def test_the_step_names_the_baseline_where_the_gate_wants_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gate: str
) -> None:
    (tmp_path / "slipway.toml").write_text(f'[scan]\ngate = "{gate}"\n')
    given = {
        "GITHUB_OUTPUT": str(tmp_path / "out"), "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main",
        "GITHUB_EVENT_PATH": "/dev/null", "GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "2", "RUNNER_TEMP": "/temp",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.main, ["ci", "cache"])
    assert done.exit_code == 0, done.output
    outputs = dict(re.findall(r"(?m)^([\w-]+)<<(?:end-\w+)\n(.*)\nend-", (tmp_path / "out").read_text()))
    assert outputs["baseline"] == ("/temp/slipway/baseline.json" if gate == "new" else "")
    assert outputs["baseline-key"] == outputs["baseline-prefix"] + "77-2"


@pytest.mark.parametrize(
    ("stage", "event_name", "wanted", "outputs"),
    [
        ("all", "push", "auto", "restore save upload"),
        ("all", "pull_request", "auto", "restore"),
        ("all", "pull_request", "always", "restore upload"),
        ("all", "push", "never", "restore save"),
        ("build", "push", "auto", "restore save upload"),
        ("build", "pull_request", "always", "restore upload"),
        ("lint", "push", "always", ""),
        ("test", "push", "always", "restore"),
        ("scan", "push", "auto", "restore"),
        ("integration", "push", "auto", "restore"),
    ],
)
def test_what_a_stage_restores_and_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, event_name: str, wanted: str, outputs: str
) -> None:
    payload = tmp_path / "event.json"
    payload.write_text('{"repository": {"full_name": "acme/shop", "default_branch": "main"}}')
    given = {
        "GITHUB_OUTPUT": str(tmp_path / "out"), "GITHUB_EVENT_NAME": event_name, "GITHUB_REF": "refs/heads/main",
        "GITHUB_EVENT_PATH": str(payload), "STAGE": stage, "UPLOAD_IMAGE": wanted,
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.main, ["ci", "cache"])
    assert done.exit_code == 0, done.output
    found = dict(re.findall(r"(?m)^([\w-]+)<<(?:end-\w+)\n(.*)\nend-", (tmp_path / "out").read_text()))
    assert " ".join(name for name in ("restore", "save", "upload") if found[name] == "true") == outputs
    assert bool(found["from"]) == ("restore" in outputs) and bool(found["to"]) == ("save" in outputs)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("STAGE", "lnt", "stage: 'lnt' is not one of: all, lint, test, build, scan, integration."),
        ("STAGE", "deploy", "stage: 'deploy' is not one of"),
        ("UPLOAD_IMAGE", "yes", "upload-image: 'yes' is not one of: auto, always, never."),
    ],
)
def test_a_word_that_is_none_of_the_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    for command in ["cache", "run"] if name == "STAGE" else ["cache"]:
        done = CliRunner().invoke(cli.main, ["ci", command])
        assert (done.exit_code, says in done.output) == (2, True), done.output
