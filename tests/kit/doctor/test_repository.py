"""The doctor on a repository: what its files tell, and what GitHub says where `gh` may ask it."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.doctor import repository
from slipway.doctor.check import Check

CALLER = """\
name: Deliver
on: {push: {branches: [main]}}
permissions: {}
jobs:
  deploy:
    runs-on: ubuntu-26.04
    timeout-minutes: 5
    environment: production
    permissions: {contents: read}
    steps:
      - uses: acme/slipway/.github/actions/deploy@1234567890123456789012345678901234567890
        with: {environment: production, image: x}
        env:
          KEY: ${{ secrets.RENDER_API_KEY }}
          # not this one: ${{ secrets.OLD }}
          TOKEN: ${{ secrets.GITHUB_TOKEN }}
"""
# What GitHub answers where all is as it should be.
GOOD: dict[str, Any] = {
    "repos/Acme/shop": {"default_branch": "main"},
    "repos/Acme/shop/actions/permissions/workflow": {"default_workflow_permissions": "read"},
    "repos/Acme/shop/actions/secrets?per_page=100": {"secrets": []},
    "repos/Acme/shop/actions/organization-secrets?per_page=100": {"secrets": []},
    "repos/Acme/shop/environments/production/secrets?per_page=100": {"secrets": [{"name": "RENDER_API_KEY"}]},
    "repos/Acme/shop/environments/production": {"protection_rules": [{"type": "required_reviewers"}]},
    "repos/Acme/shop/rules/branches/main": [
        {"type": "pull_request"},
        {"type": "required_status_checks",
         "parameters": {"required_status_checks": [{"context": "verify / Verify"}]}},
    ],
    "repos/Acme/shop/rulesets?per_page=100&targets=tag": [{"target": "tag", "enforcement": "active"}],
}  # fmt: skip
GH = """
answers = json.load(open({answers!r}))
assert sys.argv[1:4] == ["api", "--method", "GET"], sys.argv
path = sys.argv[4]
if answers == "logged out":
    sys.exit("To get started with GitHub CLI, please run:  gh auth login")
if path not in answers:
    sys.exit("gh: Not Found (HTTP 404)")
if answers[path] == "forbidden":
    sys.exit("gh: Must have admin rights to Repository. (HTTP 403)")
print(json.dumps(answers[path]))
"""
Program = Callable[[str, str], Path]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    (root / ".github/workflows").mkdir(parents=True)
    (root / ".github/workflows/deliver.yml").write_text(CALLER)
    (root / "slipway.toml").write_text('[deploy.production]\nurl = "http://127.0.0.1:8000"\n')
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "remote", "add", "origin", "git@github.com:Acme/shop.git"], check=True)
    return root


@pytest.fixture
def github(tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Lets `gh` answer from a file."""

    def answer(answers: Any) -> None:
        (tmp_path / "answers.json").write_text(json.dumps(answers))
        path = program("gh", GH.format(answers=str(tmp_path / "answers.json")))
        monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")

    return answer


def look(root: Path) -> list[Check]:
    return asyncio.run(repository.examine(root))


def named(checks: list[Check], name: str) -> Check:
    (found,) = [check for check in checks if check.name == name]
    return found


def test_all_is_well(shop: Path, github: Callable[[Any], None]) -> None:
    github(GOOD)
    checks = look(shop)
    assert [check for check in checks if check.level != "ok"] == []
    assert {check.name for check in checks} >= {
        "workflows",
        "image",
        "token",
        "secret",
        "environment",
        "branch",
        "tags",
    }
    assert named(checks, "image").says == "published as ghcr.io/acme/shop"


@pytest.mark.parametrize(
    ("path", "answer", "name", "level", "says"),
    [
        ("actions/permissions/workflow", {"default_workflow_permissions": "write"}, "token", "warning", "may write"),
        (
            "environments/production/secrets?per_page=100",
            None,
            "secret",
            "missing",
            "RENDER_API_KEY is read at deliver.yml:14",
        ),
        ("environments/production", None, "environment", "missing", "does not exist"),
        ("environments/production", {"protection_rules": []}, "environment", "warning", "every branch may deploy"),
        ("rules/branches/main", [], "branch", "missing", "not protected"),
        ("rules/branches/main", [{"type": "pull_request"}], "branch", "warning", "does not require"),
        (
            "rules/branches/main",
            [*GOOD["repos/Acme/shop/rules/branches/main"], {"type": "merge_queue"}],
            "branch",
            "missing",
            "has a merge queue, and no workflow has `merge_group`",
        ),
        ("rulesets?per_page=100&targets=tag", [], "tags", "warning", "nothing protects tags"),
        ("actions/permissions/workflow", "forbidden", "github", "warning", "Must have admin rights"),
    ],
)
def test_each_thing_that_github_can_say(
    shop: Path, github: Callable[[Any], None], path: str, answer: Any, name: str, level: str, says: str
) -> None:
    answers = {k: v for k, v in GOOD.items() if k != f"repos/Acme/shop/{path}"}
    github(answers | ({f"repos/Acme/shop/{path}": answer} if answer is not None else {}))
    checks = look(shop)
    check = named(checks, name)
    assert (check.level, says in check.says) == (level, True), check
    assert check.fix
    assert [other for other in checks if other.level != "ok" and other is not check] == []


