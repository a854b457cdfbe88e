"""The set-up on a hosted runner whose engine has the old image store: a machine of its own, with a real engine."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.hosted import SETTINGS, HostedRunner
from support.machine import docker

from machine import daemon, hosted
from machine.say import NotReady

pytestmark = [pytest.mark.engine, pytest.mark.root]
ON = {**SETTINGS, "features": {daemon.FEATURE: True}}
Ended = subprocess.CompletedProcess[str]


def started() -> HostedRunner:
    """A machine whose engine has the store off, as Docker 26 to 28 come."""
    machine = HostedRunner()
    if machine.store:
        machine.end()
        pytest.skip("this engine comes with the containerd image store on")
    return machine


@pytest.fixture(scope="module")
def shared() -> Iterator[HostedRunner]:
    machine = started()
    yield machine
    machine.end()


@pytest.fixture
def runner(shared: HostedRunner) -> Iterator[HostedRunner]:
    """A machine on which nothing may change: its engine is not restarted, its settings are not written."""
    shared.write(SETTINGS)
    pid = shared.pid
    yield shared
    assert shared.pid == pid and not shared.store


@pytest.fixture
def fresh() -> Iterator[HostedRunner]:
    """A machine of the test's own."""
    machine = started()
    yield machine
    machine.end()


@pytest.fixture(scope="session")
def tiny() -> Iterator[str]:
    """An image that can sleep, and nothing else."""
    name = f"slipway-hosted-{os.getpid()}:1"
    needed = subprocess.run(["ldd", "/bin/sleep"], capture_output=True, text=True, check=True).stdout
    files = [path.lstrip("/") for path in ("/bin/sleep", *re.findall(r"/\S+", needed))]
    packed = subprocess.run(["tar", "-C", "/", "-ch", *files], stdout=subprocess.PIPE, check=True)
    subprocess.run(["docker", "import", "-", name], input=packed.stdout, capture_output=True, check=True)
    yield name
    docker("rmi", name)


def refused(done: Ended, *words: str) -> str:
    """Exit 3 and one annotation of at most three lines, which holds the words."""
    assert done.returncode == 3, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("::error title=slipway::")]
    message = line.removeprefix("::error title=slipway::").replace("%0A", "\n").replace("%25", "%")
    assert len(message.splitlines()) <= 3
    for word in words:
        assert word in message
    assert "Traceback" not in done.stderr
    return message


def lines(done: Ended) -> list[str]:
    """What it said, without the seconds before each line."""
    return [line.partition(" s  ")[2] for line in done.stderr.splitlines() if line.startswith("slipway: ")]


def test_the_store_is_switched_on_in_one_line(fresh: HostedRunner, tiny: str) -> None:
    fresh.bring(tiny)
    fresh.docker("create", "--name", "ended", tiny, "/bin/sleep", "600")
    fresh.settings.chmod(0o640)
    done = fresh.set_up()
    assert done.returncode == 0, done.stdout + done.stderr
    switched, hidden = lines(done)
    assert switched.startswith("switched Docker's containerd image store on and restarted Docker (")
    assert hidden == f"no longer visible, because they are in the old image store: {tiny}, container ended"
    assert fresh.store and json.loads(fresh.settings.read_text()) == ON
    assert fresh.settings.stat().st_mode & 0o777 == 0o640
    assert fresh.docker("info", "--format", "{{.CgroupDriver}}").stdout.strip() == "cgroupfs"

    pid, written = fresh.pid, fresh.settings.stat().st_mtime_ns
    again = fresh.set_up()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", ""), "with the store on there is nothing to do"
    assert (fresh.pid, fresh.settings.stat().st_mtime_ns) == (pid, written)


