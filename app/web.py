"""What every answer has in common: request id, security headers, the origin of a write, error pages, metrics."""

import time
from importlib.util import find_spec
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, render_template, request
from prometheus_client import Histogram
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError, ServiceUnavailable
from werkzeug.middleware.proxy_fix import ProxyFix

from app.logs import request_id

SECONDS = Histogram("http_request_duration_seconds", "Time to answer", ["method", "route", "status"])
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def refuse_foreign_writes() -> None:
    """Cross-site requests are told by the browser itself; no token in each form is needed for that."""
    g.started = time.perf_counter()
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in (None, "same-origin", "none") or (not site and origin and urlsplit(origin).netloc != request.host):
        abort(403, "This form was sent from another site.")


def finish(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "none"
    SECONDS.labels(request.method, route, response.status_code).observe(time.perf_counter() - g.get("started", 0))
    response.headers.update(current_app.config["HEADERS"])
    response.headers["X-Request-ID"] = request_id(request.environ)
    response.headers.setdefault("Cache-Control", "no-store")
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def error_page(error: Exception) -> tuple[str, int, dict[str, str]]:
    if isinstance(error, OperationalError | PoolTimeout):
        current_app.logger.error("database: %s", error.args[0] if error.args else error)
        error = ServiceUnavailable("The database does not answer. Nothing was lost; try again in a moment.")
    elif isinstance(error, SecurityError):
        return "Not a host of this app.", 400, {}  # without a host there are no links, hence no page
    elif not isinstance(error, HTTPException):
        current_app.logger.exception("unhandled")
        error = InternalServerError("Something broke on our side. It has been logged under the id below.")
    # A fragment in place of the list would hide it: htmx is told to show the page as a page.
    headers = {"HX-Retarget": "body"} if "HX-Request" in request.headers else {}
    page = render_template("error.html", error=error, request_id=request_id(request.environ))
    return page, error.code or 500, headers


def init_app(app: Flask) -> None:
    settings = app.config["SETTINGS"]
    app.config["HEADERS"] = dict(HEADERS)
    app.before_request(refuse_foreign_writes)
    app.after_request(finish)
    app.register_error_handler(Exception, error_page)
    # Not among the packages that ship, and never in production: Settings sees to that.
    if settings.debug and find_spec("flask_debugtoolbar"):
        from flask_debugtoolbar import DebugToolbarExtension

        app.config["DEBUG_TB_INTERCEPT_REDIRECTS"] = False
        DebugToolbarExtension(app)
        del app.config["HEADERS"]["Content-Security-Policy"]  # the toolbar is made of inline scripts
    if hops := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
