"""Deploying to Render: an image-backed service, over its REST API.

Contract: https://api-docs.render.com (v1). Where the service behaves otherwise than its description says, the
behaviour that was recorded counts: an accepted deploy may have no body (202), `commit` is null for images, the digest
shown for an index is that of its linux/amd64 image.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from slipway.deploy.api import Api, Refused, content, said, understood
from slipway.deploy.platform import Busy, Platform
from slipway.deploy.target import Attempt, Result
from slipway.errors import NotReady, SlipwayError, UsageError
from slipway.image.reference import DIGEST, same_repository

BASE = "https://api.render.com/v1"
KEY = "RENDER_API_KEY"
FAILED = {
    "build_failed": "the image could not be fetched",
    "pre_deploy_failed": "the pre-deploy command failed",
    "update_failed": "the new version did not come up",
}
WHY = {  # of a deploy_ended event
    "oomKilled": "it ran out of memory",
    "nonZeroExit": "it exited with an error",
    "earlyExit": "it exited early",
    "unhealthy": "its health check failed",
    "timedOutSeconds": "it took too long",
    "evicted": "it was evicted",
}


@dataclass
class Render(Platform):
    """A service of Render that runs an image: srv-…."""

    NAME = "Render"
    PENDING = ("created", "queued", "build_in_progress", "pre_deploy_in_progress", "update_in_progress")
    RUNNING = ("live",)
    PAST = ("deactivated",)

    def __post_init__(self) -> None:
        self.api = Api("Render", (self.base or BASE).rstrip("/"), {"Authorization": f"Bearer {self.secret}"})

    async def _call(self, method: str, path: str, body: Any = None, *, again: bool = True) -> Any:
        return await self._ask(method, f"/services/{self.service}{path}", body, again=again)

    async def _ask(self, method: str, path: str, body: Any = None, *, again: bool = True) -> Any:
        """The JSON of a good answer; None for an empty one. Raises SlipwayError for any other."""
        answer = await self.api.call(method, path, body, again=again)
        if answer.status in (401, 403):
            raise Refused(
                f"Render refuses the API key: {said(answer)}. Make one (Account Settings, API Keys), set it as {KEY}."
            )
        if answer.status == 404 and method == "GET" and (found := re.fullmatch(r"/services/([^/?]+)", path)):
            raise UsageError(
                f"Render knows no service {found[1]}, or the key's owner may not see it. "
                "Copy its id from the dashboard's address: [deploy.…] service."
            )
        if answer.status == 409:
            raise Busy(f"Render is busy: {said(answer)}.")
        if answer.status >= 400:
            raise SlipwayError(f"Render refuses it ({answer.status}): {said(answer)}.")
        return content(answer, "Render") if answer.body.strip() else None

    async def _look(self) -> None:
        found = self.known or await self._call("GET", "")
        with understood("Render"):
            self.known = dict(found)
            self.url = self.url or str(self._details.get("url") or "")

    @property
    def _details(self) -> dict[str, Any]:
        return dict(self.known.get("serviceDetails") or {})

    async def _deploys(self) -> list[dict[str, Any]]:
        found = await self._call("GET", f"/deploys?{urlencode({'limit': 20})}")  # each wrapped beside its cursor
        with understood("Render"):
            deploys = [{**row["deploy"], "id": str(row["deploy"]["id"])} for row in found]
        return sorted(deploys, key=lambda d: str(d.get("createdAt")), reverse=True)

    async def _get(self, deploy: str) -> dict[str, Any]:
        found = await self._call("GET", f"/deploys/{deploy}")
        with understood("Render"):
            return {"id": deploy, **found}

    async def preflight(self) -> Sequence[str]:
        await self._look()
        details, path = self._details, str(self.known.get("imagePath") or "")
        where = self.known.get("dashboardUrl") or "the dashboard"
        if (details.get("runtime") or details.get("env")) != "image":
            raise UsageError(f"the service {self.service} builds from a repository. Make one of an image: {where}.")
        if not same_repository(path, self.image.reference):
            raise UsageError(
                f"the service {self.service} runs {path}, another repository than {self.image.reference}. "
                f"Change it there ({where}), or [image] name here: a deploy may change tag and digest alone."
            )
        if self.known.get("suspended") == "suspended":
            raise NotReady(f"the service {self.service} is suspended. Resume it: {where}.")
        if not self.image.public and not self.known.get("registryCredential"):
            raise NotReady(
                f"{self.image.reference.partition('@')[0]} is private, and the service {self.service} has no registry "
                f"credential. Give it one (for GHCR a classic token with read:packages): {where}, Settings."
            )
        if not self.url:
            raise UsageError(f"the service {self.service} has no address of its own. Say where the app answers: url.")
        await self._keep_pre_deploy()
        notes = []
        if not details.get("healthCheckPath"):
            notes.append("the service has no health check path: Render moves traffic as soon as a port is open")
        if details.get("disk"):
            notes.append("the service has a disk: Render stops the old version before it starts the new one")
        return notes

    async def _keep_pre_deploy(self) -> None:
        """Have Render run the migration before a new version takes traffic."""
        if not self.pre_deploy or pre_deploy(self.known) == self.pre_deploy:
            return
        changed = await self._call("PATCH", "", {"serviceDetails": {"preDeployCommand": self.pre_deploy}})
        if (now := pre_deploy(changed or {})) != self.pre_deploy:
            raise NotReady(f"Render did not take the pre-deploy command (it has {now!r}). Set it in the dashboard.")

    def _reference(self, deploy: dict[str, Any]) -> str:
        """As it was named, else with the digest that Render resolved it to."""
        image = deploy.get("image") or {}
        reference, sha = str(image.get("ref") or ""), str(image.get("sha") or "")
        if "@" in reference:
            return reference
        name, colon, tag = reference.rpartition(":")
        repository = name if colon and "/" not in tag else reference
        return f"{repository}@{sha}" if repository and DIGEST.fullmatch(sha) else ""

    def _resolved(self, deploy: dict[str, Any]) -> str:
        return str((deploy.get("image") or {}).get("sha") or "")

    async def _create(self, reference: str) -> str:
        sent = await self._call("POST", "/deploys", {"imageUrl": reference}, again=False)
        with understood("Render"):
            return str(sent["id"]) if sent else ""  # 202: it waits in a queue, and has no name yet

    async def _native(self, deploy: str) -> str:
        sent = await self._call("POST", "/rollback", {"deployId": deploy}, again=False)
        with understood("Render"):
            return str(sent["id"])

    async def _cancel(self, deploy: str) -> None:
        await self._call("POST", f"/deploys/{deploy}/cancel")

    async def _judged(self, deploy: dict[str, Any], status: str) -> Attempt | None:
        if status in FAILED:
            return Attempt(False, f"{FAILED[status]}{await self._why(str(deploy['id']))}", traffic_moved=False)
        if status == "deactivated":  # it was live, and something else is now
            return Attempt(False, "another deploy took its place", result=Result.SUPERSEDED)
        if status == "canceled":
            result = Result.SUPERSEDED if await self.superseded() else None
            return Attempt(False, "the deploy was cancelled", traffic_moved=False, result=result)
        return None

    async def _why(self, deploy: str) -> str:
        """What Render's events say about a failed deploy."""
        try:
            found = await self._call("GET", f"/events?{urlencode({'limit': 50})}")
        except SlipwayError:
            return ""
        events = [row["event"] for row in found or [] if isinstance(row, dict) and isinstance(row.get("event"), dict)]
        for event in events:
            details = event.get("details") or {}
            if event.get("type") == "image_pull_failed":
                return f": {details.get('message') or 'it cannot be pulled'}"
            if event.get("type") in ("deploy_ended", "pre_deploy_ended") and details.get("deployId") == deploy:
                failure = (details.get("reason") or {}).get("failure") or {}
                reasons = [words for name, words in WHY.items() if failure.get(name)]
                code = failure.get("nonZeroExit")
                return f": {', '.join(reasons)}{f' (exit code {code})' if code else ''}" if reasons else ""
        return ""

    async def diagnose(self) -> str:
        query = {"ownerId": self.known.get("ownerId"), "resource": self.service, "direction": "backward", "limit": 20}
        answer = await self.api.call("GET", f"/logs?{urlencode(query)}", again=True)
        rows = content(answer, "Render").get("logs") or [] if answer.status == 200 else []
        return "\n".join(str(row.get("message")) for row in sorted(rows, key=lambda r: str(r.get("timestamp"))))


def pre_deploy(service: dict[str, Any]) -> str:
    """The pre-deploy command: Render shows it in one of two places."""
    details = service.get("serviceDetails") or {}
    inner = details.get("envSpecificDetails") or {}
    return str(inner.get("preDeployCommand") or details.get("preDeployCommand") or "")
