"""The right lines of docs/pitfalls.md, taken from there and run; and what is wrong with the wrong ones, seen."""

import re
import secrets
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs import blocks
from docs.blocks import Block
from support import REPOSITORY, docker, free_port, until

from slipway.image import ignore

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
PAGE = blocks.of(REPOSITORY / "docs/pitfalls.md")
CA = "--mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt"
APP = """\
from flask import Flask

app = Flask(__name__)


@app.get("/health")
def health():
    return {"status": "healthy"}
"""


def pair(language: str, word: str) -> tuple[Block, Block]:
    """The wrong block and the right one that say something."""
    found = {b.mark: b for b in PAGE if b.language == language and word in b.text}
    right = next(b for b in PAGE[PAGE.index(found["wrong"]) + 1 :] if b.mark == "right")
    return found["wrong"], right


class Shop:
    """The image of the page's right Dockerfile, and its variations; all of it is removed at the end."""

    def __init__(self, folder: Path, images: dict[str, str]):
        self.folder, self.python, self.images = folder, images["PYTHON_IMAGE"], images
        self.name = f"slipway-docs-{secrets.token_hex(3)}"
        (folder / "app.py").write_text(APP)
        (folder / "requirements.txt").write_text("flask==3.1.3\ngunicorn==27.0.1\n")
        self.dockerfile = pair("dockerfile", "FROM python:3.13 AS builder")[1].text

    def here(self, text: str) -> str:
        """A Dockerfile of the page on the base image that is here, with the certificates of the network."""
        text = re.sub(r"python:3\.13(-slim)?", self.python, text)
        return re.sub(r"RUN ((?:/venv/bin/)?pip install)", rf"RUN {CA} \1", text)

    def build(self, text: str, tag: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Build a Dockerfile of the page."""
        bundle = Path("/etc/ssl/certs/ca-certificates.crt")
        secret = ["--secret", f"id=ca,src={bundle}"] if bundle.is_file() else []
        return subprocess.run(
            ["docker", "build", "--quiet", "--provenance=false", *secret, *words, "-t", f"{self.name}:{tag}",
             "-f", "-", str(self.folder)], input=self.here(text), capture_output=True, text=True, timeout=200,
            check=False,
        )  # fmt: skip

    def run(self, text: str, tag: str = "right") -> "subprocess.CompletedProcess[str]":
        """Run a block of the page, in which `shop` is the image and names are ours."""
        text = re.sub(r"--name shop-1", f"--name {self.name}", text).replace("8000:8000", f"{self.port}:8000")
        text = re.sub(r"(?<= )shop(?= |$)", f"{self.name}:{tag}", text, flags=re.M)
        text = text.replace("volume orders", f"volume {self.name}")
        return subprocess.run(["bash", "-e"], input=text, capture_output=True, text=True, timeout=100, check=False)

    def start(self, tag: str, *words: str) -> None:
        """A container of a variation, with the port published."""
        options = ("--publish", f"127.0.0.1:{self.port}:8000")
        assert docker("run", "--detach", "--name", self.name, *options, f"{self.name}:{tag}", *words).returncode == 0

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    @property
    def port(self) -> int:
        if not hasattr(self, "_port"):
            self._port = free_port()
        return self._port


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, base_images: dict[str, str]) -> Iterator[Shop]:
    one = Shop(tmp_path_factory.mktemp("shop"), base_images)
    done = one.build(one.dockerfile, "right")
    assert done.returncode == 0, done.stderr
    yield one
    docker("volume", "rm", "--force", one.name)
    tags = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", one.name).stdout.split()
    docker("rmi", "--force", *tags)


@pytest.fixture
def shop(built: Shop) -> Iterator[Shop]:
    yield built
    docker("rm", "--force", "--volumes", built.name)


def variation(shop: Shop, tag: str, old: str, new: str) -> str:
    """The right Dockerfile with one line for another."""
    assert old in shop.dockerfile
    done = shop.build(shop.dockerfile.replace(old, new), tag)
    assert done.returncode == 0, done.stderr
    return tag


def test_a_port_that_is_not_published_is_not_reached(shop: Shop) -> None:
    wrong, right = pair("sh", "--detach --name shop-1")
    assert shop.run(wrong.text).returncode == 0
    assert docker("port", shop.name).stdout == ""
    docker("rm", "--force", shop.name)
    assert shop.run(right.text).returncode == 0
    until(shop.answers, "the app answers", 30)


def test_a_server_on_loopback_is_not_reached(shop: Shop) -> None:
    wrong, right = pair("dockerfile", "127.0.0.1:8000")
    assert right.text in shop.dockerfile
    shop.start(variation(shop, "loopback", right.text, wrong.text))
    until(lambda: "Listening at" in docker("logs", shop.name).stderr, "gunicorn listens", 30)
    time.sleep(0.5)
    assert not shop.answers()


def test_what_is_in_the_container_goes_with_it(shop: Shop) -> None:
    wrong, right = pair("sh", "/tmp/orders")
    lost = shop.run(wrong.text)
    assert lost.returncode != 0 and "No such file" in lost.stderr
    assert shop.run(right.text).stdout == "one\n"


def test_packages_that_are_left_behind(shop: Shop) -> None:
    wrong, _ = pair("dockerfile", "FROM python:3.13 AS builder")
    assert shop.build(wrong.text, "left").returncode == 0
    lost = docker("run", "--rm", f"{shop.name}:left", "python", "-c", "import flask")
    assert "No module named 'flask'" in lost.stderr
    there = docker("run", "--rm", f"{shop.name}:right", "python", "-c", "import flask, os; print(os.getuid())")
    assert there.stdout == "10001\n", there.stderr


def test_an_edit_installs_nothing_again(shop: Shop) -> None:
    (shop.folder / "app.py").write_text(APP + "\n# an edit\n")
    log = subprocess.run(
        ["docker", "build", "--progress=plain", "-f", "-", str(shop.folder)], capture_output=True, text=True,
        check=True, input=shop.here(shop.dockerfile),
    ).stderr  # fmt: skip
    step = next(line.split()[0] for line in log.splitlines() if "/venv/bin/pip install" in line)
    assert f"{step} CACHED" in log, log


def test_dockerignore(shop: Shop) -> None:
    wrong, right = pair("text", "__pycache__")
    for text, out in ((wrong.text, False), (right.text, True)):
        rules = ignore.parse(text)
        assert [rules.excluded(name)[0] for name in (".env", "shop/.env", "tls.key", ".git")] == [out] * 4
    (shop.folder / ".env").write_text("PASSWORD=x\n")
    (shop.folder / ".dockerignore").write_text(right.text)
    assert shop.build("FROM python:3.13-slim\nCOPY . /all/\n", "all").returncode == 0
    listed = docker("run", "--rm", f"{shop.name}:all", "python", "-c", "import os; print(os.listdir('/all'))").stdout
    (shop.folder / ".dockerignore").unlink()
    assert "app.py" in listed and ".env" not in listed


def test_a_service_that_waits_until_the_database_answers(shop: Shop) -> None:
    _, right = pair("yaml", "depends_on: [db]")
    file = shop.folder / "docker-compose.yml"
    file.write_text(right.text)
    stack = ["docker", "compose", "--file", str(file), "--project-name", shop.name]
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "SLIPWAY_IMAGE": f"{shop.name}:right",
        "POSTGRES_IMAGE": shop.images["POSTGRES_IMAGE"],
    }  # fmt: skip
    try:
        up = subprocess.run(
            [*stack, "up", "--detach", "--wait"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert up.returncode == 0, up.stderr
        said = re.findall(r"-(\w+)-1  (Healthy|Started)", up.stderr)
        assert said.index(("db", "Healthy")) < said.index(("web", "Started")), up.stderr
    finally:
        subprocess.run([*stack, "down", "--volumes"], env=environment, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize(("mark", "code"), [("wrong", "137"), ("right", "0")])
def test_a_shell_keeps_the_signal(shop: Shop, mark: str, code: str) -> None:
    wrong, right = pair("dockerfile", "echo ended")
    tag = "right" if mark == "right" else variation(shop, "shell", right.text, wrong.text)
    shop.start(tag)
    until(shop.answers, "the app answers", 30)
    docker("stop", "--time", "3", shop.name)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", shop.name).stdout.strip() == code


@pytest.mark.parametrize(("mark", "status"), [("wrong", "unhealthy"), ("right", "healthy")])
def test_a_health_check_without_curl(shop: Shop, mark: str, status: str) -> None:
    wrong, right = pair("dockerfile", "curl")
    line = (right if mark == "right" else wrong).text
    quick = line.replace("HEALTHCHECK ", "HEALTHCHECK --interval=1s --retries=2 --start-period=1s ")
    shop.start(variation(shop, f"health-{mark}", "EXPOSE 8000\n", f"EXPOSE 8000\n{quick}"))
    said = ("inspect", "--format", "{{.State.Health.Status}}", shop.name)
    until(lambda: docker(*said).stdout.strip() == status, status, 40)


def test_a_password_in_an_argument_stays_in_the_image(shop: Shop) -> None:
    wrong, right = pair("dockerfile", "ARG TOKEN")
    token = "s3cr3t-" + secrets.token_hex(8)
    (shop.folder / "token").write_text(token)
    head = "FROM python:3.13-slim\n"
    told = shop.build(head + wrong.text, "argument", "--build-arg", f"TOKEN={token}")
    mounted = shop.build(head + right.text, "mounted", "--secret", f"id=token,src={shop.folder}/token")
    (shop.folder / "token").unlink()
    assert (told.returncode, mounted.returncode) == (0, 0), told.stderr + mounted.stderr
    for tag, leaks in (("argument", True), ("mounted", False)):
        history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", f"{shop.name}:{tag}").stdout
        assert (token in history) == leaks


def test_every_right_block_is_run_here() -> None:
    """Also the lines that are part of the right Dockerfile, which is built and started above."""
    whole = pair("dockerfile", "FROM python:3.13 AS builder")[1]
    code = Path(__file__).read_text()
    for block in (b for b in PAGE if b.mark == "right"):
        wrong = PAGE[PAGE.index(block) - 1]
        words = re.findall(r'pair\("(\w+)", "([^"]+)"\)', code)
        assert block.text in whole.text or any(b == wrong.language and w in wrong.text for b, w in words), str(block)
