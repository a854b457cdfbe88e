"""What runs in an environment, for people and as JSON."""

import click
import msgspec

from slipway.pipeline.result import SCHEMA
from slipway.pipeline.standing import Standing
from slipway.report.text import plain


def show(found: Standing, as_json: bool) -> None:
    """Print it."""
    if as_json:
        click.echo(msgspec.json.encode({"schema": SCHEMA, **msgspec.to_builtins(found)}).decode())
        return
    rows = {"": f"{found.environment} ({found.target}) {found.url}"}
    if found.reference:
        rows |= {"runs": found.reference, "version": found.version or "not known: its image has no label of it"}
    if found.since:
        rows["since"] = f"{found.since}, deployed by {found.by or 'nobody known'}"
    if found.newest is not None and found.reference:
        rows["newest"] = "yes: what was built here last" if found.newest else "no: a newer one was built here"
    proof = "" if found.proven else ", its version unproven"
    rows["health"] = f"NOT WELL: {found.problem}" if found.problem else f"well{proof}"
    for name, text in rows.items():
        click.echo(plain(f"  {name:<8} {text}" if name else text))
