"""An engine shows an image whose layers it does not have: nobody believes it, and what needs the image gets it whole.

The images are runnable ones: the base of the kit and a layer that no engine has ever seen.
"""

import asyncio
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import layouts
import pytest
from support import INTEGRATION, SERVER, STACK, Engine, Project, docker

from slipway.config import Settings
from slipway.errors import Broken
from slipway.image import layout
from slipway.image.layout import Image
from slipway.image.reference import by_digest
from slipway.stages import integration
from slipway.stages.base import Context, Outcome
from slipway.stages.deploy import REVISION
from slipway.tools import loading
from slipway.tools.container import Box
from slipway.tools.git import Source
from slipway.tools.images import Images

pytestmark = pytest.mark.engine
ASK = "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health')"
NAME = f"localhost:1/t-gone-{secrets.token_hex(3)}"  # no registry is there


@dataclass(frozen=True)
class Made:
    """A layout, and its image as the engine calls it."""

    folder: Path
    image: Image

    @property
    def name(self) -> str:
        return f"{NAME}@{self.image.digest}"

    def load(self, *, layers: bool) -> "subprocess.CompletedProcess[bytes]":
        """As `docker load` has it, with nobody looking."""
        archive = layout.archive(self.folder, self.image, self.name, layers=layers)
        return subprocess.run(["docker", "load"], input=archive, capture_output=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, base_images: dict[str, str]) -> Path:
    """The kit's base image as a layout."""
    folder = tmp_path_factory.mktemp("base")
    assert docker("save", "--output", str(folder / "tar"), base_images["PYTHON_IMAGE"]).returncode == 0
    with tarfile.open(folder / "tar") as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture
def made(base: Path, tmp_path: Path) -> Iterator[Made]:
    """An image of the small project's server, on the base, in a layer that is new each time."""
    folder = tmp_path / "layout"
    shutil.copytree(base / "blobs", folder / "blobs", copy_function=os.link)
    manifest = _manifest(base)
    config = json.loads(_blob(folder, manifest["config"]["digest"]))
    files = {"app/server.py": SERVER, "app/mode.txt": "well", "app/new": secrets.token_hex(16)}
    packed = layouts.packed(files)
    config["rootfs"]["diff_ids"].append(f"sha256:{hashlib.sha256(layouts.unpacked(packed)).hexdigest()}")
    config.pop("history", None)
    config["config"] |= {
        "Cmd": ["python", "server.py"], "WorkingDir": "/app", "ExposedPorts": {"8000/tcp": {}},
        "Healthcheck": {"Test": ["CMD", "python", "-ISc", ASK], "Interval": 10**9, "Timeout": 3 * 10**9, "Retries": 9},
        "Labels": {REVISION: "gone"}, "Env": [*config["config"].get("Env", []), "APP_COMMIT=gone"],
    }  # fmt: skip
    kind = "application/vnd.oci.image."
    new = {
        "schemaVersion": 2,
        "mediaType": f"{kind}manifest.v1+json",
        "config": layouts.put(folder, json.dumps(config).encode()) | {"mediaType": f"{kind}config.v1+json"},
        "layers": [*manifest["layers"], layouts.put(folder, packed) | {"mediaType": f"{kind}layer.v1.tar+gzip"}],
    }
    entry = layouts.put(folder, json.dumps(new).encode()) | {"mediaType": f"{kind}manifest.v1+json"}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    yield Made(folder, layout.read(folder))
    docker("rmi", f"{NAME}@{entry['digest']}")


