"""Deploying to docker compose, here or on a host over SSH: up by digest, the migration before the new version takes
traffic."""

import asyncio
import json
import os
import re
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

from slipway.deploy.target import Attempt
from slipway.errors import NotReady, UsageError
from slipway.policy.compose import PLACEHOLDER
from slipway.tools import compose, docker, loading
from slipway.tools.compose import Project
from slipway.tools.process import Finished

WAIT_SECONDS = 60


@dataclass(frozen=True)
class ComposeTarget:
    """A compose project on this machine, or on the host of `variables` DOCKER_HOST."""

    root: Path
    project: str
    file: str  # empty: the image runs by itself
    model: Mapping[str, Any]  # what compose reads in the file, with a placeholder for the image
    service: str
    migration: str
    url: str
    variables: Mapping[str, str]
    container_port: int  # of the image, where there is no file
    log: Path
    generate_secrets: bool = False
    doing: Callable[[str], None] = lambda _: None
    restore: Callable[[str], Awaitable[None]] | None = None  # puts an image there again where its layers are gone
    patience: float = 0.0
    seen: list[str] = field(default_factory=list)  # what ran at first, and what we sent

    @property
    def where(self) -> str:
        return f"docker compose --project-name {self.project} ps --all"

    @property
    def _remote(self) -> bool:
        return "DOCKER_HOST" in self.variables

    def _stack(self, reference: str) -> Project:
        variables = {**self.variables, "SLIPWAY_IMAGE": reference, "SLIPWAY_PORT": str(self._port())}
        model = "" if self.file else json.dumps(self._alone(reference))
        return Project(self.root, self.project, variables, self.file, model, self.log, self.doing)

    @property
    def _label(self) -> str:
        return f"label=com.docker.compose.project={self.project}"

    def _port(self) -> int:
        return urlsplit(self.url).port or 80

    def _alone(self, reference: str) -> dict[str, Any]:
        """A compose model for a project that has none: the image, published on this machine only."""
        service = {
            "image": reference,
            "init": True,
            "ports": [f"127.0.0.1:{self._port()}:{self.container_port}"],
            "environment": {"PORT": str(self.container_port)},
            "security_opt": ["no-new-privileges:true"],
        }
        return {"services": {self.service: service}}

    @property
    def _services(self) -> dict[str, Any]:
        return dict((self.model if self.file else self._alone(PLACEHOLDER)).get("services") or {})

    async def preflight(self) -> Sequence[str]:
        services = self._services
        if self.service not in services:
            raise UsageError(
                f"{self.file} has no service {self.service!r}. Name the one that is the app: [deploy.…] service."
            )
        if self.file and services[self.service].get("image") != PLACEHOLDER:
            raise UsageError(
                f"{self.file}: service {self.service} does not run the built image. Write image: ${{SLIPWAY_IMAGE}}."
            )
        if self._remote:  # its ports and files are its own
            return await self._reached()
        for name, entry in (self.model.get("secrets") or {}).items():
            secret = Path(entry.get("file") or os.devnull)
            if not secret.exists() and self.generate_secrets:
                _generate(secret)
            elif not secret.exists():
                fix = 'Put it there, or have it made: [deploy.…] secrets = "generate".'
                raise NotReady(f"the secret {name} has no file {secret}. {fix}")
        port = self._port()
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        if taken and not await self._holds_port(port):
            raise NotReady(
                f"port {port} on 127.0.0.1 is taken{_holder(port)}. "
                f"Choose another: SLIPWAY_PORT={port + 1}, or [deploy.local] url."
            )
        return ()

    async def _reached(self) -> Sequence[str]:
        """Whether an engine answers on the host."""
        done = await docker.docker("version", "--format", "{{.Server.Version}}", env=self.variables)
        if not done.ok:
            raise NotReady(
                f"no Docker engine answers at {self.variables['DOCKER_HOST']}: {done.last_line()}. "
                "Try it by hand: `ssh … docker version`; the host's key must be known, the user in the group docker."
            )
        return ()

    async def _holds_port(self, port: int) -> bool:
        """Whether it is this very project that listens there."""
        for box in await docker.containers(self._label, env=self.variables):
            for bindings in (box["NetworkSettings"].get("Ports") or {}).values():
                if any(binding.get("HostPort") == str(port) for binding in bindings or []):
                    return True
        return False

    async def _box(self) -> dict[str, Any] | None:
        found = await docker.containers(
            self._label,
            f"label=com.docker.compose.service={self.service}",
            "label=com.docker.compose.oneoff=False",
            env=self.variables,
        )
        return next((box for box in found if box["State"]["Running"]), None)

    async def current(self) -> str:
        box = await self._box()
        running = str(box["Config"]["Image"]) if box else ""
        self.seen.append(running)
        return running

    async def before(self) -> str:
        # Compose remembers nothing.
        return ""

    async def superseded(self) -> str:
        box = await self._box()
        runs = str(box["Config"]["Image"]) if box else ""
        return f"{runs} was started since" if runs and self.seen and runs not in self.seen else ""

    async def abandon(self, previous: str) -> None:
        if previous:
            (await self.deploy(previous, migrate=False)).ensure()
        else:
            await self.stop()

    async def deploy(self, reference: str, *, migrate: bool) -> Attempt:
        self.seen.append(reference)
        stack, services = self._stack(reference), self._services
        others = [n for n, s in services.items() if s.get("image") != PLACEHOLDER and not s.get("profiles")]
        up = ("up", "--detach", "--wait", "--wait-timeout", str(WAIT_SECONDS))
        if others:
            self.doing(f"starting {', '.join(others)}")
            if not (started := await stack(*up, *others, timeout=600)).ok:
                return Attempt(False, f"{', '.join(others)}: {compose.reason(started)}", traffic_moved=False)
        if migrate and self.migration in services:
            self.doing(f"migrating: {self.migration}")
            # Before the new version starts: as its dependency, compose would stop the old one first, then migrate.
            done = None
            try:
                done = await self._made(stack, reference, "run", "--rm", "--no-deps", self.migration)
            finally:
                if done is None or done.timed_out:  # then compose leaves the container, and the migration goes on in it
                    oneoff = (self._label, "label=com.docker.compose.oneoff=True")
                    await asyncio.shield(docker.remove(*oneoff, volumes=False, env=self.variables))
            if not done.ok:
                return Attempt(False, f"the migration failed: {compose.reason(done)}", traffic_moved=False)
        self.doing(f"starting {self.service}")
        started = await self._made(stack, reference, *up, "--no-deps", self.service)
        if not started.ok:
            return Attempt(False, self._plain(compose.reason(started)))
        box = await self._box()
        if not box or box["Config"]["Image"] != reference:
            return Attempt(False, f"{self.service} is not running after it was started")
        return Attempt(True)

    async def _made(self, stack: Project, reference: str, *args: str) -> Finished:
        """Call compose for containers of the app. Where the engine shows the image and its layers are gone, the image
        is put there again, once. A host over SSH pulls its images itself."""
        done = await stack(*args, timeout=600)
        if not done.ok and self.restore and not self._remote and loading.layers_gone(done.err):
            await self.restore(reference)
            done = await stack(*args, timeout=600)
        return done

    async def stop(self) -> bool:
        await self._stack(PLACEHOLDER)("down", "--remove-orphans", timeout=120)
        # Its exit code proves nothing: `down` may leave the network. The data stay.
        await docker.remove(self._label, volumes=False, env=self.variables)
        return True

    async def diagnose(self) -> str:
        done = await self._stack(PLACEHOLDER)("logs", "--no-color", "--no-log-prefix", "--tail", "20", self.service)
        return done.out.strip()

    def _plain(self, reason: str) -> str:
        """Compose's words with the service's name for the container's."""
        return re.sub(rf"container {re.escape(self.project)}-(\S+)-\d+", r"\1", reason)


def _generate(secret: Path) -> None:
    """A strong random secret. Compose mounts the file into services of other users: hence 0644 in a folder of 0700."""
    secret.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = secret.with_name(f".{secret.name}.{os.getpid()}")
    fresh.write_text(token_urlsafe(48))
    fresh.chmod(0o644)
    fresh.replace(secret)


def _holder(port: int) -> str:
    """Which process listens on a port, as far as /proc tells; empty elsewhere."""
    try:
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        listening = [row for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port]
        sockets = {f"socket:[{row[9]}]" for row in listening}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if any(link.readlink().name in sockets for link in (process / "fd").iterdir()):
                    return f" by process {process.name} ({(process / 'comm').read_text().strip()})"
            except OSError:
                continue
    except OSError:
        pass
    return ""
