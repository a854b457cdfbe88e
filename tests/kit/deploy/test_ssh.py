"""Deploying with compose to another engine, reached as docker reaches one over SSH. Its `ssh` is played: it does here
what it was asked to do there; encryption and login are OpenSSH's business."""

import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Engine, Project, docker

from slipway.errors import UsageError
from slipway.tools import ssh

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----\n"
UNTIL_PUBLISHED = ("--skip", "lint", "--skip", "test", "--skip", "scan", "--skip", "integration")
TABLES = """
[deploy.local]
health = "/readyz"
version = "/version"

[deploy.host]
host = "ssh://deploy@shop.example"
url = "http://127.0.0.1:{port}"
health = "/readyz"
version = "/version"
timeout = "10s"
"""
PLAYED = """\
#!/bin/sh
echo "$@" >> "$0.log"
while [ "$1" != shop.example ]; do shift; done
shift
# As the real one: a shell there reads the words, which docker hands over as several or, since 28.5, as one.
DOCKER_HOST={host} exec sh -c "$*"
"""


@pytest.mark.engine
@pytest.mark.root
def test_up_on_another_engine_and_back(
    project: Callable[..., Project], engine: Callable[..., Engine], tmp_path: Path
) -> None:
    other = engine(network=True)
    shop = project()
    shop.write("slipway.toml", TABLES.format(port=shop.port))
    played = tmp_path / "bin" / "ssh"
    played.parent.mkdir()
    played.write_text(PLAYED.format(host=other.environment["DOCKER_HOST"]))
    played.chmod(0o755)
    path = f"{played.parent}:{shop.environment['PATH']}"

    def deploy(mode: str) -> tuple[int, str]:
        shop.write("mode.txt", mode)
        shop.run("publish", *UNTIL_PUBLISHED, "--until", "publish")
        done = shop.call("deploy", "host", PATH=path)
        return done.code, done.stage("deploy")["reason"]

    def there() -> str:
        box = other.docker("ps", "-q").stdout.strip()
        return other.docker("inspect", "--format", "{{.Config.Image}}", box).stdout.strip()

    code, reason = deploy("well")
    assert code == 0, reason
    good = there()
    assert good.startswith(f"{shop.repository}@sha256:")
    assert shop.get("/version")["mode"] == "well"
    assert "-l deploy" in (played.parent / "ssh.log").read_text(), "by docker's own way of calling ssh"
    name = shop.compose_project.replace("-local", "-host")
    assert docker("ps", "-q", "--filter", f"label=com.docker.compose.project={name}").stdout == ""

    code, reason = deploy("wrong")
    assert code == 5 and reason.startswith("rolled-back: /version says 'another'"), reason
    assert there() == good and shop.get("/version")["mode"] == "well"
    assert shop.call("status", "host", PATH=path).code == 0


@pytest.mark.engine
def test_a_host_that_cannot_be_reached(project: Callable[..., Project]) -> None:
    shop = project()
    shop.write("slipway.toml", TABLES.format(port=shop.port).replace("shop.example", "nowhere.invalid"))
    shop.run("publish", *UNTIL_PUBLISHED)
    done = shop.call("deploy", "host")
    assert done.code == 3, done.text
    assert "no Docker engine answers at ssh://deploy@nowhere.invalid" in done.stage("deploy")["reason"]


def test_the_key_stays_in_a_folder_of_the_job(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    folder = ssh.install(tmp_path / "job" / "ssh", KEY.strip(), "shop.example ssh-ed25519 AAAA")
    job = folder.parent
    assert (job / "key").read_text() == KEY
    for name in ("key", "known_hosts", "config"):
        assert stat.S_IMODE((job / name).stat().st_mode) == 0o600
    wrapper = folder / "ssh"
    assert shutil.which("ssh") in wrapper.read_text()  # type: ignore[operator]
    done = subprocess.run([wrapper, "-G", "shop.example"], capture_output=True, text=True, check=True)
    said = done.stdout.lower()
    assert f"identityfile {job}/key".lower() in said
    assert "stricthostkeychecking true" in said or "stricthostkeychecking yes" in said
    assert f"userknownhostsfile {job}/known_hosts".lower() in said and "batchmode yes" in said


@pytest.mark.parametrize(
    ("key", "known", "said"),
    [("secret text", "x", "is no private key"), (KEY, " ", "ssh-known-hosts is not")],
)
def test_half_a_login(tmp_path: Path, key: str, known: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        ssh.install(tmp_path / "ssh", key, known)
    assert "secret text" not in str(caught.value)
    assert not (tmp_path / "ssh").exists()
