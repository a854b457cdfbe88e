"""Railway's GraphQL API over a platform on this machine, executed by graphql-core against the contract of our own: what
the schema does not allow is refused, and what it does not ask for is not answered."""

import json
import random
from pathlib import Path
from typing import Any

from graphql import build_schema, graphql_sync

from slipway.deploy.fakes.platform import Deploy, Platform
from slipway.deploy.fakes.server import Reply, Request, Server

SCHEMA = build_schema((Path(__file__).parent / "deploy" / "contracts" / "railway.graphql").read_text())
STATUS = {
    "created": "QUEUED", "pulling": "INITIALIZING", "pre-deploy": "DEPLOYING", "starting": "DEPLOYING",
    "live": "SUCCESS", "replaced": "REMOVED", "canceled": "REMOVED", "pull failed": "FAILED",
    "pre-deploy failed": "FAILED", "health failed": "FAILED",
}  # fmt: skip
STEP = {"pull failed": "BUILD_IMAGE", "pre-deploy failed": "PRE_DEPLOY_COMMAND", "health failed": "HEALTHCHECK"}


class FakeRailway:
    """One service in one environment."""

    service, environment, project = "svc-1", "env-1", "prj-1"

    def __init__(self, platform: Platform, token: str, *, account: bool = False):
        self.platform, self.token, self.account = platform, token, account
        self.starts_at_update = False  # naming another image starts a deployment by itself
        self.answers = "id"  # of a new deployment: its id, or "true" as was seen
        self.source = True
        self.draining: int | None = 30
        self.status: dict[str, str] = {}  # instead of what a deploy has
        self.server = Server(lambda request: self.answer(request))

    @property
    def url(self) -> str:
        return f"{self.server.url}/graphql/v2"

    def close(self) -> None:
        self.server.close()
        self.platform.close()

    def answer(self, request: Request) -> Reply:
        headers = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "900", "X-RateLimit-Reset": "3600"}
        if request.headers.get("user-agent", "").startswith("Python-urllib") or "user-agent" not in request.headers:
            return Reply(403, b"<html>error code: 1010</html>", {"Content-Type": "text/html"})
        name = "authorization" if self.account else "project-access-token"
        if request.headers.get(name) != (f"Bearer {self.token}" if self.account else self.token):
            said = "Not Authorized" if self.account else "Project Token not found"
            body = {"errors": [{"message": said, "extensions": {"code": "INTERNAL_SERVER_ERROR"}}], "data": None}
            return Reply(200, body, headers)
        root = {
            name: getattr(self, f"_{name}")
            for kind in (SCHEMA.query_type, SCHEMA.mutation_type)
            for name in kind.fields  # type: ignore[union-attr]
        }
        done = graphql_sync(SCHEMA, request.body["query"], root, variable_values=request.body.get("variables"))
        return Reply(200 if done.data is not None or not done.errors else 400, done.formatted, headers)

    def _projectToken(self, _: Any) -> dict[str, str]:
        return {"projectId": self.project, "environmentId": self.environment}

    def _known(self, **place: str) -> None:
        if place != {"serviceId": self.service, "environmentId": self.environment}:
            raise ValueError("ServiceInstance not found")

    def _serviceInstance(self, _: Any, **place: str) -> dict[str, Any]:
        self._known(**place)
        return {
            "serviceName": "shop", "source": {"image": self.platform.image if self.source else None},
            "healthcheckPath": self.platform.health or None, "drainingSeconds": self.draining,
            "domains": {"serviceDomains": [], "customDomains": []},
        }  # fmt: skip

    def _shown(self, deploy: Deploy) -> dict[str, Any]:
        meta: Any = {"image": deploy.reference, "imageDigest": deploy.sha or None}
        if random.random() < 0.5:
            meta = json.dumps(meta)
        status = self.status.get(deploy.id) or STATUS[deploy.status]
        return {"id": deploy.id, "status": status, "createdAt": deploy.created, "meta": meta}

    def _deployments(self, _: Any, **__: Any) -> dict[str, Any]:
        shown = [{"node": self._shown(deploy)} for deploy in self.platform.deploys]
        random.shuffle(shown)
        return {"edges": shown}

    def _one(self, name: str) -> Deploy:
        if not (found := self.platform.find(name)):
            raise ValueError("Deployment not found")
        return found

    def _deployment(self, _: Any, id: str) -> dict[str, Any]:
        return self._shown(self._one(id))

    def _deploymentEvents(self, _: Any, id: str, **__: Any) -> dict[str, Any]:
        deploy = self._one(id)
        step = STEP.get(deploy.status)
        events = [{"node": {"step": "SNAPSHOT_CODE", "payload": None}}]
        if step:
            events.append({"node": {"step": step, "payload": {"error": deploy.said, "reason": None}}})
        return {"edges": events}

    def _deploymentLogs(self, _: Any, deploymentId: str, limit: int = 20) -> list[dict[str, str]]:
        self._one(deploymentId)
        lines = self.platform.logs()[-limit:]
        return [{"timestamp": f"2026-01-01T00:00:{n:02d}Z", "message": text} for n, text in enumerate(lines)][::-1]

    def _serviceInstanceUpdate(self, _: Any, input: dict[str, Any], **place: str) -> bool:
        self._known(**place)
        if image := (input.get("source") or {}).get("image"):
            changed, self.platform.image = image != self.platform.image, image
            if changed and self.starts_at_update:
                self.platform.create(image, "update")
        if command := input.get("preDeployCommand"):
            self.platform.pre_deploy = command[0]
        return True

    def _serviceInstanceDeployV2(self, _: Any, **place: str) -> str:
        self._known(**place)
        deploy = self.platform.create(self.platform.image, "api")
        return deploy.id if self.answers == "id" else self.answers

    def _deploymentRollback(self, _: Any, id: str) -> bool:
        self.platform.image = self._one(id).reference
        self.platform.create(self.platform.image, "rollback")
        return True

    def _deploymentCancel(self, _: Any, id: str) -> bool:
        if not self.platform.cancel(self._one(id)):
            raise ValueError("Deployment is not in progress")
        return True
