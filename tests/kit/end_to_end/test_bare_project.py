"""A repository with only a Dockerfile and a folder of tests works, with nothing configured."""

import json
import signal
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from support import REPOSITORY, STACK, Project, docker, until

import slipway

pytestmark = pytest.mark.engine
DOCKERFILE = """\
FROM {PYTHON_IMAGE}
WORKDIR /srv
COPY shop.py ./
USER 10001
CMD ["python", "-m", "http.server", "8000"]
"""


def bare(project: Callable[..., Project], images: dict[str, str], **files: str) -> Project:
    names = (
        "server.py", "mode.txt", "check.py", "checks.txt", "slipway.toml", ".dockerignore", "images.toml", "note.txt",
    )  # fmt: skip
    own = {
        "Dockerfile": DOCKERFILE.format(**images),
        "shop.py": "def total(prices):\n    return sum(prices)\n",
        "tests/test_shop.py": "import shop\n\n\ndef test_total():\n    assert shop.total([1, 2]) == 3\n",
    }
    return project(**{**dict.fromkeys(names), **own, **files})


def test_tests_run_in_the_built_image_with_pytest_beside_it(
    project: Callable[..., Project], base_images: dict[str, str]
) -> None:
    shop = bare(project, base_images)
    done = shop.run(SLIPWAY_DEPLOY_TIMEOUT="2s")
    assert done.code == 0, done.text
    assert done.stage("test")["reason"] == "1 passed"
    assert done.stage("deploy")["reason"].startswith("live, version unproven")
    assert shop.services()["web"].endswith("running")
    # Nothing of pytest is in what ships.
    listed = docker("run", "--rm", "--init", f"{shop.repository}@{shop.deployed()}", "python", "-c", "import pytest")
    assert listed.returncode != 0

    shop.write("tests/test_shop.py", "import shop\n\n\ndef test_total():\n    assert shop.total([1, 2]) == 4\n")
    red = shop.run("test")
    assert (red.code, red.stage("test")["reason"]) == (1, "1 failed"), red.text
    assert red.stage("build")["status"] in ("reused", "passed")


HANGS = "import time\n\n\ndef test_quick():\n    pass\n\n\ndef test_hangs():\n    time.sleep(600)\n"


def test_a_test_is_named_while_it_runs_and_where_it_was_ended(
    project: Callable[..., Project], base_images: dict[str, str]
) -> None:
    """In the image, without anything of ours in it; and on the host."""
    limits = '[test]\ntimeout = "4s"\n[integration]\ntimeout = "8s"\n'
    shop = bare(project, base_images, **{"tests/test_shop.py": HANGS, "slipway.toml": limits})
    run = shop.start("test")
    run.seen("test", "stage-progress", "test_hangs in test_shop.py")
    done = run.end()
    assert done.code == 7, done.text
    assert (
        done.stage("test")["reason"] == "the unit tests took longer than 4s and were ended at test_shop.py::test_hangs"
    )
    assert "test_shop.py::test_quick PASSED" in shop.log("test"), "the log names every test"

    shop.write("docker-compose.test.yml", STACK)
    shop.write("tests/integration/test_it.py", HANGS)
    run = shop.start("integration", "--skip", "test")
    run.seen("integration", "stage-progress", "test_hangs in test_it.py")
    done = run.end()
    assert done.code == 7, done.text
    assert done.stage("integration")["reason"].endswith("took longer than 8s and were ended at test_it.py::test_hangs")


def test_without_a_bake_file_the_dockerfile_takes_its_images_as_arguments(
    project: Callable[..., Project], base_images: dict[str, str]
) -> None:
    """So that a stand-in can take the place of an image that is out of reach."""
    pinned = tomllib.loads((REPOSITORY / "images.toml").read_text())["PYTHON_IMAGE"]
    dockerfile = DOCKERFILE.replace("FROM {PYTHON_IMAGE}", f"ARG PYTHON_IMAGE={pinned}\nFROM ${{PYTHON_IMAGE}}")
    shop = bare(project, base_images, Dockerfile=dockerfile, **{"images.toml": f'PYTHON_IMAGE = "{pinned}"\n'})
    done = shop.run("build")
    assert done.code == 0, done.text
    base = json.loads(docker("image", "inspect", base_images["PYTHON_IMAGE"]).stdout)[0]["RootFS"]["Layers"]
    made = json.loads(docker("image", "inspect", done.record["image"]["digest"]).stdout)[0]["RootFS"]["Layers"]
    assert made[: len(base)] == base


def test_plain_pytest_cleans_up_after_sigterm(project: Callable[..., Project], base_images: dict[str, str]) -> None:
    """pytest-docker by itself leaves the stack; our plugin starts and removes it."""
    slow = (
        "import pathlib, time\n\n\n"
        "def test_slow(docker_services):\n    pathlib.Path('begun').touch()\n    time.sleep(600)\n"
    )
    shop = project(**{"docker-compose.test.yml": STACK, "tests/integration/test_slow.py": slow})
    shop.write("tests/integration/test_slow.py", "def test_quick():\n    pass\n")
    built = shop.run("integration", "--skip", "test")
    assert built.code == 0, built.text
    shop.write("tests/integration/test_slow.py", slow)
    python = shop.root / ".slipway/integration-venv/bin/python"
    plugin = Path(slipway.__file__).parent / "plugin"
    process = subprocess.Popen(
        [python, "-m", "pytest", "tests/integration", "-p", "slipway_pytest"], cwd=shop.root,
        env=shop.environment | {"PYTHONPATH": str(plugin)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    stack = ("ps", "-aq", "--filter", f"label=com.docker.compose.project=slipway-pytest-{process.pid}")
    networks = ("network", "ls", "-q", "--filter", f"label=com.docker.compose.project=slipway-pytest-{process.pid}")
    try:
        until((shop.root / "begun").exists, "the test runs", 60)
        assert docker(*stack).stdout
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        assert docker(*stack).stdout + docker(*networks).stdout == ""
    finally:
        process.kill()
        process.wait()
