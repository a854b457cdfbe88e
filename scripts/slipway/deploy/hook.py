"""Deploying to Render by a deploy hook: a URL that can start deploys of one service, and nothing else.

It is the narrowest credential that Render has. What it cannot do: say what ran before, how a deploy goes, or cancel it.
So the app itself is asked, for as long as a deploy may take, and a version path is a must.
Source: https://render.com/docs/deploy-hooks.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from slipway.deploy.api import Api, said
from slipway.deploy.target import Attempt, Image
from slipway.errors import SlipwayError, UsageError

VARIABLE = "RENDER_DEPLOY_HOOK"
_PATH = re.compile(r"/deploy/srv-[0-9a-z]+")  # a Blueprint's (exs-…) answers well and deploys nothing


@dataclass(frozen=True)
class RenderHook:
    """A service of Render, by its deploy hook.

    Args:
        running: what was deployed last, by our own record; empty where there is none.
        patience: seconds that a deploy may take, which nobody tells about.
    """

    hook: str = field(repr=False)  # a secret: it is in no message
    image: Image
    url: str
    version: str
    running: str
    patience: float
    doing: Callable[[str], None]

    async def preflight(self) -> Sequence[str]:
        parts = urlsplit(self.hook)
        if not _PATH.fullmatch(parts.path) or "key=" not in parts.query:
            raise UsageError(
                f"{VARIABLE} is not a deploy hook of a service (…/deploy/srv-…?key=…). Copy it from its Settings."
            )
        if not self.url or not self.version:
            raise UsageError(
                "a deploy hook tells nothing: only the app can say what runs. Set `url` and `version` in [deploy.…], "
                "or use an API key (RENDER_API_KEY)."
            )
        return ["deployed by a hook: Render is not asked what runs, whether it may pull the image, or what failed"]

    async def current(self) -> str:
        return self.running

    async def before(self) -> str:
        # Only our record knows.
        return ""

    async def deploy(self, reference: str, *, migrate: bool) -> Attempt:
        # Sent twice, it would only deploy the same again.
        parts = urlsplit(self.hook)
        api = Api("Render", f"{parts.scheme}://{parts.netloc}")
        path = f"{parts.path}?{parts.query}&imgURL={quote(reference, safe='')}"
        answer = await api.call("POST", path, again=True)
        if answer.status not in (200, 201, 202):
            raise SlipwayError(f"Render refuses the deploy hook ({answer.status}): {said(answer)}.")
        self.doing("Render: sent")
        return Attempt(True)

    async def superseded(self) -> str:
        return ""

    async def abandon(self, previous: str) -> None:
        if previous:
            await self.deploy(previous, migrate=False)

    async def stop(self) -> bool:
        return False

    async def diagnose(self) -> str:
        return ""
