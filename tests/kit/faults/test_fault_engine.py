"""No engine, one that lacks something, one that freezes or dies: exit 3 with the fix, and always an end."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import DOCKERFILE, Engine, Project, docker, nap, until

from slipway.tools import docker as engine_facts

pytestmark = pytest.mark.engine


def not_ready(done: object, *words: str) -> None:
    """Lint ran, nothing else did, and the reason is a newcomer's."""
    assert done.code == 3, done.text  # type: ignore[attr-defined]
    assert done.record["status"] == "not-ready"  # type: ignore[attr-defined]
    for word in words:
        assert word in done.out, done.out  # type: ignore[attr-defined]
    statuses = done.statuses()  # type: ignore[attr-defined]
    assert statuses.pop("lint") == "passed"
    assert set(statuses.values()) == {"skipped"}


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("unix:///nowhere/docker.sock", "unix:///nowhere/docker.sock"),
        ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1"),
    ],
)
def test_no_engine_answers(project: Callable[..., Project], host: str, place: str) -> None:
    """`docker info` exits 0 all the same."""
    shop = project()
    not_ready(
        shop.run(DOCKER_HOST=host),
        f"no Docker engine answers at {place}",
        "sudo systemctl start docker",
    )


def test_no_docker_command(project: Callable[..., Project], tmp_path: Path) -> None:
    for name in ("env", "git", "sh"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    not_ready(
        project().run(PATH=str(tmp_path / "bin")), "no `docker` command on PATH", "docs.docker.com/engine/install"
    )


@pytest.mark.parametrize("name", ["buildx", "compose"])
def test_a_plugin_does_not_work(project: Callable[..., Project], tmp_path: Path, name: str) -> None:
    """Without buildx, `docker build` would quietly take the old builder."""
    plugin = tmp_path / "config/cli-plugins" / f"docker-{name}"
    plugin.parent.mkdir(parents=True)
    plugin.write_text("#!/bin/sh\necho nonsense\n")
    plugin.chmod(0o755)
    done = project().run(DOCKER_CONFIG=str(tmp_path / "config"))
    not_ready(done, f"the docker command has no working `{name}` plugin", f"docker-{name}")


@pytest.mark.root
@pytest.mark.parametrize("name", ["buildx", "compose"])
def test_a_plugin_is_missing(project: Callable[..., Project], tmp_path: Path, name: str) -> None:
    """The folder of plugins is replaced by one that lacks it, for this run alone."""
    plugins = docker("info", "--format", "{{range .ClientInfo.Plugins}}{{.Path}}\n{{end}}").stdout.split()
    there = tmp_path / "plugins"
    there.mkdir()
    for path in plugins:
        if Path(path).name != f"docker-{name}":
            shutil.copy(path, there)
    homes = {str(Path(path).parent) for path in plugins}
    hide = "".join(f"mount --bind '{there}' '{home}' && " for home in homes)
    shop = project()
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'{hide} exec "$@"', "sh", *shop.command("run", "build")],
        env=shop.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert f"the docker command has no working `{name}` plugin" in ended.stdout
    assert "Traceback" not in ended.stderr


def test_podman_in_dockers_clothes(project: Callable[..., Project], tmp_path: Path) -> None:
    impostor = tmp_path / "bin/docker"
    impostor.parent.mkdir()
    impostor.write_text(
        "#!/bin/sh\necho 'Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.' >&2\n"
        "case $1 in --version) echo 'podman version 5.4.2';; *) echo '{\"host\": {}}';; esac\n"
    )
    impostor.chmod(0o755)
    done = project().run(PATH=f"{impostor.parent}:/usr/local/bin:/usr/bin:/bin")
    not_ready(done, "`docker` is Podman here", "Install Docker Engine")


def test_an_engine_that_says_it_took_the_image(project: Callable[..., Project], tmp_path: Path) -> None:
    """`docker load` may say so and not have it: only what the engine shows by that digest counts."""
    shim = tmp_path / "bin/docker"
    shim.parent.mkdir()
    real = shutil.which("docker")
    shim.write_text(
        "#!/bin/sh\nif [ \"$1\" = load ]; then cat > /dev/null; echo 'Loaded image: it'; exit 0; fi\n"
        f'exec {real} "$@"\n'
    )
    shim.chmod(0o755)
    shop = project()
    done = shop.run("build", PATH=f"{shim.parent}:{shop.environment['PATH']}")
    assert done.code == 4, done.text
    assert "the engine did not take sha256:" in done.stage("build")["reason"]
    assert done.record["image"]["digest"] == ""


@pytest.fixture(scope="module")
def old_store() -> Iterator[Engine]:
    """An engine without the containerd image store."""
    engine = Engine(store=False)
    yield engine
    engine.end()


@pytest.mark.root
def test_the_containerd_store_is_off(project: Callable[..., Project], old_store: Engine) -> None:
    done = project().run(**old_store.environment)
    not_ready(done, "does not use the containerd image store", '{"features": {"containerd-snapshotter": true}}')


@pytest.mark.root
@pytest.mark.parametrize(
    ("kind", "fix"),
    [
        ("github-hosted", "Call Slipway's action `setup` first, without `engine: false`"),
        ("self-hosted", "Slipway changes no runner of your own"),
    ],
)
def test_the_containerd_store_is_off_on_a_runner(
    project: Callable[..., Project], old_store: Engine, kind: str, fix: str
) -> None:
    """Also where the set-up was told that the job needs no engine; the doctor names the same fix."""
    runner = {**old_store.environment, "GITHUB_ACTIONS": "true", "RUNNER_ENVIRONMENT": kind}
    runner["GITHUB_REPOSITORY"] = "acme/shop"
    shop = project()
    not_ready(shop.run(**runner), "does not use the containerd image store", fix)
    command = [sys.executable, "-m", "slipway", "doctor", "--json", "-C", str(shop.root)]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, env=shop.environment | runner)
    (engine,) = [one for one in json.loads(shown.stdout)["checks"] if one["name"] == "engine"]
    assert engine["level"] == "missing" and fix in engine["fix"] and shown.returncode == 3


@pytest.mark.root
def test_the_engine_is_frozen(project: Callable[..., Project], old_store: Engine) -> None:
    """It never answers: every call needs an end of its own."""
    shop = project()
    old_store.signal(signal.SIGSTOP)
    try:
        done = shop.run(**old_store.environment)
    finally:
        old_store.signal(signal.SIGCONT)
    not_ready(done, f"did not answer within {engine_facts.PREFLIGHT_SECONDS:.0f} s", "Restart it")
    assert done.seconds < engine_facts.PREFLIGHT_SECONDS + 8


@pytest.mark.root
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_the_engine_goes_in_the_middle_of_a_build(
    project: Callable[..., Project], engine: Callable[..., Engine], base_images: dict[str, str], number: int
) -> None:
    own = engine()
    own.bring(base_images["PYTHON_IMAGE"])
    shop = project(Dockerfile=DOCKERFILE.format(**base_images))
    # That engine has no bridge, so nothing in it has a network.
    hang = nap()
    shop.replace("Dockerfile", "RUN install", f"RUN --network=none {hang}\nRUN --network=none install")
    run = shop.start("build", "test", **own.environment)
    run.seen("build", "stage-progress", hang)
    own.signal(number)
    done = run.end()
    assert done.code == 3, done.text
    assert done.record["status"] == "not-ready"
    assert "the Docker engine went away in the middle of the build" in done.stage("build")["reason"]
    assert done.stage("test")["status"] == "skipped"
    until(lambda: own.process.poll() is not None, "the engine has ended")