def test_no_daemon_json_at_all(fresh: HostedRunner) -> None:
    fresh.settings.unlink()
    done = fresh.set_up()
    assert done.returncode == 0 and len(lines(done)) == 1, done.stdout + done.stderr
    assert fresh.store and json.loads(fresh.settings.read_text()) == daemon.STORE_ON


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ('{\n  "debug": true\n  "mtu": 1400\n}', ["daemon.json:3 is not JSON", "Correct what writes that file"]),
        ({"features": {daemon.FEATURE: False}}, ["daemon.json:3 switches the containerd image store off"]),
        ({"storage-driver": "overlay2"}, ["daemon.json:2 chooses a driver of the old", "Leave `storage-driver` out"]),
    ],
)
def test_settings_that_rule_it_out_are_left_as_they_are(
    runner: HostedRunner, settings: object, words: list[str]
) -> None:
    runner.write(settings)
    before = runner.settings.read_bytes()
    refused(runner.set_up(), *words)
    assert runner.settings.read_bytes() == before


def test_a_driver_of_the_old_store_would_leave_an_engine_that_pulls_nothing(fresh: HostedRunner, tiny: str) -> None:
    """Why it is refused."""
    fresh.write({"storage-driver": "overlay2", "features": {daemon.FEATURE: True}})
    restarted = subprocess.run(fresh.inside(fresh.folder / "bin" / "systemctl", "restart", "docker"), check=False)
    said = fresh.load(tiny) + fresh.docker("create", tiny, "/bin/sleep", "600").stderr
    assert restarted.returncode or "snapshotter not loaded: overlay2" in said


@pytest.mark.parametrize("state", ["running", "paused"])
def test_nothing_is_restarted_under_a_running_container(runner: HostedRunner, tiny: str, state: str) -> None:
    runner.bring(tiny)
    made = runner.docker("run", "--detach", "--name", f"db-{state}", tiny, "/bin/sleep", "600")
    assert made.returncode == 0, made.stderr
    if state == "paused":
        assert runner.docker("pause", f"db-{state}").returncode == 0
    try:
        refused(
            runner.set_up(),
            f"containers are running: db-{state} ({tiny}).",
            "Call Slipway's set-up before the first step that starts a container",
            "`services:` start before every step: there, use the label `ubuntu-26.04`",
        )
        shown = runner.docker("inspect", "--format", "{{.State.Status}}", f"db-{state}").stdout.strip()
        assert shown == state
    finally:
        runner.docker("rm", "--force", f"db-{state}")


