"""The sample app: a launch checklist on Flask, small enough to read at one sitting."""

from flask import Flask

from app import assets, cache, cli, db, health, items, logs, web
from app.config import Settings


def create_app(settings: Settings | None = None) -> Flask:
    settings = settings or Settings.from_env()
    logs.configure(settings)
    app = Flask(__name__)
    app.config.from_mapping(
        SECRET_KEY=settings.secret_key,
        TRUSTED_HOSTS=list(settings.trusted_hosts) or None,
        DEBUG=settings.debug,
        MAX_CONTENT_LENGTH=64 * 1024,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.cookie_secure,
        SETTINGS=settings,
    )
    app.extensions["draining"] = bytearray(1)  # gunicorn.conf.py puts a byte here that all its processes share
    for part in (db, cache, assets, web):
        part.init_app(app)
    for part in (health, items, cli):
        app.register_blueprint(part.blueprint)
    if settings.fail:
        app.logger.warning("failing on purpose: %s", ", ".join(sorted(settings.fail)))
    return app
