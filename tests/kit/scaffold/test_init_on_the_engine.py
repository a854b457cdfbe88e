"""After `slipway init`, `slipway run` is green on repositories that are not ours; each built and deployed for real."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import yaml
from scaffold.shapes import COMPOSE, HARDENED, HELLO, PACKAGE, PDM, POETRY, PYPROJECT, REQUIREMENTS, SHAPES
from support import Project

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
OURS = ("server.py", "mode.txt", "check.py", "checks.txt", "slipway.toml", ".dockerignore", "note.txt", "Dockerfile")
KIT = "acme/slipway@" + "1234567890" * 4
PASSED = {"lint", "build", "scan", "integration", "publish", "deploy"}


def repository(project: Callable[..., Project], files: dict[str, str]) -> Project:
    """A repository of somebody else's. Its images.toml lets a stand-in take the base image's place here."""
    return project(**{**dict.fromkeys(OURS), **files})


def adopt(shop: Project, *words: str) -> str:
    command = [sys.executable, "-m", "slipway", "init", str(shop.root), "--kit", KIT, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=shop.environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lock(shop: Project, *command: str) -> None:
    """A lock file, made by its own tool."""
    done = subprocess.run(command, cwd=shop.root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def test_requirements_and_a_factory(project: Callable[..., Project]) -> None:
    shop = repository(project, {**PACKAGE, "requirements.txt": REQUIREMENTS})
    shown = adopt(shop)
    assert "factory shop:create_app()" in shown
    assert "in the way" not in shown
    done = shop.run(timeout=400)
    assert done.code == 0, done.text
    assert done.statuses() == dict.fromkeys(PASSED | {"test"}, "passed")
    assert done.stage("test")["reason"].startswith("1 passed")
    assert done.stage("deploy")["reason"].startswith("live, 3 of 3 checks say")
    assert shop.get("/total") == {"total": 3}
    # The gates are real: the same repository with a wrong price, and with a health path that fails, is red.
    shop.replace("shop/prices.py", "sum(prices)", "sum(prices) + 1")
    red = shop.run("test")
    assert (red.code, red.stage("test")["reason"]) == (1, "1 failed"), red.text
    shop.replace("shop/__init__.py", 'return {"status": "healthy"}', "return {}, 500")
    ill = shop.run("integration", "--skip", "test")
    assert (ill.code, ill.stage("integration")["status"]) == (1, "failed"), ill.text


def test_one_module_without_tests_or_health(project: Callable[..., Project]) -> None:
    shop = repository(project, {"app.py": HELLO, "requirements.txt": "flask\n"})
    adopt(shop)
    done = shop.run(timeout=400)
    assert done.code == 0, done.text
    assert done.statuses() == dict.fromkeys(PASSED, "passed") | {"test": "skipped"}
    assert "version unproven" in done.stage("deploy")["reason"]


def test_src_layout_with_uv(project: Callable[..., Project]) -> None:
    files = {
        name.replace("shop/", "src/shop/", 1) if name.startswith("shop/") else name: text
        for name, text in PACKAGE.items()
    }
    shop = repository(project, {**files, "pyproject.toml": PYPROJECT})
    lock(shop, "uv", "lock", "--quiet")
    adopt(shop)
    done = shop.run(timeout=400)
    assert done.code == 0, done.text
    assert done.statuses() == dict.fromkeys(PASSED | {"test"}, "passed")


@pytest.mark.parametrize(
    ("tool", "text", "command"),
    [("poetry", POETRY, ["lock"]), ("pdm", PDM, ["lock", "--quiet"])],
    ids=["poetry", "pdm"],
)
def test_other_locks(project: Callable[..., Project], tool: str, text: str, command: list[str]) -> None:
    from slipway.scaffold.dockerfile import PINS

    shop = repository(project, {**PACKAGE, "pyproject.toml": text})
    lock(shop, "uvx", "--quiet", f"{tool}=={PINS[tool]}", *command)
    adopt(shop)
    done = shop.run("test", "scan", timeout=500)
    assert done.code == 0, done.text
    assert done.stage("test")["reason"].startswith("1 passed")


def test_a_tutorials_dockerfile_and_its_compose_file(
    project: Callable[..., Project], base_images: dict[str, str]
) -> None:
    """Postgres and Redis come up beside the app, and what was there stays what it was."""
    dockerfile = HARDENED.replace("python:3.11-slim", base_images["PYTHON_IMAGE"])
    ca = "--mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt"
    dockerfile = dockerfile.replace("RUN pip install", f"RUN {ca} pip install")
    compose = COMPOSE.replace("image: postgres", f"image: {base_images['POSTGRES_IMAGE']}")
    compose = compose.replace('"redis:alpine"', base_images["REDIS_IMAGE"])
    app = HELLO + (
        "\n@app.get('/readyz')\ndef ready():\n    import os, socket\n"
        "    assert 'db/myapp' in os.environ['DATABASE_URL']\n"
        "    for name, port in (('db', 5432), ('redis', 6379)):\n"
        "        socket.create_connection((name, port), 2).close()\n    return 'ready'\n"
    )
    shop = repository(
        project,
        {"main.py": app, "requirements.txt": REQUIREMENTS, "Dockerfile": dockerfile, "docker-compose.yml": compose},
    )
    adopt(shop)
    done = shop.run(timeout=400)
    assert done.code == 0, done.text
    assert set(shop.services()) == {"web", "db", "redis"}
    assert (shop.root / "docker-compose.yml").read_text() == compose
    settings = yaml.safe_load((shop.root / "docker-compose.deploy.yml").read_text())
    assert settings["services"]["db"]["environment"] == ["POSTGRES_PASSWORD=password", "POSTGRES_DB=myapp"]


def test_the_way_off_tiangolos_image(project: Callable[..., Project]) -> None:
    shop = repository(project, SHAPES["tiangolo's image"].files)
    shown = adopt(shop, "--dockerfile", "Dockerfile.new")
    assert "Dockerfile.new" in shown
    assert (shop.root / "Dockerfile").read_text() == SHAPES["tiangolo's image"].files["Dockerfile"]
    done = shop.run(timeout=400)
    assert done.code == 0, done.text
    assert done.statuses()["deploy"] == "passed"


@pytest.mark.parametrize("name", ["tutorial: two stages, installed for root", "tutorial: packages left behind"])
def test_what_init_says_is_in_the_way_is(
    project: Callable[..., Project], base_images: dict[str, str], name: str
) -> None:
    """The objections are no opinions: the run is red for them."""
    files = dict(SHAPES[name].files)
    python = base_images["PYTHON_IMAGE"]
    text = files["Dockerfile"].replace("python:3.9-slim", python).replace("python:3.10-slim", python)
    text = text.replace("python:3.10", python).replace("RUN apt-get update && apt-get install -y gcc\n", "")
    ca = "--mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt"
    files["Dockerfile"] = text.replace("RUN pip install", f"RUN {ca} pip install")
    shop = repository(project, files)
    assert "in the way of a green run" in adopt(shop)
    red = shop.run("scan", "integration", "--keep-going", timeout=400)
    assert red.code == 1, red.text
    assert red.stage("integration")["status"] == "failed"
    if "runs as root" in SHAPES[name].ways:
        assert "DS-0002" in red.rules("scan")
