"""The contract: every line is one JSON object, whatever is logged and whatever a client sends."""

import json
import logging
import sys
import warnings
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from conftest import STRONG
from gunicorn.config import Config

from app.logs import JsonFormatter, configure

NASTY = 'quote " backslash \\ newline \n null \0 emoji \U0001f6a2 lone \ud800 ESC \x1b[2K'


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def record(message: str, *args, **kwargs) -> logging.LogRecord:
    return logging.LogRecord("test", logging.ERROR, __file__, 1, message, args, **{"exc_info": None} | kwargs)


def test_whatever_the_message_the_line_is_json():
    (line,) = lines(JsonFormatter().format(record("%s", NASTY)))
    assert line["message"] == NASTY
    assert (line["level"], line["logger"]) == ("error", "test")
    assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)


def test_an_exception_stays_on_its_line():
    try:
        raise ValueError(NASTY)
    except ValueError:
        (line,) = lines(JsonFormatter().format(record("broken", exc_info=sys.exc_info())))
    assert "Traceback" in line["exception"]
    assert line["message"] == "broken"


@pytest.fixture
def configured(make_app):
    """An app that logs for real; in the end pytest gets its root logger back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def make(**env: str):
        app = make_app(**env)
        configure(app.config["SETTINGS"])
        return app

    yield make
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


PRODUCTION = {"APP_ENV": "production", "SECRET_KEY": STRONG}


def test_errors_are_json_with_the_id_of_their_request(configured, monkeypatch, capsys):
    monkeypatch.setattr("app.items.cache.get", lambda key: 1 / 0)
    configured(**PRODUCTION).test_client().get("/", headers={"X-Request-ID": "find-me"})
    (line,) = lines(capsys.readouterr().out)
    assert (line["message"], line["level"], line["request_id"]) == ("unhandled", "error", "find-me")
    assert "ZeroDivisionError" in line["exception"]


def test_warnings_of_libraries_are_json_too(configured, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configured(**PRODUCTION)
        warnings.warn("old thing", stacklevel=1)
    assert any("old thing" in line["message"] for line in lines(capsys.readouterr().out))


@pytest.mark.parametrize(("level", "seen"), [("debug", 2), ("warning", 1)])
def test_the_level(configured, capsys, level, seen):
    app = configured(**PRODUCTION, LOG_LEVEL=level)
    app.logger.debug("detail")
    app.logger.warning("careful")
    assert len(lines(capsys.readouterr().out)) == seen


def test_in_development_lines_are_for_people(configured, capsys):
    configured().logger.warning("hello")
    assert capsys.readouterr().out == "WARNING:app:hello\n"


@pytest.fixture
def access(configuration, capsys):
    """What the server writes about one request."""

    def write(path: str = "/", status: str = "200 OK", **environ: str) -> str:
        made = configuration()
        config = Config()
        config.set("accesslog", made["accesslog"])
        logger = made["logger_class"](config)
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "REMOTE_ADDR": "10.0.0.1"} | environ
        logger.access(SimpleNamespace(status=status, sent=12), None, environ, timedelta(milliseconds=3.5))
        return capsys.readouterr().out

    return write


def test_access_lines_cannot_be_forged(access):
    forged = 'x\\", "status": 500, "y": "\n{"level":"critical"}'
    (line,) = lines(access(path=forged, HTTP_USER_AGENT=forged, HTTP_X_REQUEST_ID=forged))
    assert (line["status"], line["agent"], line["path"]) == (200, forged, forged)
    assert line["request_id"] != forged
    assert (line["milliseconds"], line["bytes"], line["client"]) == (3.5, 12, "10.0.0.1")


def test_probes_that_pass_are_not_worth_a_line(access):
    assert access(path="/livez") == ""
    (line,) = lines(access(path="/readyz", status="503 SERVICE UNAVAILABLE"))
    assert line["status"] == 503
