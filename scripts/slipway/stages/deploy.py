"""Deploy stage: the published digest goes live, is proven by health and version, or the previous one comes back."""

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from slipway import github
from slipway.config import seconds
from slipway.deploy import probe, record
from slipway.deploy.blind import Blind
from slipway.deploy.probe import Checks
from slipway.deploy.record import Record
from slipway.deploy.rollout import Before, Interrupted, Report, roll_out
from slipway.deploy.target import Image, Result, Target
from slipway.errors import NotReady, UsageError
from slipway.image.reference import by_digest, short
from slipway.stages import place
from slipway.stages.base import INTERRUPTED, Cancelled, Context, Outcome, Stage
from slipway.stages.proof import proof
from slipway.tools import docker, docker_config, history, remote
from slipway.tools.history import REVISION, Commit

MIGRATION = "slipway.migration"  # label: `breaking` says that the version before cannot work with the data after it


async def run(context: Context) -> Outcome:
    name, settings = context.settings.environment(context.environment)
    context = replace(context, doing=_told(context))
    token = github.take_token()
    proven = await proof(context, token)
    if proven:
        context.doing(proven)
    elsewhere = settings.target != "compose"
    image = await _image(context) if elsewhere else Image(context.reference)
    target = await place.place(context, image)
    checks = Checks(settings.health, settings.version, context.version, settings.checks, seconds(settings.timeout))
    journal = _Journal(context, name, settings.target, target, proven)
    look = partial(_before, context, target, token)
    try:
        report = await roll_out(target, context.reference, checks, context.doing, look, journal.interrupted)
    except Interrupted as end:
        report = journal.keep(end.report)
        raise Cancelled(replace(_outcome(context, name, target, report, checks, proven), status="cancelled")) from None
    return _outcome(context, name, target, journal.keep(report), checks, proven)


@dataclass
class _Journal:
    """What is on record of one deploy: the last thing that is known of it."""

    context: Context
    name: str  # of the environment
    kind: str  # of the target, such as `render`
    target: Target  # a preview has no address before it is made
    proven: str
    last: Record | None = None

    def keep(self, report: Report) -> Report:
        """Put a report on record and return it without credentials."""
        context = self.context
        report = _redacted(report, context.delivery.credentials.values())
        one = Record(
            record.now(), place.shown(self.name, context.delivery.preview), self.kind, context.reference,
            context.version, report.result.word, report.previous, self.target.url, github.actor(), self.proven,
            report.reason, report.sent,
        )  # fmt: skip
        with contextlib.suppress(OSError):  # the deploy is done: its record is not worth failing it
            record.append(context.state, one, self.last)
            self.last = one
        return report

    def interrupted(self, report: Report) -> None:
        """Say at once what to do should the undoing not come to its end: GitHub kills 10 s after the first signal."""
        self.keep(report)
        way = f" If that is cut short: {back}" if (back := _back(self.context, self.name, report)) else ""
        self.context.doing(f"{INTERRUPTED}: undoing the deploy.{way}")


def _told(context: Context) -> Callable[[str], None]:
    """What goes on, into the log too: the way of a deploy through a platform is what people look for there."""
    began = time.monotonic()

    def doing(text: str) -> None:
        context.doing(text)
        with context.log.open("a", encoding="utf-8") as log:
            log.write(f"{time.monotonic() - began:6.1f} s  {text}\n")

    return doing


def _redacted(report: Report, secrets: Iterable[str]) -> Report:
    """The report without credentials: an app may print what it is given, an API may repeat what it was asked with."""
    reason, diagnosis = report.reason, report.diagnosis
    for secret in secrets:
        reason, diagnosis = reason.replace(secret, "***"), diagnosis.replace(secret, "***")
    return replace(report, reason=reason, diagnosis=diagnosis)


def _outcome(context: Context, name: str, target: Target, report: Report, checks: Checks, proven: str) -> Outcome:
    facts: dict[str, Any] = {
        "url": target.url, "environment": place.shown(name, context.delivery.preview), "result": report.result.word,
        "previous": report.previous,
    }  # fmt: skip
    facts |= {"provenance": proven} if proven else {}
    facts |= {"notes": list(report.notes)} if report.notes else {}
    with context.log.open("a", encoding="utf-8") as log:
        log.writelines(f"note: {note}\n" for note in report.notes)
        if report.diagnosis:
            log.write(f"\n--- last lines of the app ---\n{report.diagnosis}\n")
    if report.result in (Result.LIVE, Result.UNCHANGED):
        said = " · ".join(part for part in (_summary(report, checks), proven, *report.notes) if part)
        return Outcome("passed", said, facts=facts)
    if not report.sent:
        return _late(name, report, facts)
    now = f"now running: {short(report.previous.rpartition('@')[2])}" if report.previous else "nothing runs"
    fix = "see the app's last lines in the log; fix it and run again"
    if report.result is Result.NEEDS_HUMAN:
        fix, now = f"look at what runs now, before anything else: {target.where}", "nobody knows what runs"
        fix += f"; back to the version before: {back}" if (back := _back(context, name, report)) else ""
    elif report.result is Result.SUPERSEDED:
        fix, now = "nothing to do if the newer deploy is yours: `slipway status` says what runs", "left alone"
    elif report.result is Result.TIMED_OUT:
        fix = f"find out what holds it up ({target.url}), or give it longer: [deploy.{name}] deadline"
    said = f"{report.result.word}: {report.reason} · {now}"
    return Outcome("failed", said, fix=fix, facts=facts, exit_code=report.result.code)


