"""What is attested of an image, for people and as JSON."""

from typing import Any

import click
import msgspec

from slipway.pipeline.attested import Attested
from slipway.pipeline.result import SCHEMA
from slipway.report.text import plain


def show(found: Attested, as_json: bool) -> None:
    """Print it: who built it from what, where and when, and what is in it."""
    if as_json:
        click.echo(msgspec.json.encode({"schema": SCHEMA, **msgspec.to_builtins(found)}).decode())
        return
    proven, sbom = found.provenance, found.sbom
    rows = {
        "built from": f"{proven.repository}@{proven.commit} ({proven.ref}), by {proven.event or 'an unnamed event'}",
        "signed by": f"{proven.signer} at {proven.signer_commit}",
        "runner": proven.runner,
        "when": f"{proven.signed}   {proven.run}".rstrip(),
        "SBOM": _words(sbom) if sbom else "none attested",
    }
    click.echo(found.image)
    for name, text in rows.items():
        click.echo(plain(f"  {name:<11} {text}"))


def _words(sbom: dict[str, Any]) -> str:
    parts = len(sbom.get("components") or [])
    return f"{sbom.get('bomFormat', '')} {sbom.get('specVersion', '')}, {parts} components; whole with --json"
