"""`slipway db …`: the vulnerability database of scans, by hand."""

import os
import sys
from pathlib import Path

import click

from slipway.errors import ExitCode
from slipway.options import CONTEXT, directory, examples
from slipway.tools import interrupts


@click.group(context_settings=CONTEXT, epilog=examples("slipway db status", "slipway db pull"))
def db() -> None:
    """Fetch the vulnerability database, or say which one scans use."""


@db.command(epilog=examples("slipway db pull", "slipway db pull --source /media/usb/trivy-db"))
@click.option("--source", metavar="REPOSITORY|PATH", default="", help="Fetch it from there this time.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@directory
def pull(source: str, as_json: bool, directory: Path) -> None:
    """Fetch the database now and let scans use it.

    PATH is a folder with trivy.db and metadata.json, or an OCI layout.
    """
    from slipway import config
    from slipway.report import database as show
    from slipway.tools import database

    root = directory.resolve()
    scan = config.load(root).scan
    limit = config.seconds(scan.database_age) / 3600
    found = interrupts.run(database.pull(scan.database, root, Path(os.devnull), limit, source))
    sys.exit(ExitCode.PASSED if show.show(scan.database, found, limit, as_json) else ExitCode.NOT_READY)


@db.command(epilog=examples("slipway db status", "slipway db status --json"))
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@directory
def status(as_json: bool, directory: Path) -> None:
    """Say which database a scan would use now.

    Exit code 3 where it is stale or there is none."""
    from slipway import config
    from slipway.report import database as show
    from slipway.tools import database

    root = directory.resolve()
    scan = config.load(root).scan
    found = database.present(scan.database, root)
    limit = config.seconds(scan.database_age) / 3600
    sys.exit(ExitCode.PASSED if show.show(scan.database, found, limit, as_json) else ExitCode.NOT_READY)
