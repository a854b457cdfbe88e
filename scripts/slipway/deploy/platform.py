"""What Render and Railway share: send once, look up what was lost, watch it until it settles, find out who came after.

A subclass translates: requests, and what the platform's own words mean.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from slipway.deploy.api import Refused, Unsure
from slipway.deploy.polling import until
from slipway.deploy.target import Attempt, Image, Result
from slipway.errors import NotReady, SlipwayError

PAUSE, LONGEST_PAUSE = 5.0, 20.0  # seconds between two looks: Railway's free plan allows 100 requests an hour
LOOKUP_SECONDS = 60.0  # an accepted deploy shows up in the list within this, as Render's own client expects
LOST = "nobody knows whether the deploy was taken"


class Busy(SlipwayError):
    """Another deploy is in progress, and the platform takes no second one."""


@dataclass
class Platform(ABC):
    """One service of a platform, through one rollout.

    Args:
        service: its id.
        deadline: seconds in which the platform must call a deploy live.
        doing: told what goes on.
        url: where the app answers; empty: where the platform says.
        pre_deploy: command that runs before a new version takes traffic; empty: as the service has it.
        base: address of the API.
    """

    secret: str = field(repr=False)
    service: str
    image: Image
    deadline: float
    doing: Callable[[str], None]
    url: str = ""
    pre_deploy: str = ""
    base: str = ""
    patience: float = 0.0  # none beyond an app's own: the platform says when it runs
    known: dict[str, Any] = field(default_factory=dict)  # the service, as the platform describes it
    ours: list[str] = field(default_factory=list)  # ids of the deploys that we sent, oldest first
    previous: dict[str, Any] = field(default_factory=dict)  # the deploy that ran before

    NAME: ClassVar[str]
    PENDING: ClassVar[tuple[str, ...]]
    RUNNING: ClassVar[tuple[str, ...]]
    PAST: ClassVar[tuple[str, ...]]  # ran once, and something else took its place

    @abstractmethod
    async def preflight(self) -> Sequence[str]:
        """Refuse early; see Target."""

    @abstractmethod
    async def diagnose(self) -> str:
        """The last lines of the app; see Target."""

    @abstractmethod
    async def _look(self) -> None:
        """Fill `known` and `url`."""

    @abstractmethod
    async def _deploys(self) -> list[dict[str, Any]]:
        """The last deploys with id and status, newest first."""

    @abstractmethod
    async def _get(self, deploy: str) -> dict[str, Any]:
        """One deploy."""

    @abstractmethod
    def _reference(self, deploy: dict[str, Any]) -> str:
        """What a deploy runs, by digest; empty where that is not known."""

    @abstractmethod
    async def _create(self, reference: str) -> str:
        """Ask for a deploy; its id, empty where the platform does not say it. Raises Busy, Unsure, SlipwayError."""

    @abstractmethod
    async def _native(self, deploy: str) -> str:
        """The platform's own rollback to an earlier deploy; the id of the new one."""

    @abstractmethod
    async def _cancel(self, deploy: str) -> None:
        """Cancel a deploy. Raises SlipwayError where it has ended."""

    @abstractmethod
    async def _judged(self, deploy: dict[str, Any], status: str) -> Attempt | None:
        """What a status that is neither pending nor running means; None: not known."""

    @property
    def where(self) -> str:
        return str(self.known.get("dashboardUrl") or self.url)

    def _resolved(self, deploy: dict[str, Any]) -> str:
        """The digest that the platform says it runs; empty where it does not say."""
        return ""

    async def _prepare(self, reference: str, known: set[str]) -> str:
        """What comes before a deploy; the id of a deploy that this started by itself."""
        return ""

    async def _failed(self, reference: str) -> None:
        """What has to be put right after a deploy that failed."""
        return None

    async def current(self) -> str:
        await self._look()
        running = [deploy for deploy in await self._deploys() if deploy.get("status") in self.RUNNING]
        self.previous = running[0] if running else {}
        return self._reference(self.previous)

    async def before(self) -> str:
        running = await self.current()
        past = [d for d in await self._deploys() if d.get("status") in (*self.PAST, *self.RUNNING)]
        return next((found for d in past if (found := self._reference(d)) and found != running), "")

    async def deploy(self, reference: str, *, migrate: bool) -> Attempt:
        # The platform's pre-deploy command runs at every deploy, whatever `migrate` says.
        try:
            deploy = await self._send(reference)
        except SlipwayError as error:
            # Refused, though it ran before: the platform's own way back. Not where nobody knows what was done.
            if migrate or reference != self._reference(self.previous) or isinstance(error, NotReady):
                raise
            deploy = await self._native(str(self.previous["id"]))
        self.ours.append(deploy)
        attempt = await self._settled(deploy, reference)
        if not attempt.ok and attempt.result is not Result.SUPERSEDED:
            await self._failed(reference)
        return attempt

    async def _send(self, reference: str) -> str:
        """Have a deploy, and know its id; a lost answer is looked up before anything is sent again."""
        known = {str(deploy["id"]) for deploy in await self._deploys()}
        if started := await self._prepare(reference, known):
            return started

        async def create() -> str | None:
            with contextlib.suppress(Busy):
                return await self._create(reference)
            return None

        lost = ""
        for _ in range(2):
            try:
                sent = await until(create, self.deadline, first=PAUSE, longest=LONGEST_PAUSE)
                if sent is None:
                    raise NotReady(f"{self.NAME} stayed busy with another deploy for {self.deadline:.0f} s. Run again.")
                if sent:
                    return sent
                lost = f"{self.NAME} took the deploy"
            except Unsure as error:
                lost = str(error)
            if found := await self._shown(reference, known):
                return found
        raise NotReady(f"{lost}, and does not show it ({LOST}). Look at the service before you deploy again.")

    async def _shown(self, reference: str, known: set[str]) -> str | None:
        """The id of a deploy of `reference` that was not there before, as soon as the platform shows it."""
        return await until(self._finder(reference, known), LOOKUP_SECONDS, first=PAUSE / 5, longest=PAUSE)

    def _finder(self, reference: str, known: set[str]) -> Callable[[], Awaitable[str | None]]:
        """Looks for a deploy of `reference` that was not there before."""

        async def find() -> str | None:
            new = [deploy for deploy in await self._deploys() if deploy["id"] not in known]
            return next((str(d["id"]) for d in new if self._reference(d) in ("", reference)), None)

        return find

    async def _settled(self, deploy: str, reference: str) -> Attempt:
        """Watch a deploy until it runs or has failed. An API that is away for a while is waited for."""
        words: list[str] = []
        away = ""

        async def look() -> Attempt | None:
            nonlocal away
            try:
                found = await self._get(deploy)
            except Refused as error:
                why = f"{error} Until then nobody knows how the deploy {deploy} ends"
                return Attempt(False, why, result=Result.NEEDS_HUMAN)
            except NotReady as error:
                away = f"; {error}"
                return None
            status, away = str(found.get("status")), ""
            if words[-1:] != [status]:
                words.append(status)
                self.doing(f"{self.NAME}: {' → '.join(words).lower()}")
            if status in self.RUNNING:
                return self._proven(found, reference)
            return None if status in self.PENDING else await self._judged(found, status)

        if settled := await until(look, self.deadline, first=PAUSE, longest=LONGEST_PAUSE):
            return settled
        with contextlib.suppress(SlipwayError):
            await self._cancel(deploy)
        last = words[-1] if words else "never seen"
        why = f"after {self.deadline:.0f} s the deploy {deploy} was still {last!r}, so it was cancelled{away}"
        return Attempt(False, why, traffic_moved=False, result=Result.TIMED_OUT)

    def _proven(self, deploy: dict[str, Any], reference: str) -> Attempt:
        """It runs: what was asked for, by the platform's own word."""
        digest = self._resolved(deploy)
        if reference == self.image.reference and digest and self.image.digests and digest not in self.image.digests:
            return Attempt(False, f"{self.NAME} runs {digest}, which is no part of what was to be deployed")
        return Attempt(True)

    async def superseded(self) -> str:
        if not self.ours:
            return ""
        for deploy in await self._deploys():
            if deploy["id"] in self.ours:
                return ""
            if deploy.get("status") in (*self.RUNNING, *self.PENDING):
                trigger = f" (trigger: {deploy['trigger']})" if deploy.get("trigger") else ""
                return f"{deploy['id']}{trigger} came after it"
        return ""

    async def abandon(self, previous: str) -> None:
        # A deploy that can be cancelled never took traffic.
        if not self.ours:
            await self._failed(self.image.reference)
            return
        with contextlib.suppress(SlipwayError):  # it has ended: how, is what counts
            await self._cancel(self.ours[-1])

        async def ended() -> str | None:
            status = str((await self._get(self.ours[-1])).get("status"))
            return None if status in self.PENDING else status

        runs = await until(ended, LOOKUP_SECONDS, first=PAUSE / 5, longest=PAUSE) in self.RUNNING
        if runs and previous:
            (await self.deploy(previous, migrate=False)).ensure()
        elif not runs:
            await self._failed(self.image.reference)

    async def stop(self) -> bool:
        # A platform's service is not ours to stop.
        return False
