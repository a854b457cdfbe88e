"""The look at the engine: what `docker info` really says where something is missing (it exits 0 all the same)."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.errors import ExitCode, NotReady
from slipway.tools import docker
from slipway.tools.docker import Engine

Program = Callable[[str, str], Path]
PLUGINS = [{"Name": "buildx", "Version": "v0.13.1"}, {"Name": "compose", "Version": "2.26.1"}]
INFO: dict[str, Any] = {
    "ID": "abc", "ServerVersion": "26.1.5", "Architecture": "x86_64",
    "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]], "ClientInfo": {"Plugins": PLUGINS},
}  # fmt: skip


def says(info: Any, err: str = "", code: int = 0) -> str:
    """A docker command that answers like this."""
    out = info if isinstance(info, str) else json.dumps(info)
    return f"print({out!r}); print({err!r}, file=sys.stderr); sys.exit({code})"


def test_an_engine_with_all_that_it_takes(on_path: Program) -> None:
    on_path("docker", says(INFO))
    assert asyncio.run(docker.engine()) == Engine("26.1.5", True, "amd64", "v0.13.1", "2.26.1", "abc")


def without(name: str) -> dict[str, Any]:
    """The answer without one plugin."""
    return INFO | {"ClientInfo": {"Plugins": [p for p in PLUGINS if p["Name"] != name]}}


NOTHING = {"ServerVersion": "", "ClientInfo": {"Plugins": PLUGINS}}
MISSING = {
    "no engine": (
        says(NOTHING | {"ServerErrors": ["Cannot connect to the Docker daemon at unix:///x.sock. Is it running?"]}),
        r"no Docker engine answers at unix:///x\.sock\. Start it \(`sudo systemctl start docker`\)",
    ),
    "no engine, said on stderr": (
        says("", "Cannot connect to the Docker daemon at tcp://1.2.3.4:2375. Is the docker daemon running?", 1),
        r"no Docker engine answers at tcp://1\.2\.3\.4:2375\.",
    ),
    "no permission": (
        says(NOTHING, "permission denied while trying to connect to the Docker daemon socket at unix:///x"),
        "no permission to talk to the Docker engine. Add yourself to its group",
    ),
    "podman": (says(INFO, "Emulate Docker CLI using podman."), "`docker` is Podman here"),
    "no buildx": (says(without("buildx")), "no working `buildx` plugin. Install the package docker-buildx-plugin"),
    "no compose": (says(without("compose")), "no working `compose` plugin. Install the package docker-compose-plugin"),
    "a broken plugin": (
        says(INFO | {"ClientInfo": {"Plugins": [PLUGINS[0] | {"Err": "exec format error"}, PLUGINS[1]]}}),
        r"no working `buildx` plugin \(exec format error\)",
    ),
    "no plugins at all": (says(INFO | {"ClientInfo": None}), "no working `buildx` plugin"),
    "another store": (says(INFO | {"DriverStatus": [["Backing Filesystem", "extfs"]]}), "containerd image store"),
    "no status": (says(INFO | {"DriverStatus": None}), "containerd image store"),
    "garbage": (says("garbage"), "no Docker engine answers"),
    "nothing": (says(""), "no Docker engine answers"),
}  # fmt: skip


@pytest.mark.parametrize("what", MISSING)
def test_what_is_missing_is_said_with_its_fix(on_path: Program, what: str) -> None:
    code, said = MISSING[what]
    on_path("docker", code)
    with pytest.raises(NotReady, match=said) as caught:
        asyncio.run(docker.engine())
    assert caught.value.code == ExitCode.NOT_READY and str(caught.value).count("\n") <= 2


def test_no_docker_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotReady, match=r"no `docker` command on PATH\. Install Docker Engine"):
        asyncio.run(docker.engine())


def test_a_frozen_engine(on_path: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "PREFLIGHT_SECONDS", 0.5)
    on_path("docker", "time.sleep(60)")
    with pytest.raises(NotReady, match="did not answer within 0 s"):
        asyncio.run(docker.engine())


HOSTED = {"GITHUB_ACTIONS": "true", "RUNNER_ENVIRONMENT": "github-hosted"}
NO_STORE = says(INFO | {"DriverStatus": None})
WHERE = {
    "hosted": (HOSTED, "Call Slipway's action `setup` first"),
    "self-hosted": (HOSTED | {"RUNNER_ENVIRONMENT": "self-hosted"}, "no runner of your own"),
    "here": ({"GITHUB_ACTIONS": "", "RUNNER_ENVIRONMENT": ""}, "Docker Desktop: Settings, General"),
    "here, as if hosted": ({"GITHUB_ACTIONS": "", "RUNNER_ENVIRONMENT": "github-hosted"}, "Docker Desktop"),
}


@pytest.mark.parametrize("where", WHERE)
def test_the_fix_for_the_old_store_is_of_this_machine(
    on_path: Program, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    environment, said = WHERE[where]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    on_path("docker", NO_STORE)
    with pytest.raises(NotReady) as caught:
        asyncio.run(docker.engine())
    assert said in str(caught.value)
    assert ("daemon.json" in str(caught.value)) == (where != "hosted")


def test_on_a_runner_the_first_look_may_take_longer(on_path: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "PREFLIGHT_SECONDS", 0.1)
    on_path("docker", f"time.sleep(0.5); {says(INFO)}")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert asyncio.run(docker.engine()).version == "26.1.5"
    monkeypatch.setenv("GITHUB_ACTIONS", "false")
    with pytest.raises(NotReady, match="did not answer within"):
        asyncio.run(docker.engine())


@pytest.mark.parametrize(
    ("said", "api", "shown"),
    [
        ("28.5.2+dfsg4", "never asked", "28.5.2+dfsg4"),
        ("library-import", "1.56", "API 1.56"),
        ("dev", "1.45", "API 1.45"),
        ("library-import", "", "library-import"),
    ],
)
def test_an_engine_whose_version_is_no_number(on_path: Program, said: str, api: str, shown: str) -> None:
    """As one that was built by `go install`: it is told by the API that it speaks."""
    info = json.dumps(INFO | {"ServerVersion": said})
    on_path("docker", f"print({api!r} if sys.argv[1] == 'version' else {info!r})")
    assert asyncio.run(docker.engine()).version == shown


def test_two_checkouts_of_one_name_are_two_projects(tmp_path: Path) -> None:
    names = {docker.project_id(tmp_path / folder / "My Shop") for folder in ("a", "b")}
    assert len(names) == 2 and all(name.startswith("my-shop-") for name in names)


def test_what_stays_after_a_removal_is_told(on_path: Program, tmp_path: Path) -> None:
    """`down` and `rm` may end with 0 and leave something: it is looked at again."""
    write = f"open({str(tmp_path / 'calls')!r}, 'a').write(' '.join(sys.argv[1:]) + chr(10))"
    on_path("docker", f"{write}; 'ls' in sys.argv and print('n1')")
    assert asyncio.run(docker.remove("label=x=1")) == ["network n1", "volume n1"]
    calls = (tmp_path / "calls").read_text().splitlines()
    assert all("label=x=1" in call for call in calls if " ls " in call or call.startswith("ps")), "only by label"
    assert "network rm n1" in calls and "volume rm -f n1" in calls
