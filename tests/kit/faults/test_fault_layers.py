"""How the image comes into the engine, and development's compose file: what the engine does there, held by tests."""

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support import REPOSITORY, Project, docker

pytestmark = pytest.mark.engine


@pytest.fixture
def loads(tmp_path: Path) -> Callable[[str], Path]:
    """A docker command that keeps what is loaded, in a folder; `code` runs first, with the tar as $tar."""

    def shim(code: str = "") -> Path:
        kept = tmp_path / "loads"
        kept.mkdir()
        script = tmp_path / "bin/docker"
        script.parent.mkdir()
        script.write_text(
            "#!/bin/sh\n"
            f'if [ "$1" != load ]; then exec {shutil.which("docker")} "$@"; fi\n'
            f'tar={kept}/$(ls {kept} | wc -l).tar\ncat > "$tar"\n{code}\n'
            f'exec {shutil.which("docker")} "$@" < "$tar"\n'
        )
        script.chmod(0o755)
        return kept

    return shim


def blobs(tar: Path) -> list[str]:
    """The blobs in a tar that was loaded."""
    with tarfile.open(tar) as opened:
        return [name.rpartition("/")[2] for name in opened.getnames() if name.startswith("blobs/")]


def test_only_what_the_engine_lacks_is_loaded(project: Callable[..., Project], loads: Callable[[str], Path]) -> None:
    kept, shop = loads(""), project()
    done = shop.run("build", PATH=f"{kept.parent / 'bin'}:{shop.environment['PATH']}")
    assert done.code == 0, done.text
    (slim,) = kept.iterdir()
    facts = done.stage("build")["facts"]
    assert blobs(slim) == [facts[name].removeprefix("sha256:") for name in ("digest", "config-digest")]


def test_an_engine_that_lacks_a_layer_gets_them_all(
    project: Callable[..., Project], loads: Callable[[str], Path]
) -> None:
    """As where another builder made the image: the engine refuses a tar without layers that it has not."""
    refuse = 'if [ "$(tar -tf "$tar" | grep -c blobs/)" = 2 ]; then echo "content digest not found" >&2; exit 1; fi'
    kept, shop = loads(refuse), project()
    done = shop.run("build", PATH=f"{kept.parent / 'bin'}:{shop.environment['PATH']}")
    assert done.code == 0, done.text
    digest = done.record["image"]["digest"]
    assert json.loads(docker("image", "inspect", digest).stdout)[0]["Id"] == digest
    whole = blobs(kept / "1.tar")
    assert whole[2:] == [layer[0].removeprefix("sha256:") for layer in done.stage("build")["facts"]["layers"]]


def test_checks_that_this_builder_does_not_know_are_not_claimed(project: Callable[..., Project]) -> None:
    """Before 0.15 `buildx build --call` is an unknown flag, and `# check=error=true` a comment."""
    known = docker("buildx", "build", "--help").stdout
    done = project().run("lint")
    assert done.code == 0, done.text
    without = "without BuildKit's checks, which this builder does not know"
    assert (without in done.stage("lint")["reason"]) is ("--call" not in known)


def test_compose_watch_could_write_into_the_development_container() -> None:
    """It cannot where the root file system is read-only, nor as a user without an entry in /etc/passwd."""
    files = ("-f", "docker-compose.yml", "-f", "docker-compose.dev.yml")
    shown = subprocess.run(
        ["docker", "compose", *files, "config", "--format", "json"], cwd=REPOSITORY, capture_output=True, text=True,
        check=True, env=os.environ | {"SLIPWAY_IMAGE": "x"}, timeout=30,
    )  # fmt: skip
    web = json.loads(shown.stdout)["services"]["web"]
    assert web["develop"]["watch"][0]["action"] == "sync"
    assert not web.get("read_only")
    assert web["user"] == "root"
    assert {"CHOWN", "DAC_OVERRIDE"} <= set(web["cap_add"])
