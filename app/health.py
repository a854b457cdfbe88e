"""What others ask about the app: is it alive, is it ready, which version is it, how is it doing."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

PATIENCE = 1.0
blueprint = Blueprint("health", __name__)
_checks = ThreadPoolExecutor(max_workers=4, thread_name_prefix="readyz")


@blueprint.get("/livez")
def livez() -> tuple[Response, int]:
    """No I/O: a database that is down is no reason to restart the app."""
    if "livez" in current_app.config["SETTINGS"].fail:
        return jsonify(status="ill"), 503
    return jsonify(status="alive"), 200


@blueprint.get("/health")
def health() -> Response:
    return jsonify(status="healthy")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """May traffic come? Names what failed; both checks run at once and neither may take longer than a second."""
    if current_app.extensions["draining"][0]:
        return jsonify(status="draining", failed=["draining"]), 503
    running: dict[str, Future[Any]] = {
        "db": _checks.submit(_revision, current_app.extensions["db"]),
        "cache": _checks.submit(current_app.extensions["cache"].ping),
    }
    failed = [name for name, check in running.items() if not _passes(name, check)]
    failed += ["switch"] if "readyz" in current_app.config["SETTINGS"].fail else []
    return jsonify(status="unready" if failed else "ready", failed=failed), 503 if failed else 200


@blueprint.get("/version")
def version() -> Response:
    settings = current_app.config["SETTINGS"]
    try:
        revision = _revision(current_app.extensions["db"])
    except SQLAlchemyError:
        revision = None
    commit = "0000000" if "version" in settings.fail else settings.commit
    return jsonify(version=settings.version, commit=commit, built=settings.built, revision=revision)


@blueprint.get("/metrics")
def metrics() -> Response:
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _revision(engine: Engine) -> str:
    with engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()


def _passes(name: str, check: Future[Any]) -> bool:
    try:
        check.result(PATIENCE)
    except Exception as error:  # whatever it is: not ready
        current_app.logger.warning("not ready: %s: %s", name, error or "no answer in time")
        return False
    return True


def init_app(app: Flask) -> None:
    # gunicorn.conf.py puts a byte here that all its processes share.
    app.extensions["draining"] = bytearray(1)
    app.register_blueprint(blueprint)
