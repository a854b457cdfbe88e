"""The place that an environment names, with the credentials that it takes."""

import os
from collections.abc import Mapping
from typing import Any

from slipway.config import DeployTable, seconds
from slipway.deploy import hook, railway, record, render
from slipway.deploy.command import CommandTarget
from slipway.deploy.compose import ComposeTarget
from slipway.deploy.hook import RenderHook
from slipway.deploy.railway import Railway
from slipway.deploy.render import Render
from slipway.deploy.target import Image, Target
from slipway.errors import NotReady, UsageError
from slipway.image.reference import slug
from slipway.stages.base import Context
from slipway.tools import compose, docker

CREDENTIALS = (render.KEY, hook.VARIABLE, railway.PROJECT_TOKEN, railway.TOKEN)


def take() -> dict[str, str]:
    """The credentials of platforms, out of the environment: what a compose file or a command of the project names
    there, it gets."""
    return {name: value for name in CREDENTIALS if (value := os.environ.pop(name, "").strip())}


def project_name(context: Context) -> str:
    """The compose project of a deploy environment of this project."""
    return f"slipway-{docker.project_id(context.root)}-{slug(context.settings.environment(context.environment)[0])}"


async def place(context: Context, image: Image) -> Target:
    """Where the environment runs.

    Raises:
        NotReady: a credential is missing.
    """
    name, settings = context.settings.environment(context.environment)
    secrets = context.delivery.credentials
    common: dict[str, Any] = {
        "service": settings.service, "image": image, "deadline": seconds(settings.deadline), "doing": context.doing,
        "url": settings.url, "pre_deploy": settings.pre_deploy, "base": settings.api,
    }  # fmt: skip
    if settings.target == "compose":
        return await _compose(context, settings)
    if settings.target == "command":
        if not context.delivery.command:
            raise UsageError(
                f"[deploy.{name}] runs a command of the project, which must not meet a workflow's secrets. "
                "Use .github/actions/deploy in a job of your own."
            )
        running = record.running(record.read(context.state, name))
        return CommandTarget(
            context.root, settings.command, name, settings.address, running, common["deadline"], context.doing,
        )  # fmt: skip
    if context.repository.loopback and not settings.api:
        raise UsageError(
            f"{context.repository} is a registry of this machine: {settings.target} cannot pull from it. "
            "Deploy what publish.yml published, or name an image there: [image] name."
        )
    if settings.target == "render" and render.KEY not in secrets and hook.VARIABLE in secrets:
        running = record.running(record.read(context.state, name))
        deadline = common["deadline"]
        return RenderHook(
            secrets[hook.VARIABLE], image, settings.url, settings.version, running, deadline, context.doing
        )
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


async def _compose(context: Context, settings: DeployTable) -> ComposeTarget:
    variables = dict(context.images.variables) | ({"DOCKER_HOST": settings.host} if settings.host else {})
    file = settings.compose if (context.root / settings.compose).is_file() else ""
    port, model = 8000, dict[str, Any]()
    if file:
        model = await compose.config(context.root, file, context.images.variables)
    elif "build" in context.done:
        image = await docker.image(context.reference)
        exposed = list(((image or {}).get("Config") or {}).get("ExposedPorts") or {})
        port = int(exposed[0].partition("/")[0]) if exposed else 8000
    return ComposeTarget(
        context.root, project_name(context), file, model, settings.service or "web", settings.migrate,
        settings.address, variables, port, context.log, settings.secrets == "generate",
        context.doing,
    )  # fmt: skip
