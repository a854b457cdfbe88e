"""`slipway ci …`: what the workflows' steps call between their jobs. Values come by the environment, not by options:
text of an event must never be part of a script."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.errors import UsageError
from slipway.tools import interrupts

if TYPE_CHECKING:
    from slipway.deploy.record import Record

ALL = "all"
STAGES = ("lint", "test", "build", "scan", "integration")  # of the action `verify`


def job_folder() -> Path:
    """A folder of this job alone, gone with it."""
    return Path(os.environ.get("RUNNER_TEMP") or "/tmp") / "slipway"


class Steps(click.Group):
    """Lists its commands alone, so that they fit one screen."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Leave the one option out, which stands in the first line."""
        self.format_commands(ctx, formatter)


@click.group(
    cls=Steps,
    hidden=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n  slipway ci cache\n  slipway ci login",
)
def ci() -> None:
    """Steps of the workflows. Not meant to be typed."""


@ci.command()
def cache() -> None:
    """Decide what is restored and kept.

    Of the layer cache and the scan's baseline, for STAGE: CACHE is auto, read-only or off. Of the image for other jobs:
    UPLOAD_IMAGE is auto, always or never.
    """
    from slipway import config, github
    from slipway.github import artifacts, files
    from slipway.github import cache as layers
    from slipway.pipeline import subject

    root = Path.cwd()
    settings, event = config.load(root), github.event()
    stages = _stages()
    files_of_build = [root / settings.build.dockerfile, root / settings.build.bake, root / "images.toml"]
    about = subject.of(root, settings)
    project = f"{about.folder} {about.platform}"
    chosen = layers.decide(os.environ.get("CACHE", "auto"), event, root, files_of_build, project)
    # The job that builds the image keeps its layers; others may only read them.
    restore = chosen.restore and stages != ("lint",)
    save = chosen.save and "build" in stages
    key, prefix = layers.baseline(event, about.category, github.attempt())
    wanted, later = os.environ.get("UPLOAD_IMAGE", "auto"), stages == ("build",)
    upload = artifacts.uploads_image(wanted, event, to_stages=later) and "build" in stages
    folder, new = str(job_folder() / "layers"), settings.scan.gate == "new" and "scan" in stages
    files.outputs(
        {
            "key": chosen.key, "restore-keys": chosen.prefix, "path": folder,
            "from": folder if restore else "", "to": folder if save else "",
            "restore": str(restore).lower(), "save": str(save).lower(),
            "baseline": str(job_folder() / "baseline.json") if key and new else "",
            "baseline-key": key, "baseline-prefix": prefix, "upload": str(upload).lower(),
        }
    )  # fmt: skip
    read, written, handed = ["" if yes else "not " for yes in (restore, save, upload)]
    click.echo(f"layer cache {chosen.key}: {read}read, {written}written; the image is {handed}handed over")


@ci.command()
@click.pass_context
def run(context: click.Context) -> None:
    """Run the stages that STAGE names.

    One stage and what it needs, or `all`: all of them but the integration tests.
    """
    main = context.find_root().command
    assert isinstance(main, click.Group)
    main.commands["run"].main(list(_stages()), prog_name="slipway run", standalone_mode=False)


@ci.command()
def login() -> None:
    """Log in to registries and hosts.

    Registries: those of REGISTRY_AUTH, and ghcr.io with GHCR_TOKEN. Hosts: by SSH_KEY, those of SSH_KNOWN_HOSTS.
    All of it stays in a folder of this job.
    """
    from slipway.github import commands, files
    from slipway.tools import docker_config, ssh

    wanted = docker_config.credentials(os.environ.get("REGISTRY_AUTH", ""))
    if token := os.environ.get("GHCR_TOKEN"):
        wanted.append(("ghcr.io", "slipway", token))
    for _, _, secret in wanted:
        click.echo("\n".join(commands.mask(secret)))
    if wanted:
        files.environment(interrupts.run(docker_config.login(job_folder() / "docker", wanted)))
    for registry, user, _ in wanted:
        click.echo(f"logged in to {registry} as {user}")
    if key := os.environ.get("SSH_KEY"):
        click.echo("\n".join(commands.mask(key)))
        files.path(ssh.install(job_folder() / "ssh", key, os.environ.get("SSH_KNOWN_HOSTS", "")))
        click.echo("SSH: key and known hosts are in place")


