"""A preview on Render: a copy of a service for one pull request, with an image and an address of its own.

Contract: https://api-docs.render.com, "Create service preview (image-backed)". The copy has the service's settings and
variables, the address of its database among them. Render has no list of previews by pull request: ours is found again
by its name, and by the service that it is a copy of.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from slipway.deploy.api import understood
from slipway.deploy.render import Render, pre_deploy
from slipway.errors import SlipwayError, UsageError

LISTED = 100  # services of one page, the most that Render gives


@dataclass
class Preview(Render):
    """The preview `name` of the service `parent`; `service` is its own id once it is there.

    Args:
        name: the same at each push.
    """

    parent: str = field(default="", kw_only=True)
    name: str = field(default="", kw_only=True)

    async def _find(self) -> bool:
        """Know the preview, if there is one. Never takes a service that is no preview of the parent for it."""
        query = urlencode({"name": self.name, "includePreviews": "true", "limit": LISTED})
        found = await self._ask("GET", f"/services?{query}")
        with understood("Render"):
            named = [row["service"] for row in found or [] if row["service"].get("name") == self.name]
            ours = [one for one in named if _parent(one) == self.parent]
            self._adopt(ours[0] if ours else {})
        return bool(ours)

    def _adopt(self, service: dict[str, Any]) -> None:
        self.service, self.known = str(service.get("id") or ""), service
        self.url = str(self._details.get("url") or "")

    @property
    def where(self) -> str:
        return super().where or "https://dashboard.render.com, the service's previews"

    async def _look(self) -> None:
        """Nothing: it is looked for where its deploys are."""

    async def _deploys(self) -> list[dict[str, Any]]:
        # A preview whose making was not answered is there all the same.
        return await super()._deploys() if self.service or await self._find() else []

    async def preflight(self) -> Sequence[str]:
        if self.service:
            return await super().preflight()
        parent = Render(self.secret, self.parent, self.image, self.deadline, self.doing, base=self.base)
        notes = await parent.preflight()
        if self.pre_deploy and (there := pre_deploy(parent.known)) != self.pre_deploy:
            raise UsageError(
                f"the service {self.parent} has {there!r} as its pre-deploy command, not {self.pre_deploy!r}, and a "
                "preview begins as a copy of it. Deploy to the service itself first, which sets it."
            )
        return notes

    async def _create(self, reference: str) -> str:
        if self.service:
            return await super()._create(reference)
        wanted = {"imagePath": reference, "name": self.name}
        sent = await self._ask("POST", f"/services/{self.parent}/preview", wanted, again=False)
        with understood("Render"):
            self._adopt(dict(sent["service"]))
            return str(sent.get("deployId") or "")

    async def abandon(self, previous: str) -> None:
        if previous:
            await super().abandon(previous)
        else:
            await self.remove()

    async def stop(self) -> bool:
        return await self.remove()

    async def remove(self) -> bool:
        """Delete the preview; False where there is none. Raises SlipwayError."""
        if not await self._find():
            return False
        try:
            await self._ask("DELETE", f"/services/{self.service}")
        except SlipwayError:  # an answer was lost, and the second time it was gone
            if await self._find():
                raise
        return True


def _parent(service: dict[str, Any]) -> str:
    return str(((service.get("serviceDetails") or {}).get("parentServer") or {}).get("id") or "")
