"""Places that can be told what to run, and cannot be asked what runs: our own record counts."""

from abc import ABC, abstractmethod

from slipway.deploy.target import Attempt
from slipway.errors import SlipwayError


class Blind(ABC):
    """The part of a target that is the same for all of them."""

    url: str
    running: str  # what was deployed here last, by our own record; empty where there is none

    @abstractmethod
    async def deploy(self, reference: str, *, migrate: bool) -> Attempt:
        """See Target."""

    @property
    def where(self) -> str:
        return self.url

    async def current(self) -> str:
        return self.running

    async def before(self) -> str:
        return ""

    async def superseded(self) -> str:
        return ""

    async def abandon(self, previous: str) -> None:
        if not previous:
            raise SlipwayError("nothing is known to have run before, and nobody can ask what runs now")
        (await self.deploy(previous, migrate=False)).ensure()

    async def stop(self) -> bool:
        return False

    async def diagnose(self) -> str:
        return ""
