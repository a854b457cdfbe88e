"""What others ask about the app: is it alive, is it ready, which version is it, how is it doing."""

from concurrent.futures import ThreadPoolExecutor, wait

from flask import Blueprint, Response, current_app
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

PATIENCE = 1.0
blueprint = Blueprint("health", __name__)
_checks = ThreadPoolExecutor(max_workers=4, thread_name_prefix="readyz")


@blueprint.get("/livez")
def livez() -> ResponseReturnValue:
    """No I/O: a database that is down is no reason to restart the app."""
    if "livez" in current_app.config["SETTINGS"].fail:
        return {"status": "ill"}, 503
    return {"status": "alive"}


@blueprint.get("/health")
def health() -> ResponseReturnValue:
    return {"status": "healthy"}


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """May traffic come? Names what failed; both checks run at once and neither may take longer than a second."""
    if current_app.extensions["draining"][0]:
        return {"status": "draining", "failed": ["draining"]}, 503
    checks = {
        "db": _checks.submit(_revision, current_app.extensions["db"]),
        "cache": _checks.submit(current_app.extensions["cache"].ping),
    }
    in_time, _ = wait(checks.values(), PATIENCE)
    problems = {name: c.exception() if c in in_time else "no answer in time" for name, c in checks.items()}
    if "readyz" in current_app.config["SETTINGS"].fail:
        problems["switch"] = "as asked"
    failed = [name for name, problem in problems.items() if problem]
    for name in failed:
        current_app.logger.warning("not ready: %s: %s", name, problems[name])
    return {"status": "unready" if failed else "ready", "failed": failed}, 503 if failed else 200


@blueprint.get("/version")
def version() -> ResponseReturnValue:
    settings = current_app.config["SETTINGS"]
    try:
        revision = _revision(current_app.extensions["db"])
    except SQLAlchemyError:
        revision = None
    commit = "0000000" if "version" in settings.fail else settings.commit
    return {"version": settings.version, "commit": commit, "built": settings.built, "revision": revision}


@blueprint.get("/metrics")
def metrics() -> ResponseReturnValue:
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _revision(engine: Engine) -> str:
    with engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
