"""docker compose: always with a project name of ours, its result always looked at again."""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.errors import SlipwayError
from slipway.policy.compose import PLACEHOLDER
from slipway.tools.docker import containers, docker
from slipway.tools.process import Finished


async def config(root: Path, file: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """The compose model, with a placeholder for the image.

    Raises:
        SlipwayError: the file is not valid; the message is compose's own. An unset variable counts as an error,
            though compose only warns of it.
    """
    done = await docker(
        "compose", "--file", root / file, "--project-name", "slipway-lint", "config", "--format", "json",
        cwd=folder(root), env={**variables, "SLIPWAY_IMAGE": PLACEHOLDER},
    )  # fmt: skip
    if not done.ok:
        raise SlipwayError(mistake(done))
    unset = [line for line in done.err.splitlines() if "variable is not set" in line]
    if unset:
        raise SlipwayError(unset[0].partition("msg=")[2].strip('"\\ ') or unset[0])
    return dict(json.loads(done.out))


def folder(root: Path) -> Path:
    """Return the folder in which compose is started: the project's, where compose can make a URL of it. Compose 2.40
    looks for its own schema at such a URL, and a `%` in it is no escape ("error in parsing compose-spec.json")."""
    return Path(root.anchor) if "%" in os.fspath(root) else root


def mistake(done: Finished) -> str:
    """Return what compose says of an invalid file, on one line: it has the heading on the first line, the cause below.
    Compose's own log lines (`time="…" level=…`) are left out."""
    if done.timed_out:
        return reason(done)
    lines = [line.strip() for line in done.err.splitlines() if line.strip() and not line.startswith("time=")]
    return " ".join(lines) or reason(done)


def reason(done: Finished) -> str:
    """The decisive line of a failed compose call."""
    if done.timed_out:
        return "took longer than its time limit and was ended"
    lines = [line.strip() for line in done.err.splitlines() if line.strip()]
    decisive = [li for li in lines if any(w in li for w in ("rror", "unhealthy", "exited", "failed", "didn't", "not "))]
    return (decisive or lines or [done.last_line()])[-1]


_PULL = re.compile(r"\s*(?:Image )?(?P<name>\S+) (?P<state>Pulling|Pulled|Error.*)\s*")


class Pulls:
    """Takes compose's lines, and says which images are being pulled: of services, or by name, as compose calls them."""

    def __init__(self, doing: Callable[[str], None]):
        self._doing, self._pulling = doing, list[str]()

    def __call__(self, line: str) -> None:
        if not (found := _PULL.fullmatch(line)):
            return
        if found["state"] == "Pulling":
            self._pulling.append(found["name"])
        elif found["name"] in self._pulling:
            self._pulling.remove(found["name"])
        self._doing(f"pulling {', '.join(self._pulling)}" if self._pulling else "starting what was pulled")


@dataclass(frozen=True)
class Project:
    """One compose project: a file, a name and its variables."""

    root: Path
    name: str
    variables: Mapping[str, str]
    file: str = ""
    model: str = ""  # JSON, where there is no file
    log: Path | None = None
    doing: Callable[[str], None] = lambda _: None

    async def __call__(self, *args: str, timeout: float = 60) -> Finished:
        source = str(self.root / self.file) if self.file else "-"
        return await docker(
            "compose", "--ansi", "never", "--progress", "plain", "--file", source, "--project-name", self.name,
            "--project-directory", os.fspath(self.root), *args,
            cwd=folder(self.root), env=self.variables, stdin=self.model or None, timeout=timeout, log=self.log,
            on_line=Pulls(self.doing),
        )  # fmt: skip

    async def ill(self) -> list[str]:
        """What is not as it should be, though `up --wait` said so: it has false greens (a crash loop seen between two
        crashes counts as ready)."""
        boxes = await containers(f"label=com.docker.compose.project={self.name}")
        return [said for box in boxes if (said := _ill(box))]

    async def logs(self, lines: int = 20) -> str:
        """The last lines of every service."""
        done = await self("logs", "--no-color", "--timestamps", "--tail", str(lines))
        return done.out.replace("\x1b[2K", "")


def _ill(box: dict[str, Any]) -> str:
    name = box["Config"]["Labels"].get("com.docker.compose.service", box["Name"])
    state, health = box["State"], box["State"].get("Health") or {}
    if state["Status"] == "exited":
        return "" if state["ExitCode"] == 0 else f"{name} ended with {state['ExitCode']}"  # 0: a one-shot that is done
    if box.get("RestartCount"):
        return f"{name} was restarted {box['RestartCount']} times"
    if state["Status"] != "running":
        return f"{name} is {state['Status']}"
    if health.get("Status", "healthy") == "healthy":
        return ""
    output = " ".join(str((health.get("Log") or [{}])[-1].get("Output", "")).split())
    return f"{name} is {health['Status']}" + (f": its health check says {output[:200]!r}" if output else "")
