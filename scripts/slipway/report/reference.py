"""The reference of slipway.toml, made from the settings themselves: `python -m slipway.report.reference`."""

from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from slipway.config import DeployTable, Settings, Table

HEAD = """# slipway.toml

Made from the code by `python -m slipway.report.reference`. Every key is optional; a file of three lines is normal.
A variable `SLIPWAY_<TABLE>_<KEY>`, such as `SLIPWAY_SCAN_DATABASE` or `SLIPWAY_DEPLOY_STAGING_SERVICE`, wins over the
file; `SLIPWAY_PORT` sets the port of `[deploy.local]`. An unknown key, a wrong type and a value out of range are
errors that name the file and the line.

```toml
[lint]
threshold = "warning"

[scan]
database = "/srv/trivy"        # a folder, an OCI layout or a registry reference

[deploy.local]
health = "/readyz"
version = "/version"
```
"""


def page() -> str:
    """The whole page, in Markdown."""
    parts = [HEAD]
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.type, type) and issubclass(field.type, Table):
            parts.append(_table(field.encode_name, field.type))
    parts.append(_table("deploy.<environment>", DeployTable))
    return "\n".join(parts)


def _table(name: str, kind: type[Table]) -> str:
    rows = [f"## [{name}]\n", "| key | type | default | |", "|---|---|---|---|"]
    for field in msgspec.structs.fields(kind):
        words, about = _words(field.type)
        rows.append(f"| `{field.encode_name}` | {words} | {_value(field.default)} | {about} |")
    return "\n".join(rows) + "\n"


def _words(kind: Any) -> tuple[str, str]:
    """A type in words, and its description."""
    about = words = ""
    while get_origin(kind) is Annotated:
        kind, *notes = get_args(kind)
        for note in notes:
            about = note.description or about
            if note.pattern:
                words = "duration (`90s`, `15m`, `48h`)"
            if note.ge is not None and note.le is not None:
                words = f"{note.ge} to {note.le}"
    if get_origin(kind) is Literal:
        words = " or ".join(f"`{word}`" for word in get_args(kind))
    return words or {str: "text", int: "number"}.get(kind, "list of text"), about


def _value(default: Any) -> str:
    return f"`{default}`" if default not in ("", ()) else ""


if __name__ == "__main__":
    print(page(), end="")