def test_a_merge_queue_that_a_workflow_answers(shop: Path, github: Callable[[Any], None]) -> None:
    """As that which `init` writes does."""
    file = shop / ".github" / "workflows" / "deliver.yml"
    file.write_text(CALLER.replace("on: {", "on: {merge_group: {}, "))
    rules = "repos/Acme/shop/rules/branches/main"
    github(GOOD | {rules: [*GOOD[rules], {"type": "merge_queue"}]})
    assert named(look(shop), "branch").level == "ok"


def test_classic_protection_counts_too(shop: Path, github: Callable[[Any], None]) -> None:
    rules = {"repos/Acme/shop/rules/branches/main": []}
    classic = {"enabled": True, "required_status_checks": {"contexts": ["verify / Verify"]}}
    github(GOOD | rules | {"repos/Acme/shop/branches/main": {"protection": classic}})
    assert named(look(shop), "branch").level == "ok"


@pytest.mark.parametrize(
    ("old", "new", "name", "says"),
    [
        ("permissions: {contents: read}", "permissions: {contents: reads}", "workflows", "reads"),
        ("with: {environment: production", "with: {environment: prod", "deploy", "no [deploy.prod]"),
    ],
)
def test_each_thing_that_the_files_say(
    shop: Path, github: Callable[[Any], None], old: str, new: str, name: str, says: str
) -> None:
    github(GOOD)
    file = shop / ".github/workflows/deliver.yml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    assert any(c.level == "missing" and c.name == name and says in c.says and c.fix for c in look(shop)), look(shop)


def test_an_image_of_another_owner(shop: Path, github: Callable[[Any], None]) -> None:
    github(GOOD)
    (shop / "slipway.toml").write_text('[image]\nname = "ghcr.io/other/shop"\n[deploy.production]\n')
    check = named(look(shop), "image")
    assert (check.level, check.fix) == ("missing", '[image] name = "ghcr.io/acme/shop"')


@pytest.mark.parametrize("label", ["ubuntu-24.04", "ubuntu-24.04-arm"])
def test_a_hosted_runner_whose_docker_is_restarted(shop: Path, github: Callable[[Any], None], label: str) -> None:
    """It works, so it is no warning; a job without Slipway does not count."""
    github(GOOD)
    assert [check for check in look(shop) if check.name == "runners"] == []
    file = shop / ".github/workflows/deliver.yml"
    other = "  other:\n    runs-on: ubuntu-22.04\n    timeout-minutes: 5\n    steps: [{run: 'true'}]\n"
    file.write_text(CALLER.replace("ubuntu-26.04", f"[{label}]") + other)
    found = named(look(shop), "runners")
    assert found.level == "ok"
    assert found.says == f"{label} (deliver.yml): the set-up restarts Docker there; ubuntu-26.04 needs no restart"


@pytest.mark.parametrize("why", ["no gh", "logged out", "unknown", "no remote"])
def test_without_github_the_names_are_said(
    shop: Path, github: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, why: str
) -> None:
    github("logged out" if why == "logged out" else {} if why == "unknown" else GOOD)
    if why == "no gh":
        (tmp_path / "bin/gh").unlink()
    elif why == "no remote":
        subprocess.run(["git", "-C", str(shop), "remote", "remove", "origin"], check=True)
    checks = look(shop)
    says = {
        "no gh": "no `gh` on PATH", "logged out": "gh auth login", "unknown": "shows no repository",
        "no remote": "no remote",
    }[why]  # fmt: skip
    assert says in named(checks, "github").says
    assert named(checks, "secret").says == "RENDER_API_KEY is read at deliver.yml:14; whether it is there is not known"
    assert named(checks, "environment").level == "warning"
    assert [check for check in checks if check.level == "missing"] == []


def test_names_from_files_are_quoted_in_what_is_asked(shop: Path, github: Callable[[Any], None]) -> None:
    file = shop / ".github/workflows/deliver.yml"
    file.write_text(file.read_text().replace("environment: production\n", 'environment: "a/b c?"\n'))
    asked = "repos/Acme/shop/environments/a%2Fb%20c%3F"
    github(GOOD | {asked: {"protection_rules": [1]}, f"{asked}/secrets?per_page=100": {"secrets": []}})
    assert named(look(shop), "environment").says == "a/b c? has rules"


def test_what_a_caller_hands_over_is_no_secret_of_the_repository(shop: Path, github: Callable[[Any], None]) -> None:
    github(GOOD)
    (shop / ".github/workflows/called.yml").write_text(
        "on: {workflow_call: {secrets: {registry-auth: {required: false}}}}\npermissions: {}\njobs:\n  one:\n"
        '    runs-on: ubuntu-26.04\n    steps:\n      - run: echo\n        env: {A: "${{ secrets.registry-auth }}"}\n'
    )
    assert [check.says for check in look(shop) if check.name == "secret"] == ["RENDER_API_KEY is there"]


def test_a_repository_without_workflows(tmp_path: Path) -> None:
    assert [(c.level, c.fix) for c in look(tmp_path)] == [("warning", "slipway init")]
