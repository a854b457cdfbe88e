"""gunicorn as the image starts it: refuses what is wrong, logs JSON, drains on SIGTERM."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from conftest import ROOT, STRONG

GUNICORN = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]


def environment(**env: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "APP_ENV": "production", "SECRET_KEY": STRONG} | env


def get(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def until(check, seconds: float = 30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if check():
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


@pytest.fixture
def server(migrated):
    started = []

    def start(**env: str):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        env = environment(DATABASE_URL=f"sqlite:///{migrated}", HOST="127.0.0.1", PORT=str(port), **env)
        process = subprocess.Popen(
            GUNICORN, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        until(lambda: get(port, "/livez") == 200)
        return process, port

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_drains_then_finishes_what_is_in_flight_then_ends(server):
    process, port = server(APP_FAIL="slow", APP_SLOW_SECONDS="0.5", WEB_DRAIN_SECONDS="60")
    answers = []
    in_flight = threading.Thread(target=lambda: answers.append(get(port, "/")))
    in_flight.start()
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    until(lambda: get(port, "/readyz") == 503)  # draining, and still listening
    assert get(port, "/livez") == 200
    process.send_signal(signal.SIGTERM)  # enough drained
    in_flight.join()
    out, err = process.communicate(timeout=30)
    assert answers == [200]
    assert process.returncode == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert any(line["message"] == "GET /" and line["status"] == 200 for line in lines)
    assert err == ""


def test_the_drain_ends_by_itself(configuration):
    """The handler that gunicorn is given, without a gunicorn: starting one more costs a second."""
    made, stopped = configuration(WEB_DRAIN_SECONDS="0.2"), threading.Event()
    before = signal.getsignal(signal.SIGTERM)
    try:
        made["when_ready"](SimpleNamespace(signal=lambda number, frame: stopped.set()))
        started = time.monotonic()
        os.kill(os.getpid(), signal.SIGTERM)
        assert made["_draining"][0]
        assert stopped.wait(30)
        assert time.monotonic() - started >= 0.2
    finally:
        signal.signal(signal.SIGTERM, before)


def test_refuses_to_start_with_one_line_that_names_everything():
    env = environment(DATABASE_URL="", SECRET_KEY="weak", PORT="http", WEB_THREADS="0")
    done = subprocess.run(GUNICORN, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    (line,) = done.stdout.splitlines()
    complaints = [part.split(":")[0].strip() for part in json.loads(line)["message"].splitlines()[1:]]
    assert complaints == ["WEB_THREADS", "DATABASE_URL", "SECRET_KEY", "PORT"]
    assert (done.returncode, done.stderr) == (1, "")


def test_boot_can_be_made_to_fail(configuration, capsys):
    with pytest.raises(SystemExit) as ended:
        configuration(APP_FAIL="boot")
    assert ended.value.code == 1
    assert "APP_FAIL=boot" in json.loads(capsys.readouterr().out)["message"]


def test_the_server_is_set_by_variables(configuration):
    set_by = {"PORT": "9000", "WEB_CONCURRENCY": "3", "WEB_THREADS": "2", "WEB_MAX_REQUESTS": "500", "WEB_PRELOAD": "1"}
    made = configuration(
        **set_by, WEB_WORKER_CLASS="sync", WEB_TIMEOUT="7", WEB_GRACEFUL_SECONDS="6", WEB_KEEPALIVE="9"
    )
    assert made["bind"] == "0.0.0.0:9000"
    assert (made["workers"], made["threads"], made["worker_class"]) == (3, 2, "sync")
    assert (made["timeout"], made["graceful_timeout"], made["keepalive"]) == (7, 6, 9)
    assert (made["max_requests"], made["max_requests_jitter"], made["preload_app"]) == (500, 50, True)


def test_nothing_is_written_to_the_disk_by_default(configuration):
    made = configuration()
    assert made["control_socket_disable"] is True
    assert made["worker_tmp_dir"] == "/dev/shm"
    assert (made["workers"], made["accesslog"], made["errorlog"]) == (1, "-", "-")
