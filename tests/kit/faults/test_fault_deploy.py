"""Deploys that fail: exit 5, the old version proven to run, or nothing where nothing ran."""

import socket
import sys
from collections.abc import Callable

import pytest
from support import Project, docker, until

pytestmark = pytest.mark.engine
DEPLOY = ("deploy", "--skip", "lint", "--skip", "test", "--skip", "scan", "--skip", "integration")
COMPOSE = """\
services:
  web:
    image: ${SLIPWAY_IMAGE:?}
    init: true
    ports: ["127.0.0.1:${SLIPWAY_PORT:-8000}:8000"]
    depends_on:
      migrate: {condition: service_completed_successfully}
      store: {condition: service_healthy}
  migrate:
    image: ${SLIPWAY_IMAGE:?}
    command: [python, migrate.py]
    healthcheck: {disable: true}
    networks: [default]
    volumes: ["data:/data"]
    user: "0"
  store:
    image: ${PYTHON_IMAGE}
    command: [sleep, infinity]
    init: true
    stop_grace_period: 1s
    healthcheck: {test: [CMD, "true"], interval: 1s, start_period: 10s, start_interval: 100ms}
volumes:
  data:
"""
MIGRATE = "print('migrating', flush=True)\n"


def with_compose(project: Callable[..., Project], **files: str) -> Project:
    shop = project(**{"docker-compose.yml": COMPOSE, "migrate.py": MIGRATE, **files})
    shop.replace(".dockerignore", "!server.py", "!server.py\n!migrate.py")
    shop.replace("Dockerfile", "COPY server.py mode.txt", "COPY migrate.py server.py mode.txt")
    return shop


def live(shop: Project) -> str:
    done = shop.run(*DEPLOY)
    assert done.code == 0, done.text
    return str(done.record["image"]["digest"])


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("ill", ["web is unhealthy"]),
        ("crash", ["web"]),
        ("wrong", ["/version says 'another', not 'unknown+"]),
    ],
)
def test_the_new_version_is_bad_and_the_old_one_comes_back(
    project: Callable[..., Project], mode: str, words: list[str]
) -> None:
    shop = project()
    good = live(shop)
    before = shop.get("/version")["commit"]
    shop.write("mode.txt", mode)
    done = shop.run(*DEPLOY)
    assert done.code == 5, done.text
    deploy = done.stage("deploy")
    assert deploy["reason"].startswith("rolled-back: "), deploy
    assert all(word in deploy["reason"] for word in words), deploy
    assert deploy["facts"]["previous"].endswith(good)
    assert f"now running: {good[:11]}…{good[-4:]}" in done.out
    # Not what we say, but what the engine and the app say.
    assert done.record["image"]["digest"] != good
    assert shop.deployed() == good
    assert shop.get("/version") == {"commit": before, "mode": "well"}
    assert ("crashed on purpose" if mode == "crash" else f"serving as {mode}") in shop.log("deploy")


def test_the_first_version_is_bad_and_nothing_stays(project: Callable[..., Project]) -> None:
    shop = with_compose(project, **{"mode.txt": "ill"})
    done = shop.run(*DEPLOY)
    assert done.code == 5, done.text
    assert "kept-old" in done.stage("deploy")["reason"]
    assert "nothing runs" in done.stage("deploy")["reason"]
    assert shop.services() == {}
    ours = ("--filter", f"label=com.docker.compose.project={shop.compose_project}")
    assert docker("network", "ls", "-q", *ours).stdout == ""


def test_the_migration_fails_and_the_old_version_was_never_touched(project: Callable[..., Project]) -> None:
    shop = with_compose(project)
    good = live(shop)
    box = docker("ps", "-q", "--filter", f"publish={shop.port}").stdout
    shop.write("migrate.py", "raise SystemExit('column exists already')\n")
    done = shop.run(*DEPLOY)
    assert done.code == 5, done.text
    reason = done.stage("deploy")["reason"]
    assert reason.startswith("kept-old: the migration failed"), reason
    assert "column exists already" in shop.log("deploy")
    assert shop.get("/version")["mode"] == "well"
    assert docker("ps", "-q", "--filter", f"publish={shop.port}").stdout == box
    assert good in docker("inspect", "--format", "{{.Config.Image}}", box.strip()).stdout
    assert "migrate" not in shop.services()


def test_the_first_migration_fails_and_nothing_stays_but_the_data(project: Callable[..., Project]) -> None:
    shop = with_compose(project, **{"migrate.py": "open('/data/kept', 'w')\nraise SystemExit('no such table')\n"})
    done = shop.run(*DEPLOY)
    assert done.code == 5, done.text
    assert "the migration failed" in done.stage("deploy")["reason"]
    assert shop.services() == {}
    assert docker("volume", "inspect", f"{shop.compose_project}_data").returncode == 0


