"""The machine: engine, tools, disk, ports, network, clock; and the project's own files."""

import asyncio
import os
import re
import shutil
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from slipway import config
from slipway.doctor.check import Check
from slipway.errors import SlipwayError
from slipway.image.reference import repository, slug
from slipway.tools import buildx, docker, git, http, images, provision
from slipway.tools.database import REPOSITORIES

FREE_GIGABYTES = 5.0
CLOCK_SECONDS = 300.0  # by which clocks may differ


async def examine(root: Path) -> list[Check]:
    """Look at everything; nothing is changed, nothing is downloaded."""
    engine, disk, tools, network, source = await asyncio.gather(
        _engine(), asyncio.to_thread(_disk, root), _tools(), _network(root), _source(root)
    )
    settings, checks = _settings(root)
    ports = await _ports(root, settings) if settings else []
    time = clock(datetime.now(UTC).timestamp(), await _clocks(root, network))
    return [*engine, _python(), *tools, disk, *network, time, *checks, *ports, *source]


async def _engine() -> list[Check]:
    try:
        found = await docker.engine()
    except SlipwayError as error:
        what, *fix = re.split(r"\.\s", str(error), maxsplit=1)
        return [Check("engine", "missing", what, *fix or ["https://docs.docker.com/engine/install/"])]
    known = await buildx.knows_checks()
    checks = "" if known else "; too old for BuildKit's checks, hadolint carries that gate"
    return [
        Check("engine", "ok", f"Docker {found.version}, containerd image store, {found.architecture}"),
        Check("buildx", "ok", f"{found.buildx}{checks}"),
        Check("compose", "ok", found.compose),
    ]


async def _clocks(root: Path, network: list[Check]) -> dict[str, float]:
    """What other clocks say, as Unix time by their names: the engine's, the last commit's, a registry's."""
    found: dict[str, float] = {}
    try:
        said = await docker.docker("info", "--format", "{{.SystemTime}}", timeout=docker.PREFLIGHT_SECONDS)
        found["the engine"] = datetime.fromisoformat(said.out.strip()).timestamp()
    except (SlipwayError, OSError, ValueError):
        pass
    if committed := (await git.source(root)).committed:
        found["the last commit"] = float(committed)
    if any(check.name == "vulnerability data" and check.level == "ok" for check in network):
        try:
            answer = await asyncio.to_thread(http.request, "GET", f"https://{REPOSITORIES[0].partition('/')[0]}/v2/")
            found["a registry"] = parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (SlipwayError, OSError, ValueError, KeyError):
            pass
    return found


def clock(now: float, others: Mapping[str, float]) -> Check:
    """This machine's clock beside others. A commit may be old, but not of the future."""
    fix = "timedatectl set-ntp true; certificates and the age of the vulnerability data go by it"
    for name, theirs in others.items():
        apart = theirs - now
        if apart > CLOCK_SECONDS or (apart < -CLOCK_SECONDS and name != "the last commit"):
            word = "behind" if apart > 0 else "ahead of"
            return Check("clock", "warning", f"{abs(apart) / 60:.0f} minutes {word} {name}", fix)
    return Check("clock", "ok", f"agrees with {', '.join(others)}" if others else "nothing to compare it with")


def _python() -> Check:
    said = f"Python {sys.version.split()[0]}"
    uv = os.environ.get("UV") or shutil.which("uv")
    return Check("uv", "ok", f"{uv}, {said}") if uv else Check("uv", "missing", "no uv on PATH", "call `make run`")


def _disk(root: Path) -> Check:
    free = shutil.disk_usage(root).free / 1e9
    if free < FREE_GIGABYTES:
        return Check("disk", "warning", f"{free:.1f} GB free", "docker system prune, or `make clean` for what is ours")
    return Check("disk", "ok", f"{free:.0f} GB free")


async def _tools() -> list[Check]:
    return list(await asyncio.gather(*(_tool(name) for name in ("hadolint", "trivy"))))


