"""Commands: `flask --app app migrate | seed | secret`."""

import secrets

import click
from flask import Blueprint, current_app
from sqlalchemy import func, select

from app import cache, db
from app.items import KEY

SEED = ("Check the hull for rust", "Grease the ways", "Test the launch trigger", "Tell the harbour master")
blueprint = Blueprint("commands", __name__, cli_group=None)


@blueprint.cli.command()
@click.argument("revision", default="head")
def migrate(revision: str) -> None:
    """Bring the database to REVISION (default: the newest)."""
    if "migrate" in current_app.config["SETTINGS"].fail:
        raise click.ClickException("APP_FAIL=migrate: the migration fails, as asked")
    db.migrate(current_app.extensions["db"], revision)


@blueprint.cli.command()
def seed() -> None:
    """Fill an empty list with a few examples."""
    with db.session() as s, s.begin():
        if s.scalar(select(func.count()).select_from(db.Item)):
            click.echo("The list is not empty: nothing added.")
            return
        s.add_all(db.Item(title=title) for title in reversed(SEED))
    cache.drop(KEY)
    click.echo(f"{len(SEED)} items added.")


@blueprint.cli.command()
def secret() -> None:
    """Print a strong SECRET_KEY."""
    click.echo(secrets.token_urlsafe(48))
