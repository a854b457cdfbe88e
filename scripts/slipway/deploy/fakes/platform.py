"""What a platform does behind its API: deploys one after another, the old version serving until the new one is well."""

import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from slipway.deploy.fakes.server import Dropped, Reply, Request, Server

PENDING = ("created", "pulling", "pre-deploy", "starting")


class Instance(Protocol):
    """A version that was started."""

    def get(self, path: str) -> tuple[int, bytes]:
        """One answer of the app. Raises OSError."""

    def logs(self) -> list[str]:
        """What the app printed."""

    def stop(self) -> None:
        """End it."""


class Runner(Protocol):
    """Something that can run images."""

    def pull(self, reference: str) -> str:
        """Fetch an image; the digest of its linux/amd64 manifest. Raises OSError."""

    def once(self, reference: str, command: str) -> int:
        """Run a command in it; its exit code."""

    def start(self, reference: str) -> Instance:
        """Start it. Raises OSError."""


@dataclass
class Deploy:
    """One deploy. Its status: pending, then live, replaced, canceled, or which phase failed."""

    id: str
    reference: str
    trigger: str
    status: str = "created"
    sha: str = ""
    said: str = ""
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat().replace("+00:00", "Z"))
    started: float = field(default_factory=time.monotonic)


class Platform:
    """One service: its configured image, its deploys, and the version that takes traffic.

    Args:
        step: seconds that each phase takes at least.
        health_seconds: how long a new version may take to answer its health check.
    """

    def __init__(self, runner: Runner, image: str, *, step: float = 0.02, health_seconds: float = 0.3):
        self.runner, self.image, self.step, self.health_seconds = runner, image, step, health_seconds
        self.health = ""  # path; empty: a started version takes traffic at once
        self.pre_deploy = ""
        self.stuck = ""  # a phase that never ends
        self.deploys: list[Deploy] = []  # oldest first
        self._last_words: dict[str, list[str]] = {}  # of versions that never took traffic, by deploy
        self.lock = threading.RLock()
        self._instances: dict[str, Instance] = {}
        self._threads: list[threading.Thread] = []
        self.edge = Server(self._serve)

    @property
    def live(self) -> Deploy | None:
        """The deploy that takes traffic."""
        return next((deploy for deploy in self.deploys if deploy.status == "live"), None)

    def find(self, deploy: str) -> Deploy | None:
        """A deploy by its id."""
        return next((d for d in self.deploys if d.id == deploy), None)

    def create(self, reference: str, trigger: str) -> Deploy:
        """A new deploy; one that is in progress gives way."""
        with self.lock:
            for other in self.deploys:
                if other.status in PENDING:
                    other.status = "canceled"
            new = Deploy(f"dep-{secrets.token_hex(10)}", reference, trigger)
            self.deploys.append(new)
        self._threads.append(threading.Thread(target=self._progress, args=(new,), daemon=True))
        self._threads[-1].start()
        return new

    def cancel(self, deploy: Deploy) -> bool:
        """Stop a deploy that is in progress."""
        with self.lock:
            pending = deploy.status in PENDING
            deploy.status = "canceled" if pending else deploy.status
        return pending

    def _enter(self, deploy: Deploy, phase: str) -> bool:
        """Go on to a phase, unless something has ended the deploy; False then."""
        with self.lock:
            if deploy.status not in PENDING:
                return False
            deploy.status = phase
        time.sleep(self.step)
        while self.stuck == phase and deploy.status == phase:
            time.sleep(self.step)
        return deploy.status == phase

    def _progress(self, deploy: Deploy) -> None:
        failed, instance = "", None
        try:
            if not self._enter(deploy, "created") or not self._enter(deploy, "pulling"):
                return
            failed = "pull failed"
            deploy.sha = self.runner.pull(deploy.reference)
            if self.pre_deploy:
                if not self._enter(deploy, "pre-deploy"):
                    return
                failed = "pre-deploy failed"
                if code := self.runner.once(deploy.reference, self.pre_deploy):
                    raise OSError(str(code))
            if not self._enter(deploy, "starting"):
                return
            failed = "health failed"
            instance = self.runner.start(deploy.reference)
            self._healthy(instance)
        except OSError as error:
            with self.lock:
                if deploy.status in PENDING:
                    deploy.status, deploy.said = failed, str(error)
        self._switch(deploy, instance)

    def _healthy(self, instance: Instance) -> None:
        deadline = time.monotonic() + self.health_seconds
        while self.health:
            try:
                status, _ = instance.get(self.health)
            except OSError:
                status = 0
            if 200 <= status < 400:
                return
            if time.monotonic() > deadline:
                raise OSError("unhealthy")
            time.sleep(self.step)

    def _switch(self, deploy: Deploy, instance: Instance | None) -> None:
        """Traffic goes to the new version, if it is one; whichever takes none is ended."""
        with self.lock:
            ends = [instance] if instance else []
            if deploy.status == "starting" and instance:
                ends = list(self._instances.values())
                for other in self.deploys:
                    if other.status == "live":
                        other.status = "replaced"
                deploy.status, self._instances = "live", {deploy.id: instance}
        if instance and instance in ends:
            self._last_words[deploy.id] = instance.logs()
        for one in ends:
            one.stop()

    def logs(self) -> list[str]:
        """What the newest version printed: the one that takes traffic, or the one that failed after it."""
        with self.lock:
            newest = self.deploys[-1].id if self.deploys else ""
            return self._last_words.get(newest) or [text for one in self._instances.values() for text in one.logs()]

    def _serve(self, request: Request) -> Reply:
        with self.lock:
            instance = next(iter(self._instances.values()), None)
        if instance is None:
            return Reply(502, b"no version takes traffic")
        try:
            status, body = instance.get(request.path)
        except OSError as error:
            raise Dropped from error
        return Reply(status, body or b" ")

    def close(self) -> None:
        """End everything."""
        self.edge.close()
        for deploy in self.deploys:
            self.cancel(deploy)
        for thread in self._threads:  # each ends what it started
            thread.join(60)
        with self.lock:
            instances, self._instances = self._instances, {}
        for one in instances.values():
            one.stop()