def test_the_old_version_serves_while_the_migration_runs(project: Callable[..., Project]) -> None:
    """As a dependency of the app, compose would stop the old version first and migrate then."""
    shop = with_compose(project)
    live(shop)
    wait = (
        "import pathlib, time\nprint('waiting', flush=True)\n"
        "for _ in range(200):\n    time.sleep(0.05)\n"
        "    if pathlib.Path('/data/go').exists():\n        raise SystemExit\n"
        "raise SystemExit('nobody said go')\n"
    )
    shop.write("migrate.py", wait)
    run = shop.start(*DEPLOY)
    oneoff = ("ps", "-q", "--filter", f"label=com.docker.compose.project={shop.compose_project}",
              "--filter", "label=com.docker.compose.oneoff=True")  # fmt: skip
    box = until(lambda: docker(*oneoff).stdout.strip(), "the migration runs")
    until(lambda: "waiting" in docker("logs", box).stdout, "the migration says so")
    assert shop.get("/version")["mode"] == "well"
    docker("exec", "--user", "0", box, "touch", "/data/go")
    done = run.end()
    assert done.code == 0, done.text
    assert done.record["image"]["digest"] == shop.deployed()


def test_the_port_is_taken(project: Callable[..., Project]) -> None:
    shop = project()
    with socket.create_server(("127.0.0.1", shop.port)):
        done = shop.run(*DEPLOY)
    assert done.code == 3, done.text
    reason = done.stage("deploy")["reason"]
    assert f"port {shop.port} on 127.0.0.1 is taken" in reason
    assert f"SLIPWAY_PORT={shop.port + 1}" in reason
    if sys.platform == "linux":
        assert "by process" in reason
    assert shop.services() == {}


def test_the_services_image_is_not_ours(project: Callable[..., Project]) -> None:
    shop = with_compose(project)
    shop.replace("docker-compose.yml", "  web:\n    image: ${SLIPWAY_IMAGE:?}", "  web:\n    image: shop:latest")
    done = shop.run(*DEPLOY)
    assert done.code == 2, done.text
    assert "service web does not run the built image. Write image: ${SLIPWAY_IMAGE}." in done.out
    assert shop.services() == {}


def test_a_secret_has_no_file(project: Callable[..., Project]) -> None:
    text = COMPOSE.replace("  web:\n", "  web:\n    secrets: [key]\n", 1) + "secrets:\n  key: {file: ./secrets/key}\n"
    shop = with_compose(project, **{"docker-compose.yml": text})
    done = shop.run(*DEPLOY)
    assert done.code == 3, done.text
    assert "the secret key has no file" in done.out
    assert shop.services() == {}


def test_there_is_no_such_service(project: Callable[..., Project]) -> None:
    shop = with_compose(project, **{"slipway.toml": '[deploy.local]\nservice = "wbe"\n'})
    done = shop.run(*DEPLOY)
    assert done.code == 2, done.text
    assert "has no service 'wbe'" in done.out


def test_a_crash_loop_is_not_taken_for_ready(project: Callable[..., Project]) -> None:
    """`up --wait` calls a service without a health check ready while it dies and is started again."""
    always = COMPOSE.replace("init: true", "init: true\n    restart: always", 1)
    shop = with_compose(project, **{"docker-compose.yml": always})
    lines = (shop.root / "Dockerfile").read_text().splitlines()
    shop.write("Dockerfile", "\n".join(line for line in lines if "HEALTHCHECK" not in line) + "\n")
    good = live(shop)
    shop.write("mode.txt", "crash")
    done = shop.run(*DEPLOY)
    assert (done.code, shop.deployed()) == (5, good), done.text


def test_the_same_again_changes_nothing(project: Callable[..., Project]) -> None:
    shop = project()
    live(shop)
    box = docker("ps", "-q", "--filter", f"publish={shop.port}").stdout
    again = shop.run(*DEPLOY)
    assert again.stage("deploy")["reason"].startswith("unchanged"), again.text
    assert docker("ps", "-q", "--filter", f"publish={shop.port}").stdout == box


def test_without_a_version_path_it_is_said_that_nothing_is_proven(project: Callable[..., Project]) -> None:
    shop = project(**{"slipway.toml": '[deploy.local]\nhealth = "/health"\n'})
    done = shop.run(*DEPLOY)
    assert done.code == 0, done.text
    assert done.stage("deploy")["reason"].startswith("live, version unproven")
