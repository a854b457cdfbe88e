"""Runs a fake platform's images as containers of this machine's engine."""

import asyncio
import shlex
import socket
from dataclasses import dataclass

from slipway.tools import docker, http
from slipway.tools.docker import PROJECT_LABEL

SECONDS = 60.0


def _docker(*args: str, timeout: float = SECONDS) -> str:
    """One docker command, from a thread without a loop. Raises OSError with its last line."""
    done = asyncio.run(docker.docker(*args, timeout=timeout))
    if not done.ok:
        raise OSError(done.last_line())
    return done.out.strip()


@dataclass(frozen=True)
class Container:
    """A version that runs in a container, published on loopback."""

    name: str
    port: int

    def get(self, path: str) -> tuple[int, bytes]:
        answer = http.request("GET", f"http://127.0.0.1:{self.port}{path}", timeout=5)
        return answer.status, answer.body

    def logs(self) -> list[str]:
        done = asyncio.run(docker.docker("logs", "--tail", "20", self.name))
        return done.text.splitlines()

    def stop(self) -> None:
        asyncio.run(docker.docker("rm", "--force", "--volumes", self.name))


@dataclass(frozen=True)
class Engine:
    """Runs images as containers, with the label of a project so that `slipway stop` finds what stays.

    Args:
        variables: environment of the app, as one would set it in the platform's dashboard.
    """

    project: str
    variables: dict[str, str]

    def _run(self, *args: str) -> list[str]:
        settings = [word for pair in self.variables.items() for word in ("--env", "=".join(pair))]
        return ["run", "--init", "--label", f"{PROJECT_LABEL}={self.project}", *settings, *args]

    def pull(self, reference: str) -> str:
        if asyncio.run(docker.image(reference)) is None:
            _docker("pull", "--quiet", reference, timeout=600)
        return reference.rpartition("@")[2]

    def once(self, reference: str, command: str) -> int:
        first, *rest = shlex.split(command)
        words = self._run("--rm", "--entrypoint", first, reference, *rest)
        return asyncio.run(docker.docker(*words, timeout=600)).code

    def start(self, reference: str) -> Container:
        found = asyncio.run(docker.image(reference)) or {}
        exposed = list((found.get("Config") or {}).get("ExposedPorts") or {})
        inside = exposed[0].partition("/")[0] if exposed else "8000"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        words = ("--detach", "--env", f"PORT={inside}", "--publish", f"127.0.0.1:{port}:{inside}", reference)
        return Container(_docker(*self._run(*words)), port)
