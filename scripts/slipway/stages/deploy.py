"""Deploy: the published digest goes live, is proven by health and version, or the previous one comes back."""

from typing import Any

from slipway.config import seconds
from slipway.deploy.compose import ComposeTarget
from slipway.deploy.rollout import Checks, Report, roll_out
from slipway.deploy.target import Result
from slipway.image.reference import short, slug
from slipway.stages.base import Context, Outcome, Stage
from slipway.stages.proof import proof
from slipway.tools import compose, docker


def project_name(context: Context) -> str:
    """The compose project of a deploy environment of this project."""
    return f"slipway-{docker.project_id(context.root)}-{slug(context.settings.environment(context.environment)[0])}"


async def target(context: Context) -> ComposeTarget:
    """The place that the environment names."""
    _, settings = context.settings.environment(context.environment)
    file = settings.compose if (context.root / settings.compose).is_file() else ""
    port, model = 8000, dict[str, Any]()
    if file:
        model = await compose.config(context.root, file, context.images.variables)
    else:
        image = await docker.image(context.reference)
        exposed = list(((image or {}).get("Config") or {}).get("ExposedPorts") or {})
        port = int(exposed[0].partition("/")[0]) if exposed else 8000
    return ComposeTarget(
        context.root, project_name(context), file, model, settings.service, settings.migrate, settings.url,
        context.images.variables, port, context.log, settings.secrets == "generate",
    )  # fmt: skip


async def run(context: Context) -> Outcome:
    name, settings = context.settings.environment(context.environment)
    proven = await proof(context)
    checks = Checks(settings.health, settings.version, context.version, settings.checks, seconds(settings.timeout))
    place = await target(context)
    report = await roll_out(place, context.reference, checks, context.doing)
    facts = {"url": place.url, "environment": name, "result": report.result.word, "previous": report.previous}
    facts |= {"provenance": proven} if proven else {}
    if report.result in (Result.LIVE, Result.UNCHANGED):
        said = " · ".join(part for part in (_summary(report, checks), proven) if part)
        return Outcome("passed", said, facts=facts)
    if report.diagnosis:
        with context.log.open("a", encoding="utf-8") as log:
            log.write(f"\n--- last lines of the app ---\n{report.diagnosis}\n")
    now = f"now running: {short(report.previous.rpartition('@')[2])}" if report.previous else "nothing runs"
    mend = "see the app's last lines in the log; mend it and run again"
    if report.result is Result.NEEDS_HUMAN:
        mend = f"look at the running containers now: docker compose --project-name {project_name(context)} ps --all"
    return Outcome(
        "failed", f"{report.result.word}: {report.reason} · {now}", mend=mend, facts=facts, exit_code=report.result.code
    )


def _summary(report: Report, checks: Checks) -> str:
    word = report.result.word
    if not report.proven:
        return f"{word}, version unproven: no version path is configured"
    return f"{word}, {checks.times} of {checks.times} checks say {_short(checks.expected)}"


def _short(version: str) -> str:
    commit, plus, mark = version.partition("+")
    return f"{commit[:7]}{plus}{mark}"


STAGE = Stage("deploy", ("publish",), run)
