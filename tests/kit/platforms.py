"""Render and Railway on this machine, with apps in memory, and everything that they say held to the contracts."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from slipway.deploy.fakes.platform import Platform
from slipway.deploy.fakes.server import Dropped, Reply, Request
from slipway.deploy.platform import Platform as Client
from slipway.deploy.preview import Preview
from slipway.deploy.probe import Checks
from slipway.deploy.railway import Railway
from slipway.deploy.render import Render
from slipway.deploy.rollout import Before, Report, roll_out
from slipway.deploy.target import Image, Target

REPOSITORY = "ghcr.io/acme/shop"
OLD, NEW, OTHER = (f"{REPOSITORY}@sha256:{digit * 64}" for digit in "012")
NAME = "pr-12-shop-staging"  # of a preview
KEY = "rnd_sEcReT0123456789"
Answer = Callable[[str], tuple[int, bytes]]
UNKNOWN = Before()
CONTRACT = json.loads((Path(__file__).parent / "deploy" / "contracts" / "render.json").read_text())


def serving(commit: Any, health: int = 200) -> Answer:
    """An app of this commit."""
    return lambda path: (
        (health, b"said by the app") if path != "/version" else (200, json.dumps({"commit": commit}).encode())
    )


@dataclass
class Apps:
    """Runs apps that are functions."""

    apps: dict[str, Answer] = field(default_factory=lambda: {OLD: serving("old"), NEW: serving("new")})
    gone: set[str] = field(default_factory=set)  # cannot be pulled
    digests: dict[str, str] = field(default_factory=dict)  # what the platform resolves a reference to
    exits: int = 0  # of the pre-deploy command
    commands: list[tuple[str, str]] = field(default_factory=list)
    started: list[str] = field(default_factory=list)

    def pull(self, reference: str) -> str:
        if reference in self.gone or reference not in self.apps:
            raise OSError("manifest unknown")
        return self.digests.get(reference, reference.rpartition("@")[2])

    def once(self, reference: str, command: str) -> int:
        self.commands.append((reference, command))
        return self.exits

    def start(self, reference: str) -> "App":
        self.started.append(reference)
        return App(lambda path: self.apps[reference](path))


@dataclass
class App:
    answer: Answer

    def get(self, path: str) -> tuple[int, bytes]:
        return self.answer(path)

    def logs(self) -> list[str]:
        return ["first line", f"token {KEY}", "last line of the app"]

    def stop(self) -> None:
        """Nothing to end."""


def preview(place: "Place", reference: str = NEW, name: str = NAME, **options: Any) -> Preview:
    """The client for a preview of Render's service."""
    given = {"deadline": 3.0, "base": place.fake.url, **options}
    return Preview(KEY, "", Image(reference), doing=place.doing.append, **given, parent=place.fake.service, name=name)


Fault = Callable[[Request, Callable[[Request], Reply]], Reply]


@dataclass
class Place:
    """A platform with its API, the faults of the way to it, and the client that is tried."""

    kind: str
    fake: Any
    apps: Apps
    platform: Platform
    seen: list[tuple[Request, Reply | None]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    image: Image = field(default_factory=lambda: Image(NEW, frozenset({NEW.rpartition("@")[2]})))
    doing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        inner = self.fake.answer

        def answer(request: Request) -> Reply:
            try:
                reply = self.faults[0](request, inner) if self.faults else inner(request)
            except Dropped:
                self.seen.append((request, None))
                raise
            self.seen.append((request, reply))
            return reply

        self.fake.answer = answer

    def client(self, **options: Any) -> Client:
        kind = Render if self.kind == "render" else Railway
        given = {"secret": KEY, "service": self.fake.service, "image": self.image, "deadline": 3.0,
                 "doing": self.doing.append, "base": self.fake.url, "url": self.platform.edge.url,
                 **self.options, **options}  # fmt: skip
        return kind(**given)

    def roll(
        self, reference: str = NEW, *, target: Target | None = None, timeout: float = 0.4, before: Before = UNKNOWN
    ) -> Report:
        async def look(_: str) -> Before:
            return before

        checks = Checks("/readyz", "/version", "new", 3, timeout)
        return asyncio.run(roll_out(target or self.client(), reference, checks, self.doing.append, look))

    @property
    def serves(self) -> str:
        """What takes traffic now."""
        return self.platform.live.reference if self.platform.live else ""

    @property
    def sent(self) -> list[str]:
        """The references that deploys were created for, since the first."""
        return [deploy.reference for deploy in self.platform.deploys[1:]]

    def is_create(self, request: Request) -> bool:
        """Whether a request makes a deploy."""
        if self.kind == "render":
            return request.line.endswith("/deploys") and request.method == "POST"
        return "serviceInstanceDeployV2" in str(request.body)

    def is_look(self, request: Request) -> bool:
        """Whether a request looks at one deploy."""
        if self.kind == "render":
            return request.method == "GET" and "/deploys/" in request.path
        return "query Deployment(" in str(request.body)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a fake's thread."""
    from support import until as waited

    waited(condition, "the fake platform got there", 5)


def hold(contract: dict[str, Any], request: Request, reply: Reply | None) -> None:
    """One exchange against the contract of Render's API in words of our own. Raises AssertionError."""
    matching = [(path, entry) for path, entry in contract["paths"].items() if fits(path, request.path)]
    assert matching, f"{request.line} is in no contract"
    _, methods = max(matching, key=lambda match: match[0].count("/") * 10 - match[0].count("{"))
    assert request.method in methods, f"{request.line} is in no contract"
    rules = methods[request.method]
    resolve = {"$defs": contract["$defs"]}
    assert set(request.query) <= set(rules.get("query", [])), f"{request.line}?{request.query}"
    if request.method in ("POST", "PATCH", "PUT") and "body" in rules:
        jsonschema.validate(request.body, rules["body"] | resolve)
    if reply is None or isinstance(reply.body, bytes):
        return
    errors = {str(status): {"$ref": "#/$defs/error"} for status in (400, 401, 404, 409, 429, 500, 502, 503, 504)}
    answers = errors | rules["answers"]
    assert str(reply.status) in answers, f"{request.line} answered {reply.status}"
    schema = answers[str(reply.status)]
    if schema is None:
        assert reply.body is None, f"{request.line}: {reply.status} has no body"
    else:
        jsonschema.validate(reply.body, schema | resolve)


def fits(template: str, path: str) -> bool:
    """Whether a path is one of a contract's, such as /services/{serviceId}."""
    wanted, given = template.split("/"), path.split("/")
    return len(wanted) == len(given) and all(w.startswith("{") or w == g for w, g in zip(wanted, given, strict=True))
