"""Commands and their help; no logic."""

import sys
from pathlib import Path
from typing import Literal

import click

from slipway import __version__, look
from slipway.adopt import init, update
from slipway.ci import ci
from slipway.ci.publish import COMMANDS
from slipway.db import db
from slipway.delivery import credentials, deploy, hidden, preview, promote, rollback, status
from slipway.errors import ExitCode, SlipwayError, UsageError
from slipway.options import CONTEXT, directories, directory, examples
from slipway.tools import interrupts

# The list of all commands fits one screen, in the order in which they are met: those of one kind share a line.
ORDER = ("run", "plan", "check", "deploy", "promote", "rollback", "status", "preview", "attested", "rescan", "db")
SHARED = {
    "init, update": "Write what a repository lacks; renew its copy of the kit.",
    "report, runs": "Show an earlier run again; list the last ones, with changes.",
    "stop, clean": "Remove what runs have started; volumes, images, caches too.",
}


class Group(click.Group):
    """Turns our errors into two lines and the right exit code; a traceback never reaches the user."""

    def main(self, *args: object, **extra: object) -> None:  # type: ignore[override]
        """Run, and end with our exit codes whatever is raised."""
        try:
            super().main(*args, standalone_mode=False, **extra)  # type: ignore[call-overload]
        except click.exceptions.Exit as done:
            sys.exit(done.exit_code)
        except click.ClickException as error:
            self._fail(error.format_message(), ExitCode.USAGE)
        except (click.Abort, KeyboardInterrupt):
            self._fail("interrupted", ExitCode.INTERRUPTED)
        except SlipwayError as error:
            self._fail(str(error), error.code)
        except BrokenPipeError:
            sys.stderr.close()  # the reader has gone: nothing to say, nobody to say it to
            sys.exit(ExitCode.PASSED)
        except OSError as error:
            self._fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), ExitCode.NOT_READY)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands alone: there are many, and the two options stand in the first line."""
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Known ones in their order, those that nobody has placed after them."""
        shared = {name for names in SHARED for name in names.split(", ")}
        own = [*ORDER, *(name for name in self.commands if name not in shared and name not in ORDER)]
        rows = [(name, self.commands[name].get_short_help_str(80)) for name in own if not self.commands[name].hidden]
        with formatter.section("Commands"):
            formatter.write_dl([*rows, *SHARED.items()])

    @staticmethod
    def _fail(message: str, code: int) -> None:
        click.echo(f"slipway: {message}", err=True)
        from slipway import github
        from slipway.github import commands

        if github.on_runner():
            click.echo(commands.annotation("error", message, title="slipway"))
        sys.exit(code)


@click.group(
    cls=Group,
    context_settings=CONTEXT,
    options_metavar="[--version] [--help]",
    subcommand_metavar="COMMAND …",
    epilog=examples("slipway run", "slipway plan -C ../shop"),
)
@click.version_option(__version__, prog_name="slipway")
def main() -> None:
    """Take a Dockerised Flask app from a commit to a verified deployment."""


@main.command(epilog=examples("slipway run", "slipway run --until scan --keep-going"))
@click.argument("stages", nargs=-1)
@click.option("--until", metavar="STAGE", help="Nothing after this stage.")
@click.option("--skip", metavar="STAGE", multiple=True, help="Leave a stage out.")
@click.option("--from", "start", metavar="STAGE", help="Run this stage and those after it again, changed or not.")
@click.option("--keep-going", is_flag=True, help="Let the other stages finish after a failure.")
@click.option("--dry-run", is_flag=True, help="Print the plan and start nothing.")
@click.option("--fresh", is_flag=True, help="Reuse no earlier result.")
@click.option("--layout", metavar="DIR", envvar="SLIPWAY_LAYOUT", help="Run on the image in this folder, build none.")
@click.option("--digest", metavar="DIGEST", envvar="SLIPWAY_LAYOUT_DIGEST", help="The digest that --layout must have.")
@click.option("--env", "environment", metavar="ENV", help="The deploy environment.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON, one a line.")
@directories
def run(
    stages: tuple[str, ...],
    until: str | None,
    skip: tuple[str, ...],
    start: str | None,
    keep_going: bool,
    dry_run: bool,
    fresh: bool,
    layout: str | None,
    digest: str | None,
    environment: str | None,
    as_json: bool,
    directory: tuple[Path, ...],
) -> None:
    """Run the pipeline, or the stages named and what they need.

    Stages: lint, build, test, scan, integration, publish, deploy.
    """
    from slipway.image.taken import Taken
    from slipway.pipeline import graph, projects
    from slipway.pipeline import plan as plans
    from slipway.pipeline import run as runs
    from slipway.report import listen
    from slipway.stages.base import Delivery
    from slipway.tools import build_secrets

    selection = graph.select(stages, until, skip, start, fresh)
    chosen = projects.chosen(directory)
    delivery = Delivery(credentials=credentials())
    taken = Taken.of(layout or "", digest or "")
    if taken and len(chosen) > 1:
        raise UsageError("--layout is the image of one project. Run each project by itself.")
    options = runs.Options(selection, environment, keep_going, hidden(build_secrets.take()), delivery, taken)
    if dry_run:
        for one in chosen:
            plan = interrupts.run(plans.plan(one.root, one.settings, options))
            listen.show_plan(*plan, as_json, one.name)
        return
    ended = projects.run(chosen, options, lambda one: listen.listener(one.root, as_json, one.name))
    if len(ended) > 1:
        listen.show_ended(ended, as_json)
    sys.exit(projects.worst(ended).code)