@ci.command()
def issue() -> None:
    """Open or close the issue about a scan.

    There is one for IMAGE in ENVIRONMENT while STATUS is not passed, with the findings of the last scan.
    """
    from slipway import github
    from slipway.pipeline import issue as issues
    from slipway.report import summary

    status, image = required("STATUS"), required("IMAGE")
    body = f"{summary.code(image)}: **{summary.text(status)}**\n\n{summary.last(Path.cwd(), issues.BODY)}"
    place = os.environ.get("ENVIRONMENT", "")
    name = image.partition("@")[0] + (f" ({place})" if place else "")
    click.echo(interrupts.run(issues.keep(github.event().repository, name, body, red=status != "passed")))


@ci.command()
def record() -> None:
    """Tell GitHub of the last deploy.

    Only where the job is granted it: its digest, and what ran before, stand in the payload.
    """
    from slipway import github
    from slipway.pipeline import recorded

    event = github.event()
    click.echo(interrupts.run(recorded.keep(event.repository, event.sha, _last_record(), github.run_url())))


@ci.command()
def comment() -> None:
    """Say on the pull request where its preview is.

    One comment, brought up to date; only where the job is granted it.
    """
    from slipway import github
    from slipway.pipeline import preview
    from slipway.report import comment as comments

    event, last = github.event(), _last_record()
    body = comments.markdown(last, github.run_url())
    click.echo(interrupts.run(preview.comment(event.repository, event.number, last, body)))


@ci.command()
def package() -> None:
    """Build the kit's own package into dist.

    TAG must be the package's version; SHA256SUMS stands beside the files.
    """
    import hashlib

    from slipway import __version__
    from slipway.tools import provision

    if (tag := required("TAG")) != f"v{__version__}":
        raise UsageError(f"the tag is {tag} and the package is {__version__}. Raise the version, then tag that commit.")
    done = interrupts.run(provision.uv("build", "--quiet", "--out-dir", "dist", "scripts", timeout=300))
    if not done.ok:
        raise UsageError(f"the package does not build: {done.last_line()}")
    files = sorted(path for path in Path("dist").iterdir() if path.suffix in (".whl", ".gz"))
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (Path("dist") / "SHA256SUMS").write_text("".join(sums))
    click.echo("".join(sums), nl=False)


@ci.command()
def proven() -> None:
    """Refuse a commit for which the self-test was not green on GitHub."""
    from slipway import github
    from slipway.pipeline import release

    event = github.event()
    click.echo(f"proven by {interrupts.run(release.proven(event.repository, event.sha))}")


@ci.command()
def drafts() -> None:
    """Delete the drafts of TAG that an earlier attempt left behind.

    A version that is released already is refused.
    """
    from slipway import github
    from slipway.pipeline import release

    found = interrupts.run(release.drafts(github.event().repository, required("TAG")))
    click.echo(f"drafts deleted: {', '.join(map(str, found)) or 'none'}")


@ci.command()
def major() -> None:
    """Move the tag of the major version.

    TAG is the version that was released; without an earlier one the tag is made. Where GitHub does not allow it, a
    warning says how to do it by hand: the release is out by then.
    """
    from slipway import github
    from slipway.github import commands
    from slipway.pipeline import release

    event = github.event()
    done = interrupts.run(release.move_major(event.repository, required("TAG"), event.sha))
    click.echo(commands.annotation("warning", done.says, title="slipway") if done.refused else done.says)


def _stages() -> tuple[str, ...]:
    """The stages that STAGE names."""
    stage = os.environ.get("STAGE", ALL)
    if stage not in (ALL, *STAGES):
        raise UsageError(f"stage: {stage!r} is not one of: {', '.join((ALL, *STAGES))}.")
    # The integration tests run the project's code outside a container: by a step of their own, after the hand-over.
    return STAGES[:-1] if stage == ALL else (stage,)


def _last_record() -> "Record":
    from slipway.deploy import record
    from slipway.pipeline import folder

    if found := record.read(Path.cwd() / folder.NAME):
        return found[-1]
    raise UsageError("nothing was deployed in this folder. The step before this one should have; see its log.")


def required(name: str) -> str:
    """Return the value of a variable of the step.

    Raises:
        UsageError: it is empty or missing.
    """
    value = os.environ.get(name, "")
    if not value:
        raise UsageError(f"{name} is empty. The step before this one should have set it; see its log.")
    return value
