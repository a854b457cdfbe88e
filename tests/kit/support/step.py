"""A step of a workflow, started and ended as GitHub's runner does it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from support.machine import REPOSITORY, until
from support.project import Done, Project

# The shells that the runner starts: for a step of a workflow, and where `shell: bash` is said, as actions must.
WORKFLOW = ("bash", "-e")
COMPOSITE = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
# Signals, each with the seconds that the runner waits after it (actions/runner, ProcessInvoker). What it ends with,
# SIGKILL, is left out where a test looks at the clean-up: a busy machine may need longer than 10 s.
CANCELLED = ((signal.SIGINT, 7.5), (signal.SIGTERM, 150.0))
KILLED = ((signal.SIGINT, 0.5), (signal.SIGTERM, 0.5), (signal.SIGKILL, 5.0))
IMPATIENT = ((signal.SIGINT, 0.2), (signal.SIGINT, 150.0))
TERMINATED = ((signal.SIGTERM, 150.0),)
Signals = Sequence[tuple[int, float]]


def script(file: str, holds: str) -> str:
    """The `run:` text of the one step of a workflow or an action that holds these words."""
    document = yaml.safe_load((REPOSITORY / ".github" / file).read_text(encoding="utf-8"))
    jobs = document["jobs"].values() if "jobs" in document else [document["runs"]]
    (found,) = [step["run"] for job in jobs for step in job["steps"] if holds in step.get("run", "")]
    return str(found)


def stages(name: str) -> tuple[str, dict[str, str]]:
    """The script of the step that runs one stage and what it needs, and its variables."""
    return script("actions/verify/action.yml", "ci run"), {"STAGE": name}


class Step:
    """The shell with a script in a file, in the project's folder: the one process that a runner knows."""

    def __init__(
        self, project: Project, text: str, shell: Sequence[str] = WORKFLOW, variables: Mapping[str, str] | None = None
    ) -> None:
        self.project = project
        folder = project.root.with_suffix(".step")
        folder.mkdir(exist_ok=True)
        file = folder / "step.sh"
        file.write_text(text + "\n")
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            [*shell, str(file)],
            cwd=project.root,
            env=project.environment | {"PATH": programs} | dict(variables or {}),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        project.running.append(self)

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait until a condition holds, while the step runs."""

        def held() -> bool:
            if condition():
                return True
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode} before {what}: {self.said()}")
            return False

        until(held, what, 120)

    def signal(self, signals: Signals) -> Done:
        """Signal that one process, and go on as soon as it has ended."""
        for number, patience in signals:
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
            if self.process.poll() is not None:
                break
        return self.project.look(Done(self.process.wait(1), self.said(), "", 0.0))

    def said(self) -> str:
        """What it has printed so far."""
        self._log.flush()
        return Path(self._log.name).read_text()
