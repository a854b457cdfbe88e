"""Render's REST API over platforms on this machine: a service, its previews, and what a deploy needs of them.

Written from https://api-docs.render.com and from recorded answers, which it follows where the two differ.
"""

import itertools
import re
from collections.abc import Callable
from typing import Any

from slipway.deploy.fakes.platform import PENDING, Deploy, Platform
from slipway.deploy.fakes.server import Reply, Request, Server
from slipway.image.reference import same_repository

STATUS = {
    "created": "created", "pulling": "build_in_progress", "pre-deploy": "pre_deploy_in_progress",
    "starting": "update_in_progress", "live": "live", "replaced": "deactivated", "canceled": "canceled",
    "pull failed": "build_failed", "pre-deploy failed": "pre_deploy_failed", "health failed": "update_failed",
}  # fmt: skip
OWNER = "tea-fake00000000000000"
BORN = "2026-01-01T00:00:00Z"


class Service:
    """One image-backed web service.

    Args:
        parent: id of the service that this is a preview of; empty: of none.
    """

    def __init__(self, platform: Platform, service: str, name: str, parent: str = ""):
        self.platform, self.service, self.name, self.parent = platform, service, name, parent
        self.queued = False  # a deploy is answered by 202 and an empty body
        self.suspended = False
        self.runtime = "image"
        self.credential: dict[str, str] | None = None

    def answer_for(self, line: str, request: Request) -> Reply:
        """The reply to a request about this service.

        Args:
            line: method, and the path below the service's own.
        """
        routes: list[tuple[str, Callable[..., Reply]]] = [
            (r"GET ", self._get_service),
            (r"PATCH ", self._patch_service),
            (r"GET /deploys", self._list),
            (r"POST /deploys", self._create),
            (r"GET /deploys/([^/]+)", self._get),
            (r"POST /deploys/([^/]+)/cancel", self._cancel),
            (r"POST /rollback", self._rollback),
            (r"GET /events", self._events),
            (r"GET /logs", self._logs),
        ]
        for pattern, route in routes:
            if match := re.fullmatch(pattern, line):
                return route(request, *match.groups())
        return Reply(404, {"message": "not found"})

    def _described(self) -> dict[str, Any]:
        details: dict[str, Any] = {
            "buildPlan": "starter", "env": self.runtime, "runtime": self.runtime, "plan": "starter",
            "region": "frankfurt", "numInstances": 1, "healthCheckPath": self.platform.health,
            "openPorts": [{"port": 10000, "protocol": "TCP"}], "url": self.platform.edge.url,
            "envSpecificDetails": {"dockerCommand": "", "dockerContext": "", "dockerfilePath": "",
                                   "preDeployCommand": self.platform.pre_deploy},
            "pullRequestPreviewsEnabled": "no", "previews": {"generation": "off"},
        }  # fmt: skip
        details |= {"parentServer": {"id": self.parent, "name": "shop"}} if self.parent else {}
        credential = {"registryCredential": self.credential} if self.credential else {}
        return {
            "id": self.service, "name": self.name, "ownerId": OWNER, "type": "web_service", "slug": self.name,
            "autoDeploy": "no", "autoDeployTrigger": "off", "createdAt": BORN, "updatedAt": BORN, "rootDir": "",
            "dashboardUrl": f"https://dashboard.render.com/web/{self.service}", "notifyOnFail": "default",
            "suspended": "suspended" if self.suspended else "not_suspended", "suspenders": [],
            "imagePath": self.platform.image, "serviceDetails": details, **credential,
        }  # fmt: skip

    def _get_service(self, _: Request) -> Reply:
        return Reply(200, self._described())

    def _patch_service(self, request: Request) -> Reply:
        details = (request.body or {}).get("serviceDetails") or {}
        self.platform.pre_deploy = details.get("preDeployCommand", self.platform.pre_deploy)
        return Reply(200, self._described())

    def _shown(self, deploy: Deploy) -> dict[str, Any]:
        ended = BORN if deploy.status not in PENDING else None
        return {
            "id": deploy.id, "commit": None, "image": {"ref": deploy.reference, "sha": deploy.sha},
            "status": STATUS[deploy.status], "trigger": deploy.trigger, "createdAt": deploy.created,
            "updatedAt": deploy.created, "finishedAt": ended,
        }  # fmt: skip

    def _list(self, request: Request) -> Reply:
        wanted, limit = request.query.get("status"), int(request.query.get("limit", ["20"])[0])
        shown = [self._shown(deploy) for deploy in reversed(self.platform.deploys)]
        rows = [{"deploy": d, "cursor": d["id"][4:]} for d in shown if not wanted or d["status"] in wanted]
        return Reply(200, rows[:limit])

    def _create(self, request: Request) -> Reply:
        wanted = (request.body or {}).get("imageUrl") or self.platform.image
        if not same_repository(wanted, self.platform.image):
            return Reply(400, {"message": "imageUrl: only the tag or digest may differ from the service's image"})
        deploy = self.platform.create(wanted, "api")
        return Reply(202) if self.queued else Reply(201, self._shown(deploy))

    def _get(self, _: Request, name: str) -> Reply:
        deploy = self.platform.find(name)
        return Reply(200, self._shown(deploy)) if deploy else Reply(404, {"message": f"not found: {name}"})

    def _cancel(self, _: Request, name: str) -> Reply:
        deploy = self.platform.find(name)
        if not deploy:
            return Reply(404, {"message": f"not found: {name}"})
        if not self.platform.cancel(deploy):
            return Reply(400, {"message": "the deploy is not in progress"})
        return Reply(200, self._shown(deploy))

    def _rollback(self, request: Request) -> Reply:
        deploy = self.platform.find(str((request.body or {}).get("deployId")))
        if not deploy:
            return Reply(404, {"message": "not found: deploy"})
        return Reply(201, self._shown(self.platform.create(deploy.reference, "rollback")))

    def _events(self, _: Request) -> Reply:
        rows = []
        for number, deploy in enumerate(reversed(self.platform.deploys)):
            if not deploy.said:
                continue
            code = int(deploy.said) if deploy.said.isdecimal() else 0
            details: dict[str, Any] = {"deployId": deploy.id, "deployStatus": "failed", "status": 3}
            details["reason"] = {"failure": {"nonZeroExit": code} if code else {"unhealthy": deploy.said}}
            kind = "deploy_ended"
            if deploy.status == "pull failed":
                kind, details = "image_pull_failed", {"imageURL": deploy.reference, "message": deploy.said}
            event = {"id": f"evt-{number:020d}", "serviceId": self.service, "timestamp": deploy.created, "type": kind,
                     "details": details}  # fmt: skip
            rows.append({"event": event, "cursor": f"{number:020d}"})
        return Reply(200, rows)

    def _logs(self, _: Request) -> Reply:
        lines = self.platform.logs()[-20:]
        rows = [{"id": str(n), "timestamp": f"2026-01-01T00:00:{n:02d}Z", "message": text,
                 "labels": [{"name": "resource", "value": self.service}]} for n, text in enumerate(lines)]  # fmt: skip
        return Reply(200, {"hasMore": False, "nextStartTime": BORN, "nextEndTime": BORN, "logs": rows[::-1]})


