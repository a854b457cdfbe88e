"""What gunicorn is told. That it drains and refuses to start is tested on the image: tests/integration."""

import json
import os
import signal
import threading
import time
from types import SimpleNamespace

import pytest


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