@pytest.mark.parametrize("environment", ["self-hosted", ""])
def test_no_other_runner_is_touched(runner: HostedRunner, environment: str) -> None:
    """The set-up is green; what slipway says then is in faults/test_fault_engine.py."""
    done = runner.set_up(RUNNER_ENVIRONMENT=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(runner.settings.read_text()) == SETTINGS


def test_a_job_without_an_engine_touches_none(runner: HostedRunner) -> None:
    done = runner.set_up(ENGINE="false")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_input_that_is_neither(runner: HostedRunner) -> None:
    refused(runner.set_up(ENGINE="docker"), "the set-up's input `engine` is 'docker'", "Write `true` or `false`")


def test_a_job_in_a_container_is_refused(runner: HostedRunner) -> None:
    refused(
        runner.set_up(RUNNER_TEMP="/__w/_temp"),
        "this job runs in a container (`container:`)",
        "Remove `container:` from the job",
    )
    assert not Path("/__w").exists()


def test_another_engine_than_the_runners_own(runner: HostedRunner) -> None:
    """Restarting this one would not help."""
    link = runner.folder / "other.sock"
    link.symlink_to("/run/docker.sock")
    refused(
        runner.set_up(DOCKER_HOST=f"unix://{link}"),
        f"the engine at unix://{link} has its containerd image store off",
        "Switch it on there",
    )


@pytest.mark.skipif(not shutil.which("sudo"), reason="no sudo here")
def test_an_account_that_is_not_root_takes_sudo(fresh: HostedRunner) -> None:
    """As the runner's own, which may without a password. It cannot even read these settings."""
    rules = fresh.folder / "sudoers"
    path = f"{fresh.folder / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin"
    rules.write_text(f'nobody ALL=(ALL) NOPASSWD: ALL\nDefaults secure_path="{path}"\n')
    rules.chmod(0o440)
    subprocess.run(fresh.inside("mount", "--bind", rules, "/etc/sudoers"), check=True)
    fresh.settings.chmod(0o600)
    done = fresh.fit("nobody")
    assert done.returncode == 0, done.stdout + done.stderr
    assert fresh.store and json.loads(fresh.settings.read_text()) == ON


@pytest.mark.skipif(not shutil.which("sudo"), reason="no sudo here")
@pytest.mark.parametrize("sudo", ["asks for a password", "is missing"])
def test_no_way_to_root(runner: HostedRunner, sudo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if sudo == "is missing":
        (runner.folder / "few").mkdir()
        for name in ("docker", "setpriv", "nsenter", "unshare"):
            (runner.folder / "few" / name).symlink_to(shutil.which(name) or "")
        monkeypatch.setenv("PATH", str(runner.folder / "few"))
    done = runner.fit("nobody")
    assert done.returncode == 3, done.stdout + done.stderr
    said = "there is no `sudo`" if sudo == "is missing" else "`sudo -n true`: sudo: a password is required"
    assert f"takes root, and this job has none: {said}" in done.stdout
    assert "Use the label `ubuntu-26.04`" in done.stdout
    assert json.loads(runner.settings.read_text()) == SETTINGS


def test_a_restart_that_does_not_come_back(fresh: HostedRunner) -> None:
    (fresh.folder / "no-restart").touch()
    done = fresh.fit("root", RESTART_SECONDS=2)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Docker did not come back within 2 s of its restart: `timeout 2 systemctl restart docker`" in done.stdout
    assert "`if: failure()`: sudo journalctl --unit docker" in done.stdout
    assert len(done.stdout.splitlines()) <= 3


def test_a_restart_that_fails(fresh: HostedRunner) -> None:
    fresh.write({**SETTINGS, "no-such-setting": 1})
    refused(
        fresh.set_up(),
        "Docker did not come back within 30 s of its restart: `timeout 30 systemctl restart docker`: Job for docker",
        "sudo journalctl --unit docker",
    )


def test_an_engine_that_reads_other_settings(fresh: HostedRunner) -> None:
    (fresh.folder / "other.json").write_text("{}")
    (fresh.folder / "options").write_text(f"--config-file {fresh.folder / 'other.json'}")
    refused(fresh.set_up(), "its containerd image store is still off: dockerd reads other settings than /etc/docker")
    assert not fresh.store


def test_an_engine_that_answers_after_forty_seconds(runner: HostedRunner) -> None:
    """As on an arm runner that has just begun. Settings that are refused prove that the engine was heard."""
    runner.write({"features": {daemon.FEATURE: False}})
    os.kill(runner.pid, signal.SIGSTOP)
    awake = threading.Timer(40, os.kill, (runner.pid, signal.SIGCONT))
    awake.start()
    try:
        refused(runner.set_up(), "switches the containerd image store off")
    finally:
        awake.cancel()
        os.kill(runner.pid, signal.SIGCONT)


def test_an_engine_that_never_answers(runner: HostedRunner) -> None:
    os.kill(runner.pid, signal.SIGSTOP)
    try:
        done = runner.fit("root", FIRST_SECONDS=1)
    finally:
        os.kill(runner.pid, signal.SIGCONT)
    assert done.returncode == 3 and "no Docker engine answers on this runner within 1 s" in done.stdout, done.stdout


def test_no_engine_is_there(runner: HostedRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    done = runner.fit("root", FIRST_SECONDS=1)
    assert done.returncode == 3
    assert "no Docker engine answers on this runner within 1 s" in done.stdout
    assert "Use the label `ubuntu-26.04`" in done.stdout


@pytest.mark.parametrize("folder", ["/__w/_temp", "/home/runner/work/_temp", "/__warehouse/_temp", ""])
def test_what_counts_as_a_job_container(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setenv("RUNNER_TEMP", folder)
    if folder.startswith("/__w/"):
        with pytest.raises(NotReady, match="`container:`"):
            hosted.refuse_job_container()
    else:
        hosted.refuse_job_container()
