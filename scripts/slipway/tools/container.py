"""One container that runs something to its end and hands files back: with an init, our label, and a certain end."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slipway.errors import Broken
from slipway.tools.docker import docker
from slipway.tools.loading import layers_gone
from slipway.tools.process import Finished


@dataclass(frozen=True)
class Box:
    """What to run, and in which image. Files travel by `docker cp`, so that a remote engine works too."""

    image: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    bring: tuple[tuple[Path, str], ...] = ()  # (folder here, folder there)
    user: str = ""
    workdir: str = ""
    entrypoint: str | None = None
    restore: Callable[[], Awaitable[None]] | None = None  # puts the image there again where its layers are gone

    async def run(
        self,
        labels: Sequence[str],
        *,
        timeout: float,
        log: Path,
        on_text: Callable[[str], None] | None = None,
        take: Mapping[str, Path] | None = None,
    ) -> Finished:
        """Run it and remove it, whatever happens.

        Args:
            timeout: seconds for the command; it is then killed and the result says `timed_out`.
            on_text: called with each line, and with what there is of one that has not ended yet.
            take: folder there → folder here, copied out after the end; a missing one is no error.

        Raises:
            Broken: the engine could not make the container.
        """
        options = [word for name, value in self.environment.items() for word in ("--env", f"{name}={value}")]
        options += ["--user", self.user] if self.user else []
        options += ["--workdir", self.workdir] if self.workdir else []
        options += ["--entrypoint", self.entrypoint] if self.entrypoint is not None else []
        create = (
            "create", "--init", "--network", "none", "--pull", "never", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", *labels, *options, self.image, *self.command,
        )  # fmt: skip
        made = await docker(*create)
        if not made.ok and self.restore and layers_gone(made.text):
            await self.restore()
            made = await docker(*create)
        if not made.ok:
            raise Broken(f"the container could not be made: {made.last_line()}")
        name = made.out.strip().splitlines()[-1]
        try:
            for here, there in self.bring:
                copied = await docker("cp", f"{here}/.", f"{name}:{there}")
                if not copied.ok:
                    raise Broken(f"{here} could not be copied into the container: {copied.last_line()}")
            done = await docker("start", "--attach", name, timeout=timeout, log=log, on_line=on_text, on_part=on_text)
            if done.timed_out:
                await docker("kill", name)
            for there, here in (take or {}).items():
                await docker("cp", f"{name}:{there}/.", here)
            return done
        finally:
            # Shielded: a cancelled run must not leave its container.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(docker("rm", "-fv", name))