class FakeRender(Service):
    """Answers as https://api.render.com/v1 would for one service and the previews that are made of it."""

    def __init__(self, platform: Platform, key: str, service: str = "srv-fake0000000000000000"):
        super().__init__(platform, service, "shop")
        self.key, self.previews = key, list[Service]()
        self._numbers = itertools.count(1)
        self.server = Server(lambda request: self.answer(request))

    @property
    def url(self) -> str:
        """The API's base."""
        return f"{self.server.url}/v1"

    def close(self) -> None:
        """Stop answering."""
        self.server.close()
        for one in (self, *self.previews):
            one.platform.close()

    def answer(self, request: Request) -> Reply:
        """One request's reply, with the headers that every one has."""
        reply = self._routed(request)
        bucket = "10" if request.method == "POST" and request.path.endswith("/deploys") else "400"
        headers = {"Ratelimit-Limit": bucket, "Ratelimit-Remaining": "9", "Ratelimit-Reset": "30",
                   "Render-Request-Id": f"fake/{next(self._numbers):06d}"}  # fmt: skip
        return Reply(reply.status, reply.body, headers | reply.headers)

    def _routed(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return Reply(401, {"message": "Unauthorized"})
        if request.line == "GET /v1/services":
            return self._all(request)
        about = re.fullmatch(r"/v1/services/([^/]+)(/.*)?", request.path)
        named, below = about.groups() if about else (request.query.get("resource", [""])[0], request.path[3:])
        one = next((one for one in (self, *self.previews) if one.service == named), None)
        if one is None:
            return Reply(404, {"message": f"not found: {named}"})
        if request.method == "POST" and below == "/preview":
            return self._preview(request)
        if request.method == "DELETE" and not below:
            return self._delete(one)
        return one.answer_for(f"{request.method} {below or ''}", request)

    def _all(self, request: Request) -> Reply:
        wanted = request.query.get("name", [""])[0].split(",")
        found = [one for one in (self, *self.previews) if wanted == [""] or one.name in wanted]
        return Reply(200, [{"service": one._described(), "cursor": one.service[4:]} for one in found])

    def _preview(self, request: Request) -> Reply:
        image, name = str(request.body["imagePath"]), str(request.body.get("name") or f"{self.name}-preview")
        if not same_repository(image, self.platform.image):
            return Reply(400, {"message": "imagePath: only the tag or digest may differ from the service's image"})
        own, new = self.platform, f"srv-fakepreview{next(self._numbers):09d}"
        platform = Platform(own.runner, image, step=own.step, health_seconds=own.health_seconds)
        platform.health, platform.pre_deploy, platform.stuck = own.health, own.pre_deploy, own.stuck
        self.previews.append(Service(platform, new, name, self.service))
        deploy = platform.create(image, "api")
        return Reply(200, {"service": self.previews[-1]._described(), "deployId": deploy.id})

    def _delete(self, one: Service) -> Reply:
        if one is self:
            return Reply(400, {"message": "this one is kept"})
        self.previews.remove(one)
        one.platform.close()
        return Reply(204)