async def _tool(name: str) -> Check:
    pin = provision.pins()[name]
    version = pin["version"]
    if await provision.present(name):
        return Check(name, "ok", f"{version} is here")
    if provision.machine() in {**pin.get("wheels", {}), **pin.get("archives", {})}:
        return Check(name, "ok", f"{version} is fetched at the first run")
    return Check(name, "missing", f"no {version} is known for {provision.machine()}", f"put {name} {version} on PATH")


async def _network(root: Path) -> list[Check]:
    try:
        hosts = sorted({reference.partition("/")[0] for reference in images.named(root).values()})
    except SlipwayError as error:
        return [Check("images", "missing", str(error), "pin every image by digest")]
    databases = [name.partition("/")[0] for name in REPOSITORIES]
    names = [*hosts, *databases]
    up = dict(zip(names, await asyncio.gather(*map(images.reachable, names)), strict=True))
    fix = "stand-ins are used where they were built: `make run`"
    checks = [
        Check("registry", "ok", f"{host} can be reached")
        if up[host]
        else Check("registry", "warning", f"{host} cannot be reached", fix)
        for host in hosts
    ]
    if any(up[host] for host in databases):
        return [*checks, Check("vulnerability data", "ok", "can be reached")]
    fix = "the scan is degraded without; bring it: `slipway db pull --source PATH` (docs/how-to/air-gap.md)"
    return [*checks, Check("vulnerability data", "warning", "no registry with it can be reached", fix)]


def _settings(root: Path) -> tuple[config.Settings | None, list[Check]]:
    try:
        settings = config.load(root)
        repository(settings.image.name or f"localhost:5001/{slug(root.name)}")
    except SlipwayError as error:
        return None, [Check(config.FILE, "missing", str(error), "correct the line named")]
    checks = [Check(config.FILE, "ok", "valid" if (root / config.FILE).exists() else "not there: defaults")]
    dockerfile = settings.build.dockerfile
    if not (root / dockerfile).is_file():
        fix = "write one, or name it: [build] dockerfile"
        checks.append(Check("Dockerfile", "missing", f"there is no {dockerfile}", fix))
    for name in (settings.integration.compose, settings.integration.tests):
        if not (root / name).exists():
            checks.append(Check("integration tests", "warning", f"no {name}: the stage is skipped", f"add {name}"))
    return settings, checks


async def _ports(root: Path, settings: config.Settings) -> list[Check]:
    checks = []
    for name, port in (("registry port", settings.publish.registry_port), ("app port", _app_port(settings))):
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        if not taken or await _ours(root, port):
            checks.append(Check(name, "ok", f"{port} is {'ours' if taken else 'free'}"))
        else:
            variable = "SLIPWAY_PUBLISH_REGISTRY_PORT" if name == "registry port" else "SLIPWAY_PORT"
            checks.append(Check(name, "missing", f"{port} is taken by another program", f"{variable}={port + 1}"))
    return checks


def _app_port(settings: config.Settings) -> int:
    from urllib.parse import urlsplit

    return urlsplit(settings.environment("local" if "local" in settings.deploy else None)[1].address).port or 80


async def _ours(root: Path, port: int) -> bool:
    try:
        found = await docker.containers(f"publish={port}")
    except SlipwayError:
        return False
    labels = [box["Config"].get("Labels") or {} for box in found]
    project = f"slipway-{docker.project_id(root)}-"
    return any(
        label.get("slipway.role") == "registry" or label.get("com.docker.compose.project", "").startswith(project)
        for label in labels
    )


async def _source(root: Path) -> list[Check]:
    found = await git.source(root)
    if not found.commit:
        fix = "git init && git commit, so that /version can prove what runs"
        return [Check("git", "warning", "not a git repository with a commit", fix)]
    return [Check("git", "ok", f"{found.commit[:7]} on {found.branch or 'a detached HEAD'}")]
