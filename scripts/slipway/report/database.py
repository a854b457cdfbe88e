"""The vulnerability database that scans use, for people and as JSON."""

from datetime import UTC, datetime

import click
import msgspec

from slipway.pipeline.result import SCHEMA
from slipway.report.text import plain
from slipway.tools.database_store import Database


def show(setting: str, found: Database | None, limit_hours: float, as_json: bool) -> bool:
    """Print it: source, digest, date, age and size. Returns whether a scan may use it."""
    usable = found is not None and found.current(limit_hours)
    if as_json:
        known = _facts(found) if found else {}
        told = {"schema": SCHEMA, "setting": setting, "limit_hours": limit_hours, "usable": usable, **known}
        click.echo(msgspec.json.encode(told).decode())
    elif found is None:
        click.echo(plain(f"no vulnerability database here ({setting}): the next scan fetches it, or `slipway db pull`"))
    else:
        for name, text in _rows(found, limit_hours, usable).items():
            click.echo(plain(f"{name:<8} {text}"))
    return usable


def _facts(found: Database) -> dict[str, object]:
    age = found.age_hours(datetime.now(UTC))
    return {
        "source": found.source, "digest": found.digest, "updated": found.updated, "age_hours": round(age, 2),
        "size": found.size, "folder": str(found.cache), "version": found.version,
    }  # fmt: skip


def _rows(found: Database, limit_hours: float, usable: bool) -> dict[str, str]:
    age = found.age_hours(datetime.now(UTC))
    if usable:
        verdict = f"the limit is {limit_hours:.0f} h"
    elif age < 0:
        verdict = "dated in the future: no scan uses it. Check this machine's clock"
    else:
        verdict = f"STALE: the limit is {limit_hours:.0f} h, no scan uses it. Fetch a newer one: `slipway db pull`"
    return {
        "source": found.source,
        "digest": found.digest or "none: a folder, which nothing vouches for",
        "date": f"{found.updated:%Y-%m-%d %H:%M} UTC",
        "age": f"{age:.0f} h, {verdict}",
        "size": f"{found.size / 1e6:.1f} MB",
    }
