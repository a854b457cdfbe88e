"""Deploying to Railway: a service that runs an image, over its GraphQL API.

Contract: https://docs.railway.com/reference/public-api and the schema that the endpoint publishes. What neither says:
failures come as status 200 with `errors`; redeploying replays the old image, so the source is set and then deployed;
setting it may start a deployment by itself; lists have no order; `meta` may be text.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.deploy import railway_queries as queries
from slipway.deploy.api import Api, Refused, content, understood
from slipway.deploy.platform import LOST, Platform
from slipway.deploy.target import Attempt, Result
from slipway.errors import NotReady, SlipwayError, UsageError
from slipway.image.reference import DIGEST, same_repository

BASE = "https://backboard.railway.com/graphql/v2"
PROJECT_TOKEN, TOKEN = "RAILWAY_TOKEN", "RAILWAY_API_TOKEN"  # as Railway's own client calls them
NOTHING: Mapping[str, Any] = {}
REFUSALS = ("Not Authorized", "oken not found", "Two Factor")


@dataclass
class Railway(Platform):
    """A service of Railway, in one environment of its project.

    Args:
        account: the token is of an account or workspace, not of the project.
        environment: its id; empty: the one of the project token.
    """

    account: bool = False
    environment: str = ""
    project: str = ""

    NAME = "Railway"
    PENDING = ("BUILDING", "DEPLOYING", "INITIALIZING", "QUEUED", "WAITING")
    RUNNING = ("SUCCESS", "SLEEPING")
    PAST = ("REMOVED",)

    def __post_init__(self) -> None:
        header = {"Authorization": f"Bearer {self.secret}"} if self.account else {"Project-Access-Token": self.secret}
        self.api = Api("Railway", self.base or BASE, header)

    async def _ask(
        self, document: str, variables: Mapping[str, Any] = NOTHING, *, again: bool = True
    ) -> dict[str, Any]:
        """The data of an answer. Raises SlipwayError for the errors that come with status 200, too."""
        answer = await self.api.call("POST", "", {"query": document, "variables": dict(variables)}, again=again)
        found = content(answer, "Railway")
        with understood("Railway"):
            errors = [str(error.get("message")) for error in found.get("errors") or []]
        if not errors and answer.status < 400 and isinstance(found.get("data"), dict):
            return dict(found["data"])
        why = "; ".join(errors) or f"status {answer.status}"
        if answer.status in (401, 403) or any(word in why for word in REFUSALS):
            raise Refused(f"Railway refuses the token: {why}. {self._fix()}")
        raise SlipwayError(f"Railway refuses it: {why}.")

    def _fix(self) -> str:
        if self.account:
            return f"Is it of an account or workspace that sees the service? A project's belongs in {PROJECT_TOKEN}."
        return f"Is it of this project and environment (Settings, Tokens)? An account's belongs in {TOKEN}."

    async def _look(self) -> None:
        if self.known:
            return
        await self._scope()
        found = await self._ask(queries.SERVICE, self._place)
        with understood("Railway"):
            self.known = dict(found["serviceInstance"])
            domains = self.known.get("domains") or {}
            named = [d["domain"] for kind in ("customDomains", "serviceDomains") for d in domains.get(kind) or []]
        self.url = self.url or (f"https://{named[0]}" if named else "")

    async def _scope(self) -> None:
        if self.account:
            if not self.environment:
                raise UsageError(f"with {TOKEN} say which environment: [deploy.…] platform-environment = its id.")
            return
        scope = (await self._ask(queries.SCOPE)).get("projectToken") or {}
        if self.environment not in ("", scope.get("environmentId")):
            raise UsageError(
                f"the project token is of the environment {scope.get('environmentId')}, not of {self.environment}. "
                "Make one there, or fix platform-environment."
            )
        with understood("Railway"):
            self.environment, self.project = str(scope["environmentId"]), str(scope["projectId"])

    @property
    def _place(self) -> dict[str, str]:
        return {"serviceId": self.service, "environmentId": self.environment}

    async def _deploys(self) -> list[dict[str, Any]]:
        place = self._place | ({"projectId": self.project} if self.project else {})
        found = await self._ask(queries.LIST, {"input": place, "first": 20})
        with understood("Railway"):
            deploys = [{**edge["node"], "id": str(edge["node"]["id"])} for edge in found["deployments"]["edges"]]
        return sorted(deploys, key=lambda d: str(d.get("createdAt")), reverse=True)

    async def _get(self, deploy: str) -> dict[str, Any]:
        found = await self._ask(queries.DEPLOYMENT, {"id": deploy})
        with understood("Railway"):
            return {"id": deploy, **found["deployment"]}

    async def preflight(self) -> Sequence[str]:
        await self._look()
        source = str((self.known.get("source") or {}).get("image") or "")
        if not source:
            raise UsageError(f"the service {self.service} has no image as its source. Connect one (Settings, Source).")
        if not same_repository(source, self.image.reference):
            raise UsageError(
                f"the service {self.service} runs {source}, another repository than {self.image.reference}. "
                "Change its source (Settings, Source), or [image] name here."
            )
        if not self.url:
            raise UsageError(f"the service {self.service} has no domain. Make one, or say where the app answers: url.")
        notes = []
        if not self.image.public:
            notes.append("the image is private: the service needs its registry's credentials, which take the Pro plan")
        if not self.known.get("healthcheckPath"):
            notes.append("the service has no health check path: Railway moves traffic when the container has started")
        if not self.known.get("drainingSeconds"):
            notes.append("draining is 0 s: Railway ends the old version in the middle of its requests")
        return notes

    def _reference(self, deploy: dict[str, Any]) -> str:
        """As it was named, else with the digest that Railway resolved it to."""
        image, repository = str(_meta(deploy).get("image") or ""), self.image.reference.partition("@")[0]
        if "@" in image:
            return image
        digest = self._resolved(deploy)
        return f"{repository}@{digest}" if DIGEST.fullmatch(digest) and same_repository(image, repository) else ""

    def _resolved(self, deploy: dict[str, Any]) -> str:
        return str(_meta(deploy).get("imageDigest") or "")

    async def _prepare(self, reference: str, known: set[str]) -> str:
        """Name the image: said as often as need be, since it says what is to be, not what to do."""
        wanted: dict[str, Any] = {"source": {"image": reference}}
        if self.pre_deploy:
            wanted["preDeployCommand"] = [self.pre_deploy]
        await self._ask(queries.UPDATE, {**self._place, "input": wanted})
        return await self._finder(reference, known)() or ""

    async def _create(self, reference: str) -> str:
        sent = (await self._ask(queries.DEPLOY, self._place, again=False)).get("serviceInstanceDeployV2")
        return sent if isinstance(sent, str) and sent != "true" else ""  # null and true were seen as well

    async def _failed(self, reference: str) -> None:
        """The service still names what failed: the next change of a variable would deploy it again."""
        before = self._reference(self.previous)
        if before and before != reference:
            await self._ask(queries.UPDATE, {**self._place, "input": {"source": {"image": before}}})

    async def _native(self, deploy: str) -> str:
        """Railway's own rollback: it brings the variables of that deployment back as well."""
        known = {str(d["id"]) for d in await self._deploys()}
        await self._ask(queries.ROLLBACK, {"id": deploy}, again=False)
        if found := await self._shown(self._reference(self.previous), known):
            return found
        raise NotReady(f"Railway took the rollback, and does not show it ({LOST}). Look at the service.")

    async def _cancel(self, deploy: str) -> None:
        await self._ask(queries.CANCEL, {"id": deploy})

    async def _judged(self, deploy: dict[str, Any], status: str) -> Attempt | None:
        if status in ("FAILED", "CRASHED"):
            why = await self._why(str(deploy["id"]))
            return Attempt(False, f"the deployment {status.lower()}{why}", traffic_moved=False)
        if status in ("REMOVED", "REMOVING", "SKIPPED"):
            result = Result.SUPERSEDED if await self.superseded() else None
            return Attempt(False, f"the deployment was {status.lower()}", traffic_moved=False, result=result)
        if status == "NEEDS_APPROVAL":
            why = "the deployment waits for an approval in Railway's dashboard: give it there, or remove it"
            return Attempt(False, why, result=Result.NEEDS_HUMAN)
        return None

    async def _why(self, deploy: str) -> str:
        try:
            steps = (await self._ask(queries.STEPS, {"id": deploy, "first": 50}))["deploymentEvents"]["edges"]
        except SlipwayError:
            return ""
        for node in (edge["node"] for edge in reversed(steps)):
            payload = node.get("payload") or {}
            if reason := payload.get("error") or payload.get("reason"):
                return f" ({str(node.get('step')).lower().replace('_', ' ')}): {reason}"
        return ""

    async def diagnose(self) -> str:
        if not self.ours:
            return ""
        rows = (await self._ask(queries.LOGS, {"id": self.ours[-1], "limit": 20})).get("deploymentLogs") or []
        return "\n".join(str(row.get("message")) for row in sorted(rows, key=lambda r: str(r.get("timestamp"))))


def _meta(deploy: dict[str, Any]) -> dict[str, Any]:
    """The free part of a deployment: an object, or one as text, or nothing."""
    meta = deploy.get("meta")
    if isinstance(meta, str):
        try:
            meta = json.loads(meta)
        except ValueError:
            return {}
    return meta if isinstance(meta, dict) else {}
