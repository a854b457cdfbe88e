"""Logs: one JSON object a line on standard output, each with the id of its request."""

import json
import logging
import re
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

from flask import has_request_context, request

from app.config import Settings

_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(environ: dict[str, Any]) -> str:
    """The caller's id where it is a harmless one, else a new one; the same for the whole request."""
    if "app.request_id" not in environ:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        environ["app.request_id"] = given if _VALID_ID.fullmatch(given) else uuid.uuid4().hex
    return environ["app.request_id"]


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context():
            line["request_id"] = request_id(request.environ)
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure(settings: Settings) -> None:
    """In development the usual readable lines, in production JSON only."""
    handler = logging.StreamHandler(sys.stdout)
    if settings.env == "production":
        handler.setFormatter(JsonFormatter())
        logging.captureWarnings(True)
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # eleven lines of nothing
