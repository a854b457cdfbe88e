"""The place that an environment names, with the credentials that it takes."""

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from slipway.config import DeployTable, seconds
from slipway.deploy import hook, railway, record, render
from slipway.deploy.command import CommandTarget
from slipway.deploy.compose import ComposeTarget
from slipway.deploy.hook import RenderHook
from slipway.deploy.preview import Preview
from slipway.deploy.railway import Railway
from slipway.deploy.render import Render
from slipway.deploy.target import Image, Target
from slipway.errors import NotReady, UsageError
from slipway.image.reference import slug
from slipway.stages import build
from slipway.stages.base import Context
from slipway.tools import compose, docker

CREDENTIALS = (render.KEY, hook.VARIABLE, railway.PROJECT_TOKEN, railway.TOKEN)


def take() -> dict[str, str]:
    """The credentials of platforms, out of the environment: what a compose file or a command of the project names
    there, it gets."""
    return {name: value for name in CREDENTIALS if (value := os.environ.pop(name, "").strip())}


def shown(environment: str, pull_request: int) -> str:
    """What people call the place: an environment, or its preview for a pull request."""
    return f"{environment}-pr-{pull_request}" if pull_request else environment


async def place(context: Context, image: Image) -> Target:
    """Where the environment runs.

    Raises:
        NotReady: a credential is missing.
    """
    name, settings = context.settings.environment(context.environment)
    number = context.delivery.preview
    if number and settings.target != "render":
        raise UsageError(
            f"[deploy.{name}] is of the target {settings.target}, which makes no previews. Render does: name an "
            "environment there."
        )
    if settings.target == "compose":
        return await _compose(context, name, settings)
    deadline = seconds(settings.deadline)
    if settings.target == "command":
        if not context.delivery.command:
            raise UsageError(
                f"[deploy.{name}] runs a command of the project, which must not meet a workflow's secrets. "
                "Use .github/actions/deploy in a job of your own."
            )
        running = record.running(context.state, name)
        return CommandTarget(context.root, settings.command, name, settings.address, running, deadline, context.doing)
    if context.repository.loopback and not settings.api:
        raise UsageError(
            f"{context.repository} is a registry of this machine: {settings.target} cannot pull from it. "
            "Deploy what publish.yml published, or name an image there: [image] name."
        )
    secrets = context.delivery.credentials
    if settings.target == "render" and not number and render.KEY not in secrets and hook.VARIABLE in secrets:
        running = record.running(context.state, name)
        return RenderHook(
            secrets[hook.VARIABLE], image, settings.url, settings.version, running, deadline, context.doing
        )
    common: dict[str, Any] = {
        "service": settings.service, "image": image, "deadline": deadline, "doing": context.doing,
        "url": settings.url, "pre_deploy": settings.pre_deploy, "base": settings.api,
    }  # fmt: skip
    if number:
        own = slug(f"pr-{number}-{context.repository.path.rpartition('/')[2]}-{name}")
        common |= {"service": "", "url": ""}
        return Preview(_secret(secrets, name, render.KEY), **common, parent=settings.service, name=own)
    if settings.target == "render":
        return Render(_secret(secrets, name, render.KEY), **common)
    account = railway.PROJECT_TOKEN not in secrets and railway.TOKEN in secrets
    token = _secret(secrets, name, railway.TOKEN if account else railway.PROJECT_TOKEN)
    return Railway(token, **common, account=account, environment=settings.platform_environment)


def _secret(secrets: Mapping[str, str], environment: str, variable: str) -> str:
    if variable not in secrets:
        raise NotReady(
            f"{variable} is not set, which [deploy.{environment}] needs. Export it; on GitHub make it a secret of the "
            f"environment {environment} (none reaches a pull request from a fork) and pass it to the deploy step."
        )
    return secrets[variable]


async def model(context: Context) -> dict[str, Any]:
    """What compose makes of the environment's file; empty where it has none, or is elsewhere.

    Raises:
        SlipwayError: the file is not valid.
    """
    _, settings = context.settings.environment(context.environment)
    if settings.target != "compose" or not (context.root / settings.compose).is_file():
        return {}
    return await compose.config(context.root, settings.compose, context.images.variables)


async def _compose(context: Context, name: str, settings: DeployTable) -> ComposeTarget:
    variables = dict(context.images.variables) | ({"DOCKER_HOST": settings.host} if settings.host else {})
    project = f"slipway-{docker.project_id(context.root)}-{slug(name)}"
    port, understood = 8000, await context.prepared() or await model(context)
    file = settings.compose if understood else ""
    if not file and "build" in context.done:
        image = await docker.image(context.reference)
        exposed = list(((image or {}).get("Config") or {}).get("ExposedPorts") or {})
        port = int(exposed[0].partition("/")[0]) if exposed else 8000
    return ComposeTarget(
        context.root, project, file, understood, settings.service or "web", settings.migrate,
        settings.address, variables, port, context.log, settings.secrets == "generate",
        context.doing, partial(build.restore, context),
    )  # fmt: skip
