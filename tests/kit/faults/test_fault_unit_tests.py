"""Unit tests that fail, hang, are none or say nothing."""

from collections.abc import Callable

import pytest
from support import Project

pytestmark = pytest.mark.engine
ONLY = ("deploy", "--skip", "scan")


def test_one_fails(project: Callable[..., Project]) -> None:
    shop = project(**{"checks.txt": "fail"})
    done = shop.run(*ONLY)
    assert done.code == 1, done.text
    assert done.stage("test")["status"] == "failed"
    assert done.rules("test") == ["tests.test_sum::test_adds"]
    assert "assert 1 == 2" in done.out
    assert done.stage("publish")["status"] == "skipped"
    shop.nothing_out()


def test_they_hang(project: Callable[..., Project]) -> None:
    shop = project(**{"checks.txt": "hang", "slipway.toml": '[test]\ntimeout = "2s"\n'})
    done = shop.run(*ONLY)
    assert done.code == 7, done.text
    assert "took longer than 2s and were ended" in done.stage("test")["reason"]
    assert "check begins" in shop.log("test")
    assert done.seconds < 20
    shop.nothing_out()


def test_green_without_a_report_is_not_green(project: Callable[..., Project]) -> None:
    shop = project(**{"check.py": "print('all is well')\n"})
    done = shop.run("test")
    assert done.code == 1, done.text
    assert done.stage("test")["reason"] == "the tests ended well but reported none"


def test_a_report_of_success_beside_a_failing_command(project: Callable[..., Project]) -> None:
    shop = project()
    shop.replace("check.py", "sys.exit(1 if failure else 0)", "sys.exit(3)")
    done = shop.run("test")
    assert (done.code, done.stage("test")["status"]) == (1, "failed"), done.text


def test_the_test_image_does_not_build(project: Callable[..., Project]) -> None:
    shop = project()
    shop.replace("Dockerfile", "COPY check.py checks.txt ./", "COPY check.py absent.txt ./")
    done = shop.run("test")
    assert done.code == 1, done.text
    assert done.stage("build")["status"] == "passed"
    assert "the test image does not build" in done.stage("test")["reason"]
    assert "absent.txt" in done.stage("test")["reason"]


def test_they_have_no_network_and_no_rights(project: Callable[..., Project]) -> None:
    """The code of strangers runs in the test container: without network, capabilities, or a way to more rights."""
    shop = project()
    probe = (
        "import pathlib, socket\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "assert 'CapEff:\\t0000000000000000' in status, status\n"
        "assert 'NoNewPrivs:\\t1' in status, status\n"
        "assert [name for _, name in socket.if_nameindex()] == ['lo']\n"
        "assert pathlib.Path('/proc/1/comm').read_text().strip() == 'docker-init'\n"
    )
    shop.write("check.py", probe + (shop.root / "check.py").read_text())
    done = shop.run("test")
    assert done.code == 0, done.text + shop.log("test")
