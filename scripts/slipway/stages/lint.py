"""Lint: the Dockerfile by hadolint and BuildKit's checks, the compose files by compose itself and by our rules, the
workflows by what GitHub would refuse."""

import asyncio
import re
from pathlib import Path

from slipway.errors import NotReady, SlipwayError
from slipway.image import context as build_context
from slipway.policy import bar, twins
from slipway.policy import compose as compose_rules
from slipway.policy.finding import Finding, Severity
from slipway.stages.base import Context, Outcome, Stage, failed
from slipway.tools import buildx, compose, hadolint, process, provision
from slipway.tools.images import named
from slipway.workflows import default_files

LEVELS: dict[str, Severity] = {"error": "HIGH", "warning": "MEDIUM", "info": "LOW", "style": "LOW"}
WIKI = "https://github.com/hadolint/hadolint/wiki/"
ORDER = ("error", "warning", "info", "style")


def inputs(context: Context) -> list[Path]:
    """The files that this stage reads."""
    settings = context.settings
    names = (*dockerfiles(context), settings.build.bake, *_compose_files(context))
    return [*(context.root / name for name in (*names, *bar.FILES)), *default_files(context.root)]


def dockerfiles(context: Context) -> list[str]:
    """The Dockerfile that is built, first, and the others that are to be linted."""
    return list(dict.fromkeys((context.settings.build.dockerfile, *context.settings.lint.dockerfiles)))


def _compose_files(context: Context) -> list[str]:
    _, deploy = context.settings.environment(context.environment)
    names = [deploy.compose, context.settings.integration.compose]
    return [name for name in dict.fromkeys(names) if (context.root / name).exists()]


async def key(context: Context) -> str | None:
    if not context.engine:
        return None  # not everything was read
    versions = f"{hadolint.VERSION} {context.engine.buildx} {context.settings.lint}"
    return f"{build_context.files_digest(context.root, inputs(context))} {versions}"


async def run(context: Context) -> Outcome:
    recipes = dockerfiles(context)
    if absent := [name for name in recipes if not (context.root / name).is_file()]:
        return failed(
            f"there is no {absent[0]}",
            Finding("dockerfile", "HIGH", f"{absent[0]} does not exist"),
            fix="write one, or name it: [build] dockerfile in slipway.toml",
        )
    files, workflows = _compose_files(context), default_files(context.root)
    checks, *results = await process.together(
        _checks(context),
        *[_hadolint(context, name) for name in recipes],
        asyncio.to_thread(_workflows, context.root, workflows),
        asyncio.to_thread(_bar, context, recipes),
        *[_compose(context, f) for f in files],
    )
    findings = twins.merge(finding for found in (*results, checks or []) for finding in found)
    stopping = [f for f in findings if f.stops]
    if stopping:
        count, first = len(stopping), stopping[0]
        said = f"{count} finding{'s' * (count != 1)} stop{'s' * (count == 1)} this change"
        return failed(said, *findings, fix=first.fix or f"fix {first.file}:{first.line} and run again")
    unread = sum(f.rule == "compose-unchecked" for f in findings)
    number = len(recipes) + len(files) + len(workflows) - unread
    without = f" · {unread} compose files unread: no docker compose" if unread else ""
    listed = f" · {len(findings)} listed, none stops" if findings else ""
    why = "which this builder does not know" if context.engine else "which need an engine"
    unchecked = f" · without BuildKit's checks, {why}" if checks is None else ""
    return Outcome("passed", f"{number} file{'s' * (number != 1)} clean{listed}{unchecked}{without}", tuple(findings))


async def _hadolint(context: Context, name: str) -> list[Finding]:
    binary = await provision.tool("hadolint")
    threshold = ORDER.index(context.settings.lint.threshold)
    return [
        Finding(
            rule=remark["code"],
            severity=LEVELS[remark["level"]],
            message=remark["message"],
            file=name,
            line=remark["line"],
            fix=WIKI + remark["code"] if remark["code"].startswith("DL") else "",
            stops=ORDER.index(remark["level"]) <= threshold,
        )
        for remark in await hadolint.lint(
            binary, context.root / name, context.log, context.settings.lint.trusted_registries
        )
    ]


async def _checks(context: Context) -> list[Finding] | None:
    """BuildKit's own checks, where there is a builder that knows them."""
    if not context.engine:
        return None
    return await buildx.check(context.root, context.root / context.settings.build.dockerfile, context.log)


def _bar(context: Context, names: list[str]) -> list[Finding]:
    """What would lower the bar, were it obeyed; and base images that are not pinned."""
    found = bar.files([name for name in bar.FILES if (context.root / name).is_file()])
    pinned = named(context.root)
    for name in names:
        text = (context.root / name).read_text(encoding="utf-8", errors="replace")
        found += [*bar.lines(name, text), *bar.bases(name, text, pinned)]
    return found


def _workflows(root: Path, files: list[Path]) -> list[Finding]:
    """What `slipway check` says of the project's workflows. What GitHub refuses stops; the rest is listed."""
    if not files:
        return []
    from slipway.workflows import check  # with its YAML reader, a tenth of a second that a reused lint does not need
    from slipway.workflows.permissions import Default

    report = check.check(root, files, check.installed_kit(), Default())
    found = [*report.problems, *report.notes]
    return [Finding(p.rule, p.severity, p.message, p.file, p.line, p.fix, p.severity == "HIGH") for p in found]


async def _compose(context: Context, name: str) -> list[Finding]:
    try:
        model = await compose.config(context.root, name, context.images.variables)
    except NotReady:
        # Listed, and no more: such a run ends as not ready anyway.
        return [Finding("compose-unchecked", "UNKNOWN", "no docker compose here to read it", name, stops=False)]
    except SlipwayError as error:
        return [Finding("compose-config", "HIGH", str(error), name, fix=f"docker compose -f {name} config shows it")]
    text = (context.root / context.settings.build.dockerfile).read_text(encoding="utf-8", errors="replace")
    checked = re.search(r"(?im)^\s*HEALTHCHECK\s+(?!NONE)", text) is not None
    return compose_rules.check(model, name, test=name == context.settings.integration.compose, image_checked=checked)


STAGE = Stage("lint", (), run, key, engine=False)
