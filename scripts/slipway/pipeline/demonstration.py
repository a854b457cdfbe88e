"""A deploy to a platform that is played on this machine: to see what a rollout does, without an account."""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import structs

from slipway import config
from slipway.config import DeployTable
from slipway.deploy import record, render
from slipway.deploy.fakes.container import Engine
from slipway.deploy.fakes.platform import PENDING, Platform
from slipway.deploy.fakes.render import FakeRender
from slipway.image.reference import by_digest
from slipway.pipeline import folder as folders
from slipway.tools import docker


@contextmanager
def platform(
    root: Path, settings: config.Settings, environment: str | None, reference: str, variables: Mapping[str, str]
) -> Iterator[tuple[config.Settings, str, dict[str, str]]]:
    """Settings under which an environment is on a Render of ours, that environment's name, and its credential.

    The version that was shown last runs there already. What the platform started ends with it.

    Args:
        variables: of the app, as one would set them in the dashboard.
    """
    name, wanted = settings.environment(environment)
    name = f"{name}-on-fake-render"
    repository, _ = by_digest(reference)
    key = secrets.token_urlsafe(24)
    engine = Engine(docker.project_id(root), {"SECRET_KEY": secrets.token_urlsafe(32), **variables})
    fake = FakeRender(Platform(engine, str(repository), step=0.5, health_seconds=20), key)
    try:
        fake.platform.health = wanted.health
        if before := record.running(folders.state_folder(root), name):
            shown = fake.platform.create(before, "manual")
            while shown.status in PENDING:
                time.sleep(0.1)
        table = DeployTable(
            target="render", service=fake.service, api=fake.url, health=wanted.health, version=wanted.version,
            checks=wanted.checks, timeout=wanted.timeout, deadline="5m",
        )  # fmt: skip
        yield structs.replace(settings, deploy={**settings.deploy, name: table}), name, {render.KEY: key}
    finally:
        fake.close()
