"""Environment variables that win over slipway.toml: `SLIPWAY_<TABLE>_<KEY>` and SLIPWAY_PORT."""

import contextlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import urlsplit

import msgspec

from slipway.errors import UsageError

LOCAL_URL = "http://127.0.0.1:8000"


def name(*path: str) -> str:
    """Return the variable of a key, by its path: `deploy`, `staging`, `service`."""
    return re.sub(r"[^A-Z0-9]", "_", "_".join(["SLIPWAY", *path]).upper())


def lay(tables: dict[str, Any], settings: Any, environment: Any, environ: Mapping[str, str]) -> dict[str, str]:
    """Lay the variables over the tables of the file, and return key → variable, so that an error can name the variable.

    Args:
        settings: the type of the whole file.
        environment: the type of one table of `deploy`; only those that the file has can be set.

    Raises:
        UsageError: SLIPWAY_PORT is not a port.
    """
    chosen: dict[str, str] = {}

    def one(table: Any, kind: Any, *path: str) -> None:
        for key in msgspec.structs.fields(kind):
            if (text := environ.get(name(*path, key.name))) and isinstance(table, dict):
                table[key.encode_name] = _value(text, key.type)
                chosen[".".join([*path, key.encode_name])] = name(*path, key.name)

    for field in msgspec.structs.fields(settings):
        if get_origin(field.type) is not dict:
            one(tables.setdefault(field.encode_name, {}), field.type, field.encode_name)
    deploy = tables.get("deploy")
    for key, table in deploy.items() if isinstance(deploy, dict) else ():
        one(table, environment, "deploy", key)
    if port := environ.get("SLIPWAY_PORT"):
        _lay_port(tables, port)
    return chosen


def _value(text: str, kind: Any) -> Any:
    """A variable's text as a value for a key of this type: numbers are read, lists are split at commas."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    return int(text) if kind is int and re.fullmatch("[0-9]+", text) else text


def _lay_port(tables: dict[str, Any], port: str) -> None:
    """SLIPWAY_PORT is the port of the environment `local`. Where only others are named, it makes no `local` beside
    them: that would change which one is the default."""
    if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise UsageError(f"SLIPWAY_PORT is {port!r}: it must be a port number from 1 to 65535, such as 8001.")
    deploy = tables.setdefault("deploy", {})
    if not isinstance(deploy, dict) or (deploy and "local" not in deploy):
        return
    local = deploy.setdefault("local", {})
    url = local.setdefault("url", LOCAL_URL) if isinstance(local, dict) else None
    if isinstance(url, str):
        with contextlib.suppress(ValueError):  # not a URL: said when the whole is validated
            parts = urlsplit(url)
            host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
            local["url"] = parts._replace(netloc=f"{host}:{port}").geturl() if host else url
