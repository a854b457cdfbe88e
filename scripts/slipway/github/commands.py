"""Workflow commands, and text that must never become one.

Escapes: https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts (escapeData, escapeProperty).
"""

import secrets
from collections.abc import Iterable
from typing import Literal

Level = Literal["error", "warning", "notice"]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def annotation(level: Level, message: str, *, title: str = "", file: str = "", line: int = 0) -> str:
    """A remark that GitHub shows beside the code."""
    places = [("title", title), ("file", file), ("line", str(line) if line and file else "")]
    properties = ",".join(f"{name}={_property(value)}" for name, value in places if value)
    return f"::{level}{' ' + properties if properties else ''}::{_data(message)}"


def mask(secret: str) -> list[str]:
    """Commands that hide a secret in all logs that follow: each of its lines, since only whole values are matched."""
    return [f"::add-mask::{_data(line)}" for line in {secret, *secret.splitlines()} if line.strip()]


def group(title: str, body: Iterable[str]) -> list[str]:
    """Lines folded under a title. What a tool or a test printed between them cannot be a command of its own."""
    token = secrets.token_hex(16)
    return [f"::group::{_data(title)}", f"::stop-commands::{token}", *body, f"::{token}::", "::endgroup::"]
