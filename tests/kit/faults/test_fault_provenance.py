"""A deploy by itself on a runner, of what nobody attested: said everywhere, or refused before anything changes."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Done, Project, docker

pytestmark = pytest.mark.engine
BUILT = ("deploy", "--skip", "lint", "--skip", "test", "--skip", "scan", "--skip", "integration")
# The project's own compose file, which would have the job's token if it could.
COMPOSE = """\
services:
  web:
    image: ${SLIPWAY_IMAGE:?}
    init: true
    ports: ["127.0.0.1:${SLIPWAY_PORT:-8000}:8000"]
    environment: {TOKEN: "${GH_TOKEN:-none}", GH_TOKEN: }
"""


def deploy(shop: Project, image: str, folder: Path, *words: str) -> Done:
    """`slipway deploy` as the step of a workflow calls it."""
    event = folder / "event.json"
    event.write_text("{}")
    (folder / "summary").write_text("")
    runner = {
        "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_EVENT_PATH": str(event),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"), "GITHUB_OUTPUT": str(folder / "out"), "GH_TOKEN": "ghs_secret",
    }  # fmt: skip
    ended = subprocess.run(
        shop.command("deploy", "local", image, *words), env=shop.environment | runner, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    return shop.look(Done(ended.returncode, ended.stdout, ended.stderr, 0))


def test_what_nobody_attested(project: Callable[..., Project], tmp_path: Path) -> None:
    shop = project(**{"docker-compose.yml": COMPOSE})
    built = shop.run(*BUILT)
    assert built.code == 0, built.text
    assert "ATTESTED" not in built.text, "on a laptop nothing changes"
    image, before = built.record["image"]["reference"], shop.services()

    refused = deploy(shop, image, tmp_path, "--provenance", "always")
    assert refused.code == 1, refused.text
    assert "is on this machine's registry, of which nothing is attested" in refused.text
    assert shop.services() == before

    shop.write("docker-compose.yml", COMPOSE.replace("init: true", "init: true\n    stop_grace_period: 2s"))
    running = ("ps", "-q", "--filter", f"label=com.docker.compose.project={shop.compose_project}")
    docker("stop", *docker(*running).stdout.split())
    done = deploy(shop, image, tmp_path)
    assert done.code == 0, done.text
    stage = done.stage("deploy")
    assert stage["reason"].endswith(" · NOT ATTESTED") and stage["facts"]["provenance"] == "NOT ATTESTED"
    assert "NOT ATTESTED" in done.out, "the line of the terminal"
    assert "NOT ATTESTED" in (tmp_path / "summary").read_text()
    (box,) = docker(*running).stdout.split()
    seen = json.loads(docker("inspect", "--format", "{{json .Config.Env}}", box).stdout)
    assert "TOKEN=none" in seen and not [entry for entry in seen if "ghs_secret" in entry]
