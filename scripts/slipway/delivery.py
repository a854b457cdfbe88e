"""`slipway deploy`, `preview`, `promote`, `rollback`, `status`: what runs where."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NoReturn

import click

from slipway.errors import ExitCode
from slipway.options import directory, examples
from slipway.tools import interrupts

Provenance = Literal["auto", "always", "never"]


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What all that deploys have in common."""
    for option in reversed(
        (
            click.option(
                "--provenance", type=click.Choice(["auto", "always", "never"]), default="auto",
                help="Verify who built it: on a runner, always, or never.",
            ),
            click.option(
                "--rollback/--no-rollback", default=True, envvar="SLIPWAY_ROLLBACK",
                help="Bring the previous version back when the new one fails (default), or leave it.",
            ),
            click.option("--json", "as_json", is_flag=True, help="Print events as JSON, one a line."),
            directory,
        )
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(epilog=examples("slipway deploy local", "slipway deploy production ghcr.io/acme/shop@sha256:…"))
@click.argument("environment", metavar="[ENV]", required=False)
@click.argument("reference", metavar="[IMAGE@DIGEST]", required=False)
@click.option(
    "--allow-downgrade",
    is_flag=True,
    envvar="SLIPWAY_ALLOW_DOWNGRADE",
    help="An older version may replace a newer one.",
)
@click.option("--no-command", is_flag=True, help="Refuse the target `command`.")
@click.option(
    "--target", type=click.Choice(["fake-render"]), hidden=True, help="Demonstrate it on a local fake of Render."
)
@click.option(
    "--set", "variables", metavar="NAME=VALUE", multiple=True, hidden=True, help="With --target: a variable of the app."
)
@_options
def deploy(
    environment: str | None,
    reference: str | None,
    allow_downgrade: bool,
    no_command: bool,
    target: str | None,
    variables: tuple[str, ...],
    provenance: Provenance,
    rollback: bool,
    as_json: bool,
    directory: Path,
) -> None:
    """Bring a published image up, prove it, or go back.

    ENV is an environment of slipway.toml; IMAGE@DIGEST is by default what was built here last.
    """
    from slipway import config
    from slipway.stages.base import Delivery

    delivery = Delivery(provenance, allow_downgrade, rollback, not no_command, credentials())
    root = directory.resolve()
    settings = config.load(root)
    if not target:
        _deploy(root, settings, environment, reference, delivery, as_json)  # and end

    from dataclasses import replace

    from slipway.pipeline import demonstration, deployment
    from slipway.pipeline import folder as folders

    reference = reference or deployment.last(folders.state_folder(root))
    pairs = dict(variable.partition("=")[::2] for variable in variables)
    with demonstration.platform(root, settings, environment, reference, pairs) as (settings, environment, given):
        _deploy(
            root, settings, environment, reference, replace(delivery, credentials=given, allow_downgrade=True), as_json
        )


def _deploy(
    root: Path, settings: Any, environment: str | None, reference: str | None, delivery: Any, as_json: bool
) -> NoReturn:
    """Deploy, and end with what came of it."""
    from slipway.pipeline import deployment
    from slipway.report import listen

    with listen.listener(root, as_json) as emit:
        result = interrupts.run(deployment.deploy(root, settings, environment, reference, emit, delivery))
    sys.exit(result.exit_code)


def credentials() -> dict[str, str]:
    """The platforms' credentials, out of the environment."""
    from slipway.stages import place

    return hidden(place.take())


def hidden(secrets: dict[str, str]) -> dict[str, str]:
    """Secrets, hidden in a workflow's logs from here on."""
    from slipway import github
    from slipway.github import commands

    for line in (line for value in secrets.values() for line in commands.mask(value)):
        if github.on_runner():
            click.echo(line, err=True)  # the runner reads commands there too, and --json stays JSON
    return secrets


@click.command(epilog=examples("slipway promote staging production", "slipway promote staging production --json"))
@click.argument("source", metavar="FROM")
@click.argument("environment", metavar="TO")
@_options
def promote(
    source: str, environment: str, provenance: Provenance, rollback: bool, as_json: bool, directory: Path
) -> None:
    """Deploy to TO what runs in FROM: the same digest.

    Refused unless it is live and healthy there.
    """
    from slipway import config
    from slipway.pipeline import deployment
    from slipway.stages.base import Delivery

    root, delivery = directory.resolve(), Delivery(provenance, rollback=rollback, credentials=credentials())
    settings = config.load(root)
    reference = interrupts.run(deployment.promoted(root, settings, source, delivery))
    _deploy(root, settings, environment, reference, delivery, as_json)


@click.command(epilog=examples("slipway rollback production", "slipway rollback production sha256:…"))
@click.argument("environment", metavar="[ENV]", required=False)
@click.argument("digest", metavar="[DIGEST]", required=False)
@_options
def rollback(
    environment: str | None,
    digest: str | None,
    provenance: Provenance,
    rollback: bool,
    as_json: bool,
    directory: Path,
) -> None:
    """Deploy what ran before, or DIGEST.

    It is verified like any other version; if it fails, what runs now comes back.
    """
    from slipway import config
    from slipway.pipeline import deployment
    from slipway.stages.base import Delivery

    root, delivery = directory.resolve(), Delivery(provenance, True, rollback, credentials=credentials())
    settings = config.load(root)
    reference = interrupts.run(deployment.earlier(root, settings, environment, digest, delivery))
    _deploy(root, settings, environment, reference, delivery, as_json)


@click.command(epilog=examples("slipway preview staging --pull-request 12", "slipway preview staging --remove"))
@click.argument("environment", metavar="[ENV]", required=False)
@click.argument("reference", metavar="[IMAGE@DIGEST]", required=False)
@click.option("--pull-request", type=click.IntRange(1), help="Its number; default: the one that runs this workflow.")
@click.option("--remove", is_flag=True, envvar="SLIPWAY_REMOVE", help="Take the preview away.")
@_options
def preview(
    environment: str | None,
    reference: str | None,
    pull_request: int | None,
    remove: bool,
    provenance: Provenance,
    rollback: bool,
    as_json: bool,
    directory: Path,
) -> None:
    """Bring an image up beside an environment, for one pull request.

    A copy of ENV's service on Render, with its variables and an address of its own.
    """
    from slipway import config, github
    from slipway.errors import UsageError
    from slipway.github import commands, files
    from slipway.pipeline import preview as previews
    from slipway.stages.base import Delivery

    event, secrets = github.event(), credentials()
    if github.on_runner() and github.without_secrets(event) and not secrets:
        said = "No preview: this run gets no secrets. For Dependabot, store the API key as a Dependabot secret too."
        click.echo(commands.annotation("notice", said, title="preview"))
        files.outputs({"result": "", "status": "skipped"})
        return
    number = pull_request or event.number
    if not number:
        raise UsageError("which pull request? Name it: --pull-request 12.")
    root = directory.resolve()
    settings = config.load(root)
    # Every push may bring another history: an older commit is not a step back.
    delivery = Delivery(provenance, True, rollback, credentials=secrets, preview=number)
    if not remove:
        _deploy(root, settings, environment, reference, delivery, as_json)  # and end
    result = interrupts.run(previews.remove(root, settings, environment, delivery))
    files.outputs({"result": result, "status": "passed"})
    click.echo(f"preview of pull request {number}: {result}", err=as_json)


@click.command(epilog=examples("slipway status production", "slipway status --json"))
@click.argument("environment", metavar="[ENV]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@directory
def status(environment: str | None, as_json: bool, directory: Path) -> None:
    """Say what runs in an environment, and whether it is well.

    Exit code 1 where it is not.
    """
    from slipway import config
    from slipway.pipeline import standing
    from slipway.report import standing as show
    from slipway.stages.base import Delivery

    root, delivery = directory.resolve(), Delivery(credentials=credentials())
    found = interrupts.run(standing.standing(root, config.load(root), environment, delivery))
    show.show(found, as_json)
    sys.exit(ExitCode.RED if found.problem else ExitCode.PASSED)
