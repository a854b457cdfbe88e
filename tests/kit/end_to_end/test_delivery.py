"""What runs where, and moved from one place to another: deploy, promote, rollback, status, for real."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import Project, docker, free_port

pytestmark = pytest.mark.engine
UNTIL_PUBLISHED = ("--skip", "lint", "--skip", "test", "--skip", "scan", "--skip", "integration")
ENVIRONMENTS = """
[deploy.local]
health = "/readyz"
version = "/version"
timeout = "10s"

[deploy.next]
url = "http://127.0.0.1:{port}"
health = "/readyz"
version = "/version"
timeout = "10s"
"""


@pytest.fixture
def shop(project: Callable[..., Project]) -> Project:
    """A project with two environments on this machine."""
    return project(**{"slipway.toml": ENVIRONMENTS.format(port=free_port())})


def published(shop: Project, mode: str = "well") -> str:
    """Build and deploy to `local`; the reference."""
    shop.write("mode.txt", mode)
    done = shop.run("deploy", "--env", "local", *UNTIL_PUBLISHED)
    assert done.code == 0 or mode != "well", done.text
    return f"{shop.repository}@{done.record['image']['digest']}"


def standing(shop: Project, environment: str, code: int = 0) -> dict[str, Any]:
    done = shop.call("status", environment, "--json")
    assert done.code == code, done.text
    found: dict[str, Any] = json.loads(done.out)
    return found


def records(shop: Project) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (shop.root / ".slipway" / "deployments").read_text().splitlines()]


def test_from_one_environment_to_the_next_and_back(shop: Project) -> None:
    assert standing(shop, "local", 1)["problem"] == "nothing runs"
    first = published(shop)
    shop.write("note.txt", "another version")
    second = published(shop)
    assert first != second
    found = standing(shop, "local")
    assert (found["reference"], found["problem"], found["proven"], found["newest"]) == (second, "", True, True)
    assert found["since"] and found["by"]

    # Promotion: the same digest, and nothing is built.
    done = shop.call("promote", "local", "next")
    assert done.code == 0, done.text
    assert standing(shop, "next")["reference"] == second

    # Back, without saying to what.
    done = shop.call("rollback", "local")
    assert done.code == 0, done.text
    found = standing(shop, "local")
    assert (found["reference"], found["newest"]) == (first, False)
    assert standing(shop, "next")["reference"] == second, "the other environment is left alone"

    # And to a digest that is named.
    done = shop.call("rollback", "local", second.rpartition("@")[2])
    assert done.code == 0, done.text
    assert standing(shop, "local")["reference"] == second
    results = [(one["environment"], one["result"], one["reference"]) for one in records(shop)]
    assert results == [
        ("local", "live", first), ("local", "live", second), ("next", "live", second), ("local", "live", first),
        ("local", "live", second),
    ]  # fmt: skip
    assert shop.call("stop").code == 0


def git(shop: Project, *words: str) -> None:
    who = {f"GIT_{role}_{what}": "x@x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
    subprocess.run(["git", *words], cwd=shop.root, env=os.environ | who | settings, check=True, capture_output=True)


def test_a_commit_that_arrives_late_on_a_runner_that_lasts(shop: Project, tmp_path: Path) -> None:
    """Compose on the machine of the runner: what a laptop may do as a matter of course is a late job's mistake here."""
    git(shop, "init", "--quiet")
    shop.write(".gitignore", ".slipway\n")
    references = []
    for name in ("first", "second"):  # within one second: dates cannot tell them apart
        shop.write("note.txt", name)
        git(shop, "add", ".")
        git(shop, "commit", "--quiet", "--message", name)
        references.append(published(shop))
    first, second = references
    step = {
        "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_OUTPUT": str(tmp_path / "outputs"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "SLIPWAY_IMAGE_NAME": first.partition("@")[0],
    }  # fmt: skip
    done = shop.call("deploy", "local", first, **step)
    assert done.code == 0 and "::notice title=deploy%3A superseded::superseded: sha256:" in done.out, done.text
    given = (tmp_path / "outputs").read_text()
    assert re.search(r"(?m)^result<<.*\nsuperseded$", given) and re.search(r"(?m)^status<<.*\npassed$", given)
    assert "superseded&#58;" in (tmp_path / "summary").read_text()
    assert standing(shop, "local")["reference"] == second
    last = records(shop)[-1]
    assert (last["result"], last["reference"], last["previous"], last["sent"]) == ("superseded", first, second, False)
    assert "is an ancestor of" in last["reason"]

    done = shop.call("deploy", "local", first, **step | {"GITHUB_EVENT_NAME": "workflow_dispatch"})
    assert done.code == 8 and "slipway rollback local sha256:" in done.text, done.text
    done = shop.call("rollback", "local", first.rpartition("@")[2], **step)
    assert done.code == 0 and standing(shop, "local")["reference"] == first, done.text


def test_what_is_ill_is_not_promoted(shop: Project) -> None:
    published(shop)
    container = docker("ps", "-q", "--filter", f"publish={shop.port}").stdout.strip()
    docker("exec", container, "sh", "-c", "echo ill > mode.txt")
    docker("kill", container)
    assert "nothing runs" in standing(shop, "local", 1)["problem"]
    done = shop.call("promote", "local", "next")
    assert done.code == 1 and "nothing runs in local that could be promoted" in done.err
    assert len(records(shop)) == 1


def test_a_failed_rollback_brings_back_what_ran(shop: Project) -> None:
    good = published(shop)
    bad = published(shop, "ill")
    assert records(shop)[-1]["result"] == "rolled-back" and standing(shop, "local")["reference"] == good
    done = shop.call("rollback", "local", bad.rpartition("@")[2])
    assert done.code == 5, done.text
    assert standing(shop, "local")["reference"] == good


def test_without_a_way_back_a_bad_version_stays(shop: Project) -> None:
    published(shop)
    bad = published(shop, "ill")
    done = shop.call("deploy", "local", bad, "--no-rollback")
    assert done.code == 6, done.text
    assert "rollback was not wanted" in done.stage("deploy")["reason"]
    assert f"docker compose --project-name {shop.compose_project} ps --all" in done.stage("deploy")["fix"]
    assert standing(shop, "local", 1)["reference"] == bad


def test_a_breaking_migration_is_marked_in_the_image(shop: Project) -> None:
    published(shop)
    shop.replace("Dockerfile", "COPY server.py", "LABEL slipway.migration=breaking\nCOPY server.py")
    bad = published(shop, "ill")
    last = records(shop)[-1]
    assert last["result"] == "needs-human" and "slipway.migration=breaking" in last["reason"]
    assert standing(shop, "local", 1)["reference"] == bad


def test_nothing_to_go_back_to(shop: Project) -> None:
    published(shop)
    done = shop.call("rollback", "local")
    assert done.code == 2 and "what ran in local before is not known" in done.err


def test_a_render_of_our_own(shop: Project) -> None:
    """The demonstration: the whole rollout on a platform that is played, with the image that was built."""
    good = published(shop)
    done = shop.call("deploy", "local", "--target", "fake-render")
    assert done.code == 0, done.text
    assert done.stage("deploy")["reason"].startswith("live, 3 of 3 checks say")
    bad = published(shop, "wrong")
    done = shop.call("deploy", "local", bad, "--target", "fake-render")
    assert done.code == 5, done.text
    reason = done.stage("deploy")["reason"]
    assert reason.startswith("rolled-back: /version says 'another'"), reason
    assert [one["result"] for one in records(shop)] == ["live", "live", "rolled-back", "rolled-back"]
    assert records(shop)[-1]["previous"] == good
    rows = docker("ps", "-a", "--filter", "label=slipway.project", "--format", "{{.Image}}").stdout.split()
    assert [row for row in rows if shop.root.name in row] == [], "what the platform started ends with it"


def test_a_command_of_ones_own(shop: Project) -> None:
    shop.write("ship.sh", '#!/bin/sh\necho "$SLIPWAY_ACTION $SLIPWAY_DIGEST" >> shipped\n')
    (shop.root / "ship.sh").chmod(0o755)
    first = published(shop)
    url = f"http://127.0.0.1:{shop.port}"
    shop.write(
        "slipway.toml",
        f'[deploy.host]\ntarget = "command"\ncommand = "./ship.sh"\nurl = "{url}"\nversion = "/version"\n',
    )
    done = shop.call("deploy", "host", first)
    assert done.code == 0, done.text
    assert (shop.root / "shipped").read_text() == f"deploy {first.rpartition('@')[2]}\n"
    refused = shop.call("deploy", "host", first, "--no-command")
    assert refused.code == 2 and "must not meet a workflow's secrets" in refused.text


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('target = "render"\nservice = "srv-abc"', "is a registry of this machine: render cannot pull from it"),
        ('target = "render"\nservice = "srv-abc"\napi = "http://127.0.0.1:9"', "RENDER_API_KEY is not set"),
        ('target = "railway"\nservice = "x"\napi = "http://127.0.0.1:9"', "RAILWAY_TOKEN is not set"),
    ],
)
def test_what_a_platform_takes(shop: Project, table: str, said: str) -> None:
    reference = published(shop)
    shop.write("slipway.toml", f"[deploy.production]\n{table}\n")
    done = shop.call("deploy", "production", reference)
    assert done.code in (2, 3) and said in done.text, done.text
