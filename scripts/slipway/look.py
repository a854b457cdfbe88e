"""`slipway report` and `slipway runs`: looking at what was run."""

from pathlib import Path

import click

from slipway.options import CONTEXT, directory, examples


@click.command(context_settings=CONTEXT, epilog=examples("slipway report", "slipway report 20261121-0801 --markdown"))
@click.argument("run", metavar="[RUN]", default="")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the summary that GitHub would show.")
@directory
def report(run: str, as_json: bool, as_markdown: bool, directory: Path) -> None:
    """Show an earlier run again, and write its report.html anew.

    RUN is its id, the beginning of it, or its folder; by default the last run.
    """
    from slipway.report import listen

    listen.show_report(directory.resolve(), run, as_json, as_markdown)


@click.command(context_settings=CONTEXT, epilog=examples("slipway runs", "slipway runs --json"))
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@directory
def runs(as_json: bool, directory: Path) -> None:
    """List the last runs, and what changed from one to the next."""
    from slipway.report import listen

    listen.show_runs(directory.resolve(), as_json)