def _blob(folder: Path, digest: str) -> bytes:
    return (folder / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()


def _manifest(folder: Path) -> dict[str, Any]:
    """The image that is there, of an index the one whose blobs are."""
    waiting = json.loads((folder / "index.json").read_bytes())["manifests"]
    for entry in waiting:
        if not (folder / "blobs/sha256" / entry["digest"].removeprefix("sha256:")).exists():
            continue
        found = json.loads(_blob(folder, entry["digest"]))
        if "layers" in found:
            return dict(found)
        waiting += found["manifests"]
    raise AssertionError(f"no image in {folder}")


def can_be_made(name: str) -> str:
    """An empty string, or why no container can be made of it."""
    done = docker("create", "--pull", "never", "--entrypoint", "python", name)
    if done.returncode == 0:
        docker("rm", done.stdout.strip())
        return ""
    return done.stderr


def test_what_the_engine_says_of_layers_that_it_does_not_have(made: Made) -> None:
    """Docker 27.2 and later: exit code 0. All of them show the digest."""
    loaded = made.load(layers=False)
    version = docker("version", "--format", "{{.Server.APIVersion}}").stdout.strip()
    if tuple(map(int, version.split("."))) >= (1, 47):
        assert (loaded.returncode, loading.NOT_UNPACKED in loaded.stdout.decode()) == (0, True), loaded
    else:
        assert loaded.returncode == 1, loaded
    assert docker("image", "inspect", "--format", "{{.Id}}", made.name).stdout.strip() == made.image.digest
    assert loading.layers_gone(can_be_made(made.name))


@pytest.mark.parametrize("before", [True, False], ids=["shown before", "never seen"])
def test_layers_that_the_engine_lacks_are_brought_along(made: Made, tmp_path: Path, before: bool) -> None:
    if before:
        made.load(layers=False)
    asyncio.run(loading.load(made.folder, made.image, made.name, tmp_path / "log", whole=False))
    assert can_be_made(made.name) == ""
    said = (tmp_path / "log").read_text()
    assert "content digest" in said, "it was tried without the layers first"
    assert "Loaded image" in said


def test_layers_that_nobody_has_are_red(made: Made, tmp_path: Path) -> None:
    (made.folder / "blobs/sha256" / made.image.layers[-1].removeprefix("sha256:")).write_bytes(b"not a layer")
    with pytest.raises(Broken, match=f"the engine did not take {made.image.digest}: "):
        asyncio.run(loading.load(made.folder, made.image, made.name, tmp_path / "log", whole=True))


def test_a_container_is_made_once_more(made: Made, tmp_path: Path) -> None:
    made.load(layers=False)
    words = ("-c", "print(open('new').read())")

    async def restore() -> None:
        await loading.load(made.folder, made.image, made.name, tmp_path / "log", whole=True)

    def run(box: Box) -> str:
        return asyncio.run(box.run([], timeout=60, log=tmp_path / "log")).out.strip()

    with pytest.raises(Broken, match=r"the container could not be made: .*content digest sha256:\w+: not found"):
        run(Box(made.name, words, entrypoint="python"))
    assert len(run(Box(made.name, words, entrypoint="python", restore=restore))) == 32


def test_a_local_deploy(made: Made, project: Callable[..., Project]) -> None:
    shop = project()
    shop.replace("slipway.toml", '"2s"', '"20s"')
    made.load(layers=False)
    (shop.root / ".slipway").mkdir()
    refused = shop.call("deploy", "local", made.name)
    assert (refused.code, refused.stage("deploy")["facts"]["result"]) == (5, "kept-old"), refused.text
    assert "content digest" in refused.stage("deploy")["reason"], "neither the layout nor a registry has it"
    shutil.copytree(made.folder, shop.root / ".slipway/layout")
    done = shop.call("deploy", "local", made.name)
    assert done.code == 0, done.text
    assert shop.get("/version") == {"commit": "gone", "mode": "well"}


def test_integration_tests(made: Made, tmp_path: Path) -> None:
    made.load(layers=False)
    root = tmp_path / "project"
    shutil.copytree(made.folder, root / ".slipway/layout")
    (root / "tests/integration").mkdir(parents=True)
    (root / "tests/integration/test_health.py").write_text(INTEGRATION)
    (root / "docker-compose.test.yml").write_text(STACK)
    repository, _ = by_digest(made.name)

    async def python() -> Path:
        return Path(sys.executable)

    context = Context(
        root=root, settings=Settings(), run_id=f"gone-{secrets.token_hex(3)}", folder=root, state=root / ".slipway",
        engine=None, source=Source("", "", 0, 0), images=Images(), repository=repository, seen="", version="gone",
        stage="integration", done={"build": Outcome("passed", facts={"digest": made.image.digest})}, prepared=python,
    )  # fmt: skip
    outcome = asyncio.run(integration.run(context))
    asyncio.run(integration.finish(context))
    assert (outcome.status, outcome.summary.partition(" on ")[0]) == ("passed", "1 passed"), context.log.read_text()


@pytest.mark.timeout(480)
def test_six_changes_of_the_source_in_a_row(project: Callable[..., Project]) -> None:
    """Each image has the layers of the one before it, which is removed while the tests of the new one begin."""
    shop = project(**{"check.py": None, "checks.txt": None, ".dockerignore": "*\n!server.py\n!*.txt\n!tests\n"})
    head, _, tail = (shop.root / "Dockerfile").read_text().partition("FROM base AS test")
    shop.write("Dockerfile", head + "FROM base AS runtime" + tail.partition("FROM base AS runtime")[2])
    for number in range(6):
        shop.write("tests/unit/test_x.py", f"def test_x():\n    assert {number} == {number}\n")
        done = shop.run("test")
        assert (done.code, done.statuses()["test"]) == (0, "passed"), done.text
        assert can_be_made(done.record["image"]["reference"]) == ""


ELSEWHERE = """
words = sys.argv[1:]
if words[:2] == ["buildx", "bake"]:
    os.environ["DOCKER_HOST"] = {host!r}
    os.environ.pop("BUILDX_BUILDER", None)
os.execv({docker!r}, ["docker", *words])
"""


@pytest.mark.root
@pytest.mark.parametrize("named", [True, False], ids=["by BUILDX_BUILDER", "by `docker buildx use`"])
def test_a_builder_that_is_elsewhere(
    project: Callable[..., Project],
    engine: Callable[..., Engine],
    program: Callable[[str, str], Path],
    named: bool,
) -> None:
    """It builds on another engine, and this one has none of the layers."""
    host = engine().environment["DOCKER_HOST"]
    shim = program("docker", ELSEWHERE.format(host=host, docker=shutil.which("docker")))
    shop = project(Dockerfile=f'FROM scratch\nCOPY note.txt /\nENV NEW={secrets.token_hex(8)}\nCMD ["/note.txt"]\n')
    variables = {"PATH": f"{shim.parent}:{os.environ['PATH']}"} | ({"BUILDX_BUILDER": "remote"} if named else {})
    done = shop.run("build", **variables)
    assert done.code == 0, done.text
    assert can_be_made(done.record["image"]["reference"]) == ""
    found_out = any(words in shop.log("build") for words in ("content digest", "Error unpacking image"))
    assert found_out == (not named), "it is known, or it is found out"
