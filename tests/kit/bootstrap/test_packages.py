"""What apt is asked for on which system, and what its files say about where Debian comes from here."""

import json
from pathlib import Path

import pytest

from machine import daemon, install, packages
from machine.say import NotReady

DEB822 = """\
# a comment
Types: deb
# another
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
"""
ONE_LINE = """\
# deb http://old.example/debian bullseye main
deb [arch=amd64 signed-by=/k.gpg] https://lines.example/debian trixie main contrib
deb-src https://lines.example/debian trixie main
"""
FORMS = {"bookworm": "/trixie", "trixie": ""}


def apt_folder(tmp_path: Path, **files: str) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    for name, text in files.items():
        (tmp_path / name.replace("__", "/").replace("_", ".")).write_text(text)
    return tmp_path


def test_both_formats_of_sources(tmp_path: Path) -> None:
    lists = {"sources_list": ONE_LINE, "sources.list.d__debian_sources": DEB822, "sources.list.d__x_save": ONE_LINE}
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    assert packages.sources(apt_folder(tmp_path, **lists)) == [
        ("https://lines.example/debian", "trixie", "/k.gpg"),
        ("http://mirror.example/debian", "bookworm", keyring),
        ("http://mirror.example/debian", "bookworm-updates", keyring),
    ]


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system without a daemon.json; tests write its os-release."""
    monkeypatch.setattr(packages, "has_apt", lambda: True)
    monkeypatch.setattr(daemon, "SETTINGS", tmp_path / "docker" / "daemon.json")
    monkeypatch.setattr(install, "OS_RELEASE", tmp_path / "os-release")
    return tmp_path


def debian(monkeypatch: pytest.MonkeyPatch, system: Path, *suites: str, release: str = "ID=debian\n") -> None:
    (system / "os-release").write_text(release)
    monkeypatch.setattr(packages, "sources", lambda: [("http://mirror.example/debian", s, "/k.gpg") for s in suites])


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_debian(system: Path, monkeypatch: pytest.MonkeyPatch, suite: str) -> None:
    debian(monkeypatch, system, suite, f"{suite}-updates")
    plan = install.plan(True, ("buildx", "compose"))
    assert plan
    names = ["docker.io", "docker-cli", "containerd", "docker-buildx", "docker-compose"]
    assert list(plan.packages) == [name + FORMS[suite] for name in names]
    written = {path.name: text for path, text in plan.files}
    assert json.loads(written.pop("daemon.json")) == daemon.STORE_ON
    if suite == "bookworm":
        source = written.pop("slipway-trixie.sources")
        assert "URIs: http://mirror.example/debian\n" in source and "Signed-By: /k.gpg\n" in source
        assert "Pin-Priority: 100" in written.pop("slipway-trixie")
    assert written == {}


def test_debian_12_that_knows_13_already(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    debian(monkeypatch, system, "bookworm", "trixie")
    plan = install.plan(False, ("compose",))
    assert plan == install.Plan(("docker-compose/trixie",))


def test_somebodys_daemon_json_is_left_alone(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    debian(monkeypatch, system, "trixie")
    daemon.SETTINGS.parent.mkdir()
    daemon.SETTINGS.write_text("{}")
    plan = install.plan(True, ())
    assert plan and plan.files == ()


def test_ubuntu_and_its_kin(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    debian(monkeypatch, system, "noble", release='ID=linuxmint\nID_LIKE="ubuntu debian"\n')
    plan = install.plan(True, ("buildx", "compose"))
    assert plan and plan.packages == ("docker.io", "docker-buildx", "docker-compose-v2")


@pytest.mark.parametrize("release", ["ID=fedora\n", "ID=kali\nID_LIKE=debian\n", ""])
def test_a_system_that_is_not_known(system: Path, monkeypatch: pytest.MonkeyPatch, release: str) -> None:
    debian(monkeypatch, system, "kali-rolling", release=release)
    assert install.plan(True, ()) is None
    with pytest.raises(NotReady, match=r"docs\.docker\.com"):
        install.install(None, "no Docker engine is installed")


def test_not_root_gets_the_commands(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    debian(monkeypatch, system, "trixie")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(packages, "apt", lambda *a: pytest.fail("apt was called"))
    with pytest.raises(NotReady) as caught:
        install.install(install.plan(True, ("buildx",)), "no Docker engine is installed")
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert f"| sudo tee {daemon.SETTINGS}" in lines[1] and "sudo apt-get update" in lines[1]
    assert not daemon.SETTINGS.exists()