@main.command(epilog=examples("slipway plan", "slipway plan --json"))
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@directory
def plan(as_json: bool, directory: Path) -> None:
    """Say what a run would do, what it would reuse, and why."""
    from slipway import config
    from slipway.pipeline import graph
    from slipway.pipeline import plan as plans
    from slipway.pipeline import run as runs
    from slipway.report import listen

    root = directory.resolve()
    options = runs.Options(graph.select())
    listen.show_plan(*interrupts.run(plans.plan(root, config.load(root), options)), as_json)


@main.command(
    epilog=examples(
        "slipway attested ghcr.io/acme/shop@sha256:…",
        "slipway attested ghcr.io/acme/shop@sha256:… --ref refs/heads/main",
    )
)
@click.argument("reference", metavar="IMAGE@DIGEST")
@click.option("--repo", metavar="OWNER/NAME", default="", help="What it must be built from.")
@click.option("--signer", metavar="WORKFLOW", default="", help="Who must have signed it.")
@click.option("--ref", metavar="REF", default="", help="The ref that it must be built from.")
@click.option("--allow-self-hosted", is_flag=True, help="Accept attestations from self-hosted runners.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, with the whole SBOM.")
@directory
def attested(
    reference: str, repo: str, signer: str, ref: str, allow_self_hosted: bool, as_json: bool, directory: Path
) -> None:
    """Say who built an image from what; refuse what is not signed.

    By default it must be of ghcr.io/OWNER/NAME's repository, signed by the publish.yml that the project calls.
    """
    from slipway import config
    from slipway.pipeline import attested as proofs
    from slipway.report import attested as show

    root = directory.resolve()
    show.show(proofs.attested(root, config.load(root), reference, repo, signer, ref, allow_self_hosted), as_json)


@main.command(epilog=examples("slipway rescan ghcr.io/acme/shop@sha256:…", "slipway rescan $(cat .slipway/image)"))
@click.argument("reference", metavar="IMAGE@DIGEST")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON, one a line.")
@directory
def rescan(reference: str, as_json: bool, directory: Path) -> None:
    """Scan a published image again, with today's vulnerability data."""
    from slipway import config
    from slipway.pipeline import rescan as scans
    from slipway.report import listen

    root = directory.resolve()
    with listen.listener(root, as_json) as emit:
        result = interrupts.run(scans.rescan(root, config.load(root), reference, emit))
    sys.exit(result.exit_code)


@main.command(epilog=examples("slipway check", "slipway check .github/workflows/deliver.yml --policy write"))
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--policy", type=click.Choice(["read", "write"]), help="The repository's default token, if you know it.")
@click.option("--same-owner", is_flag=True, help="Called workflows elsewhere have the repository's owner.")
@click.option("--kit", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of OWNER/slipway.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--sarif", type=click.Path(dir_okay=False, path_type=Path), help="Write SARIF to this file as well.")
@directory
def check(
    files: tuple[Path, ...],
    policy: Literal["read", "write"] | None,
    same_owner: bool,
    kit: Path | None,
    as_json: bool,
    sarif: Path | None,
    directory: Path,
) -> None:
    """Say what GitHub would refuse in these workflows before a push.

    FILES are by default .github/workflows/*.yml and .github/actions/*/action.yml of the project.
    """
    from slipway.report import workflows as show
    from slipway.workflows import syntax
    from slipway.workflows.check import installed_kit
    from slipway.workflows.permissions import Default

    report = interrupts.run(syntax.check_all(directory, files, kit or installed_kit(), Default(policy, same_owner)))
    show.show(report, as_json)
    if sarif:
        show.write_sarif(report, sarif)
    sys.exit(ExitCode.RED if report.problems else ExitCode.PASSED)


@main.command(epilog=examples("slipway stop", "slipway stop -C ../shop"))
@directory
def stop(directory: Path) -> None:
    """Remove what runs of this project have started. Data volumes stay."""
    from slipway.pipeline import removal

    removed = interrupts.run(removal.stop(directory.resolve()))
    click.echo(f"removed: {', '.join(removed)}" if removed else "nothing of this project was running")


@main.command(epilog=examples("slipway clean", "slipway clean -C ../shop"))
@directory
def clean(directory: Path) -> None:
    """Stop, and remove Slipway's data volumes, images and caches too."""
    from slipway import config
    from slipway.pipeline import removal

    root = directory.resolve()
    for name in interrupts.run(removal.clean(root, config.load(root))):
        click.echo(f"removed: {name}")


@main.command(epilog=examples("slipway doctor", "slipway doctor --json"))
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@directory
def doctor(as_json: bool, directory: Path) -> None:
    """Say what is missing here, and the command that fixes it."""
    from slipway import doctor as surgery
    from slipway.report import listen

    checks = interrupts.run(surgery.examine(directory.resolve()))
    listen.show_checks(checks, as_json)
    sys.exit(ExitCode.NOT_READY if any(check.level == "missing" for check in checks) else ExitCode.PASSED)


main.add_command(init)
main.add_command(update)
main.add_command(ci)
for step in COMMANDS:
    ci.add_command(step)
main.add_command(db)
for command in (deploy, preview, promote, rollback, status, look.report, look.runs):
    main.add_command(command)


if __name__ == "__main__":
    main()
