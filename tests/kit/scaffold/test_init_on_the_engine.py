"""After `slipway init`, `slipway run` is green on repositories that are not ours; each built and deployed for real."""

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
import yaml
from scaffold import locks
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
    command = [sys.executable, "-m", "slipway", "init", str(shop.root), "--uses", KIT, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=shop.environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def here(dockerfile: str, images: dict[str, str]) -> str:
    """A Dockerfile of a tutorial that builds on this machine: on the base image that is here, which may be a stand-in
    without `useradd` and `gcc`, and with the certificates of the network."""
    text = re.sub(r"\bpython:3\.\d+(-slim)?", images["PYTHON_IMAGE"], dockerfile)
    user = "RUN echo 'appuser:x:1000:1000::/tmp:/bin/sh' >> /etc/passwd && echo 'appuser:x:1000:' >> /etc/group"
    text = text.replace("RUN useradd -m -u 1000 appuser", user)
    text = text.replace("RUN apt-get update && apt-get install -y gcc\n", "")
    ca = "--mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt"
    return text.replace("RUN pip install", f"RUN {ca} pip install")


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


def test_an_app_that_writes_into_its_instance_folder(project: Callable[..., Project]) -> None:
    """And one whose packages have no lock."""
    shop = repository(project, SHAPES["an instance folder"].files)
    adopt(shop)
    done = shop.run(timeout=400)
    assert done.code == 0, done.text
    assert shop.get("/hello") == ["flaskr.sqlite"]


def test_src_layout_with_uv(project: Callable[..., Project]) -> None:
    files = {
        name.replace("shop/", "src/shop/", 1) if name.startswith("shop/") else name: text
        for name, text in PACKAGE.items()
    }
    shop = repository(project, {**files, "pyproject.toml": PYPROJECT})
    locks.run(shop.root, "uv", "lock", "--quiet")
    adopt(shop)
    done = shop.run(timeout=400)
    assert done.code == 0, done.text
    assert done.statuses() == dict.fromkeys(PASSED | {"test"}, "passed")


@pytest.mark.parametrize(("tool", "text"), [("poetry", POETRY), ("pdm", PDM)])
def test_other_locks(project: Callable[..., Project], tool: str, text: str) -> None:
    """Both read by their own tools in the build, and installed by hash."""
    shop = repository(project, {**PACKAGE, "pyproject.toml": text})
    gunicorn = ["gunicorn>=23"] if tool == "pdm" else []
    locks.write(shop.root, tool, ["flask>=3.1", *gunicorn], ["pytest>=8"])
    adopt(shop)
    done = shop.run("test", "scan", timeout=500)
    assert done.code == 0, done.text
    assert done.stage("test")["reason"].startswith("1 passed")
    # A lock that does not fit the project any more is refused, not installed.
    shop.replace("pyproject.toml", "flask", "click")
    red = shop.run("build", timeout=300)
    assert (red.code, red.stage("build")["status"]) == (1, "failed"), red.text


def test_a_tutorials_dockerfile_and_its_compose_file(
    project: Callable[..., Project], base_images: dict[str, str]
) -> None:
    """Postgres and Redis come up beside the app, and what was there stays what it was."""
    dockerfile = here(HARDENED, base_images)
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
    # Neither tests nor health were there: one is skipped, the other said.
    assert done.statuses() == dict.fromkeys(PASSED, "passed") | {"test": "skipped"}
    assert "version unproven" in done.stage("deploy")["reason"]


@pytest.mark.parametrize(
    ("name", "stages", "says"),
    [
        ("tutorial: two stages, installed for root", ["integration"], ["web ended with 126"]),
        ("tutorial: packages left behind", ["integration", "scan"], ["web ended with 1", "puts flask 3.1.3, gunicorn"]),
        ("tutorial: plain", ["scan"], ["DS-0002"]),
    ],
)
def test_what_is_said_to_be_in_the_way_is(
    project: Callable[..., Project], base_images: dict[str, str], name: str, stages: list[str], says: list[str]
) -> None:
    """The objections are no opinions: the image is built, and the run is red for what was said."""
    files = dict(SHAPES[name].files)
    # As printed, one of them does not even find its requirements.txt.
    files["Dockerfile"] = re.sub(r"(?m)^(FROM .*)$", r"\1\nWORKDIR /app", here(files["Dockerfile"], base_images))
    shop = repository(project, files)
    assert "in the way of a green run" in adopt(shop)
    red = shop.run(*stages, "--keep-going", timeout=400)
    assert red.code in (1, 4), red.text
    for stage, words in zip(stages, says, strict=True):
        assert words in str(red.stage(stage))
    if "packages left behind" in name:  # the log has the app's own last words
        assert "No module named 'flask'" in shop.log("integration")
