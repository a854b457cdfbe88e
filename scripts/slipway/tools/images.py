"""Which base and service images a run uses: the pinned ones, or stand-ins where no registry can be reached.

`images.toml` names every image once, as VARIABLE = "registry/path:tag@sha256:…". The chosen names travel to bake and
compose as environment variables of these names.
"""

import asyncio
import os
import re
import socket
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slipway.errors import UsageError
from slipway.tools.docker import PREFLIGHT_SECONDS, docker

FILE = "images.toml"
STAND_INS = "stand-in.invalid"  # a name that can never be pulled from anywhere
# The registry of local runs, for projects that name none of their own.
REGISTRY_IMAGE = "docker.io/library/registry:3@sha256:1be55279f18a2fe1a74edf2664cac61c1bea305b7b4642dab412e7affdcb3e33"
_PINNED = re.compile(r"(?P<host>[^/]+)/(?P<path>[^:@]+):(?P<tag>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Images:
    """The images of this run by variable."""

    variables: Mapping[str, str] = field(default_factory=dict)
    stand_ins: bool = False

    @property
    def registry(self) -> str:
        """The image of the local registry."""
        return self.variables["REGISTRY_IMAGE"]


def named(root: Path) -> dict[str, str]:
    """The variables of images.toml; every image must be pinned by digest.

    Raises:
        UsageError: naming the entry and the fix.
    """
    path = root / FILE
    entries: dict[str, str] = {"REGISTRY_IMAGE": REGISTRY_IMAGE}
    if path.exists():
        try:
            entries |= tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{FILE}: not valid TOML: {error}.") from error
    for name, reference in entries.items():
        if not isinstance(reference, str) or not _PINNED.fullmatch(reference):
            raise UsageError(f"{FILE}: {name} is not pinned. Write it as registry/path:tag@sha256:<64 hex digits>.")
    return entries


def stand_in(reference: str) -> str:
    """The name of the stand-in for a pinned reference."""
    match = _PINNED.fullmatch(reference)
    assert match
    return f"{STAND_INS}/{match['path'].rsplit('/', 1)[-1]}:{match['tag']}"


async def choose(root: Path, environ: Mapping[str, str] = os.environ) -> Images:
    """Take each pinned image where the engine has it or its registry can be reached, else its stand-in."""
    pinned = named(root)
    # A frozen engine never answers: what it is asked first ends when the look at it ends.
    # By name and not `image ls`, which adds up the size of every image on the machine first (0.2 s for some sixty).
    asked = [name for reference in pinned.values() for name in (reference.rpartition("@")[2], stand_in(reference))]
    row = "{{.Id}}{{range .RepoTags}} {{.}}{{end}}{{range .RepoDigests}} {{.}}{{end}}"
    found = await docker("image", "inspect", "--format", row, *asked, timeout=PREFLIGHT_SECONDS)
    names = set(found.out.split())
    digests = {name.rpartition("@")[2] for name in names}
    mode = environ.get("SLIPWAY_OFFLINE", "auto")
    reach: dict[str, bool] = {}
    if mode == "auto":
        wanted = [r for r in pinned.values() if r.rpartition("@")[2] not in digests and stand_in(r) in names]
        hosts = sorted({r.partition("/")[0] for r in wanted})
        reach = dict(zip(hosts, await asyncio.gather(*map(reachable, hosts)), strict=True))
    chosen: dict[str, str] = {}
    for variable, reference in pinned.items():
        here = reference.rpartition("@")[2] in digests
        offline = mode == "always" or (mode == "auto" and not reach.get(reference.partition("/")[0], True))
        chosen[variable] = stand_in(reference) if offline and not here and stand_in(reference) in names else reference
    return Images(chosen, any(name.startswith(STAND_INS) for name in chosen.values()))


async def reachable(host: str, timeout: float = 1.5) -> bool:
    """Whether a registry's port accepts a connection."""
    name, _, port = {"docker.io": "registry-1.docker.io"}.get(host, host).partition(":")

    def connect() -> bool:
        try:
            socket.create_connection((name, int(port or 443)), timeout).close()
        except OSError:
            return False
        return True

    try:
        return await asyncio.wait_for(asyncio.to_thread(connect), timeout)
    except TimeoutError:
        return False
