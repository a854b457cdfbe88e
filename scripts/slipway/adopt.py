"""`slipway init` and `slipway update`: commands and their help; no logic."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click

from slipway.errors import ExitCode
from slipway.options import examples
from slipway.tools import interrupts

_folder = click.argument(
    "folder", metavar="[DIR]", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path)
)


@click.command(epilog=examples("slipway init", "slipway init services/shop --target render --dry-run"))
@_folder
@click.option(
    "--mode", type=click.Choice(["reference", "copy"]), default="reference", help="Refer to the kit, or copy it."
)
@click.option("--target", type=click.Choice(["render", "railway", "compose"]), help="Deploy there from the workflow.")
@click.option("--uses", metavar="KIT", default="", help="What to refer to: OWNER/slipway, or OWNER/slipway@COMMIT.")
@click.option("--dockerfile", metavar="NAME", default="", help="Write a new Dockerfile of this name, and build that.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, as a diff, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def init(
    folder: Path,
    mode: Literal["reference", "copy"],
    target: Literal["render", "railway", "compose"] | None,
    uses: str,
    dockerfile: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write the least that makes the pipeline run in a repository.

    Looks at the Flask app in DIR, says what it found, overwrites nothing.
    """
    from slipway.report import adopt as show
    from slipway.scaffold import init as scaffold

    wish = scaffold.Wish(mode, target, uses, dockerfile)
    made = interrupts.run(scaffold.plan(folder.resolve(), wish, datetime.now(UTC).date()))
    if not dry_run:
        scaffold.write(made)
    show.show_init(made, dry_run, as_json)


@click.command(epilog=examples("slipway update --dry-run", "slipway update --to v1.4.0 --yes"))
@_folder
@click.option("--to", "ref", metavar="VERSION", default="", help="A tag or commit; default: the newest release.")
@click.option(
    "--source", metavar="FOLDER|URL", default="", help="Folder or URL of the kit; default: where it was copied from."
)
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, as a diff, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON; ask nothing.")
def update(folder: Path, ref: str, source: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Bring a copy of the kit to a newer version.

    Shows the diff, merges it with your changes, and marks what is in conflict.
    """
    from slipway.report import adopt as show
    from slipway.scaffold import update as updates

    planned = interrupts.run(updates.plan(folder.resolve(), source, ref))
    show.show_update(planned, as_json)
    if not planned.changes or dry_run:
        return
    if not yes and (as_json or not sys.stdin.isatty()):
        click.echo("nothing was written; with --yes it is", err=True)
        return
    if yes or click.confirm("Write this?"):
        updates.apply(planned)
        if not as_json:
            show.show_updated(planned)
        sys.exit(ExitCode.NEEDS_HUMAN if planned.conflicts else ExitCode.PASSED)
