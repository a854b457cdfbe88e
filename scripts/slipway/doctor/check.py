"""One thing that the doctor looked at."""

from typing import Literal

from msgspec import Struct

Level = Literal["ok", "warning", "missing"]


class Check(Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    level: Level
    says: str
    fix: str = ""