def _back(context: Context, name: str, report: Report) -> str:
    """The command that brings the version before back; empty where there is none, or no command for it."""
    digest = report.previous.rpartition("@")[2]
    return f"slipway rollback {name} {digest}" if digest and not context.delivery.preview else ""


def _late(environment: str, report: Report, facts: dict[str, Any]) -> Outcome:
    """What a deploy comes to that arrives after a newer one: nothing to do for a push, not what a person asked for."""
    said = f"{report.result.word}: {report.reason} · left alone"
    fix = f"to go back on purpose: `slipway rollback {environment} sha256:…`, or allow-downgrade"
    pushed = github.on_runner() and github.event().name != "workflow_dispatch"
    status: Literal["passed", "failed"] = "passed" if pushed else "failed"
    return Outcome(status, said, fix=fix, facts=facts, exit_code=report.result.code)


async def labels(reference: str) -> dict[str, str] | None:
    """Return the labels of an image: from the engine, otherwise from its registry; None where neither has it.

    Docker 28 shows an image whose layers are gone without its configuration: then the registry is asked as well.
    """
    found = await docker.image(reference)
    if known := ((found or {}).get("Config") or {}).get("Labels"):
        return dict(known)
    elsewhere = await remote.labels(*by_digest(reference))
    return {} if elsewhere is None and found else elsewhere


def version(state: Path, reference: str, labelled: Mapping[str, str] | None) -> str:
    """What the version path of an image must say: by its label, else by our record; empty where neither knows."""
    return (labelled or {}).get(REVISION) or record.version(state, reference)


async def _image(context: Context) -> Image:
    """What the registry says of the image. Raises NotReady where it is not there."""
    digests = await remote.manifests(context.repository, context.digest)
    if not digests:
        raise NotReady(f"{context.reference} is not in its registry, or may not be read. Publish it, or log in.")
    anonymous = docker_config.anonymous(context.folder / "anonymous")
    public = context.repository.loopback or await remote.exists(context.repository, context.digest, anonymous)
    return Image(context.reference, frozenset(digests), public)


async def _before(context: Context, target: Target, token: Mapping[str, str], previous: str) -> Before:
    """What is known of the version that runs now.

    Args:
        token: the job's, for GitHub's API.
        previous: by digest; empty: the target does not know.
    """
    if not previous and not isinstance(target, Blind):
        return Before()
    new, forbidden = await labels(context.reference) or {}, ""
    if new.get(MIGRATION) == "breaking":
        forbidden = f"the image is marked {MIGRATION}=breaking, the version before may not understand its data"
    if not context.delivery.rollback:
        forbidden = "rollback was not wanted"
    try:
        repository, digest = by_digest(previous)
        old = await labels(previous) or {}
    except UsageError:  # not deployed by us, or the target does not tell
        digest, old = "", {}
    runs = version(context.state, previous, old)
    _, settings = context.settings.environment(context.environment)
    if isinstance(target, Blind) and settings.version:
        runs = await probe.says(target.url, settings.version) or runs
    # On somebody's own machine, going back in time is a matter of course.
    here = settings.target == "compose" and not settings.host and not github.on_runner()
    if not here and not context.delivery.allow_downgrade:
        mine = Commit.of(new, version(context.state, context.reference, new))
        if why := await _older(context, mine, Commit.of(old, runs), token):
            running = short(digest) if digest else runs[:7]
            return Before(newer=f"{short(context.digest)} is older than what runs ({running}): {why}")
    refusal = ""
    if digest and not here and not forbidden and not old and not await remote.exists(repository, digest):
        refusal = (
            f"what runs now ({previous}) is not in its registry any more: there would be no way back. "
            "Push it again, or go without: --no-rollback."
        )
    return Before(version(context.state, previous, old), refusal=refusal, forbidden=forbidden)


async def _older(context: Context, new: Commit, old: Commit, token: Mapping[str, str]) -> str:
    repository = github.event().repository if github.on_runner() else ""
    return await history.older(new, old, history.Repository(context.root, repository, token))


def _summary(report: Report, checks: Checks) -> str:
    word = report.result.word
    if not report.proven:
        return f"{word}, version unproven: no version path is configured"
    return f"{word}, {checks.times} of {checks.times} checks say {_short(checks.expected)}"


def _short(version: str) -> str:
    commit, plus, mark = version.partition("+")
    return f"{commit[:7]}{plus}{mark}"


# Compose reads its file while the image is still on its way.
STAGE = Stage("deploy", ("publish",), run, prepare=place.model)
