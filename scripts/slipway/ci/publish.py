"""`slipway ci …` of publish.yml, and what is said of artifacts: check what is handed over, push it, move the tags."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.ci import job_folder, required
from slipway.tools import interrupts

if TYPE_CHECKING:
    from slipway.image.reference import Repository


@click.command()
def publish() -> None:
    """Push what was verified, and read it back.

    Takes the layouts below LAYOUTS whose digests are DIGESTS, pushes them to the repository that they were verified
    for, and moves no tag. IMAGE must be that repository, where it is set.
    """
    from slipway import github
    from slipway.github import commands, files, tags
    from slipway.pipeline import handover

    event, environment = github.event(), dict(os.environ)
    attest = github.attesting(os.environ.get("PROVENANCE", "auto"), event.private)
    names, commit = tags.wanted(event), tags.commit(event) if event.head_sha else ""
    wanted = _target() if os.environ.get("IMAGE") else None
    log = job_folder() / "publish.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    layouts, digests = Path(required("LAYOUTS")), required("DIGESTS").split()
    done = interrupts.run(handover.push(layouts, digests, wanted, environment, log, attested=attest != "no"))
    digest = done.digest
    if commit in names:
        digest = interrupts.run(handover.fixed(done.repository, commit, done.digest, environment))
    if digest != done.digest:
        attest = "no"  # by the run that published it
        said = f"This commit was published before, as {digest}; this run built other bytes ({done.digest})."
        click.echo(commands.annotation("notice", f"{said} Tags and deployments go on with the first.", title=commit))
    elif attest == "no" and event.private and os.environ.get("PROVENANCE", "auto") == "auto":
        said = (
            "NOT ATTESTED: GitHub signs for private repositories on Enterprise Cloud alone. There: provenance: always."
        )
        click.echo(commands.annotation("notice", said, title=str(done.repository)))
    files.outputs(
        {"image": done.repository.at(digest), "name": str(done.repository), "digest": digest, "sbom": done.sbom,
         "attest": str(attest != "no").lower(), "attest-may-fail": str(attest == "try").lower()}
    )  # fmt: skip
    click.echo(f"pushed {done.reference} ({', '.join(done.platforms)})")


@click.command()
def given() -> None:
    """Check what is handed over to publish.yml.

    ARTIFACT_IDS and DIGESTS: as many of one as of the other, one a line.
    """
    from slipway.github import artifacts, files

    ids, digests = artifacts.handed_over(required("ARTIFACT_IDS"), os.environ.get("DIGESTS", ""))
    files.outputs({"artifact-ids": ",".join(ids), "digests": " ".join(digests)})


@click.command()
def explain() -> None:
    """Explain why an artifact was not stored or not found.

    By the outcomes of the steps: UPLOAD_OF_IMAGE, UPLOAD_OF_FINDINGS, UPLOAD_OF_PAGE, DOWNLOAD.
    """
    from slipway.github import artifacts

    steps = ("UPLOAD_OF_IMAGE", "UPLOAD_OF_FINDINGS", "UPLOAD_OF_PAGE", "DOWNLOAD")
    outcomes = {step.rpartition("_")[2].lower(): os.environ.get(step, "") for step in steps}
    for line in artifacts.explained(outcomes):
        click.echo(line)


@click.command()
def tag() -> None:
    """Move the tags that the event asks for.

    They are put on IMAGE@DIGEST; without DIGEST on what was published for this commit. ATTESTED: outcomes of the steps
    that attested it.
    """
    from slipway import github
    from slipway.github import commands, files, tags
    from slipway.pipeline import handover

    event, target, environment = github.event(), _target(), dict(os.environ)
    names = tags.wanted(event)
    log = job_folder() / "tag.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    digest = os.environ.get("DIGEST") or interrupts.run(handover.published(target, tags.commit(event), environment))
    moved, newer = interrupts.run(handover.move(target, digest, names, environment, log, event.repository))
    ours = [name for name in names if name not in newer]
    files.outputs(
        {"digest": digest, "image": target.at(digest), "tags": "\n".join(target.tagged(name) for name in ours)}
    )
    notes = dict.fromkeys(ours, " (as it was)") | dict.fromkeys(moved, "")
    notes |= dict.fromkeys(newer, " (of a newer commit)")
    lines = [f"- <code>{target.tagged(name)}</code>{notes[name]}" for name in names]
    verify = f"Verify it: `slipway attested {target.at(digest)} --repo {event.repository}`"
    if "failure" in os.environ.get("ATTESTED", "").split():
        verify = "NOT ATTESTED: GitHub refused to sign. Is the repository private? Then pass `provenance: never`."
        click.echo(commands.annotation("notice", verify, title=str(target)))
    files.summary("\n".join([f"## Published {target.at(digest)}", "", *lines, "", verify, ""]))
    click.echo(f"{target.at(digest)}: {', '.join(ours)}")
    if newer:
        said = f"left alone, a newer commit has them: {', '.join(newer)}"
        click.echo(commands.annotation("notice", said, title="tags: superseded"))


def _target() -> "Repository":
    from slipway import github
    from slipway.image.reference import repository

    return repository(os.environ.get("IMAGE") or f"ghcr.io/{github.event().repository}")


COMMANDS = (given, explain, publish, tag)
