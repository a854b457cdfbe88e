"""A real terminal, a project to lint and a linter that takes its time: to see a run as it is shown."""

import contextlib
import os
import pty
import re
import select
import sys
import termios
import time
from pathlib import Path

import pytest

# Takes hadolint's place: it has the right version, and all the time in the world.
SLOW = """#!{python}
import sys, time
if "--version" in sys.argv:
    print("Haskell Dockerfile Linter 2.15.1")
else:
    open({up!r}, "w").close()
    time.sleep({seconds})
    print("[]")
"""


def project(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = "shop") -> Path:
    """A project to lint, on a machine with its own cache, and a clean environment."""
    root = folder / name
    root.mkdir()
    (root / "Dockerfile").write_text('FROM scratch\nCMD ["x"]\n')
    for variable in ("CI", "GITHUB_ACTIONS", "NO_COLOR", "FORCE_COLOR", "MAKELEVEL", "COLUMNS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("SLIPWAY_CACHE", str(folder / "cache"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/no-engine.sock")
    return root


def linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float) -> Path:
    """A hadolint that takes this long; returns the file that it makes when it is at work."""
    binary, up = tmp_path / "bin" / "hadolint", tmp_path / "up"
    binary.parent.mkdir()
    binary.write_text(SLOW.format(python=sys.executable, up=str(up), seconds=seconds))
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary.parent}{os.pathsep}{os.environ['PATH']}")
    return up


class Terminal:
    """A real terminal with a process in its foreground."""

    def __init__(self, command: list[str]):
        self.pid, self.master = pty.fork()
        if not self.pid:
            # Not execv: GNU readline puts COLUMNS into the process behind the back of os.environ.
            os.execve(command[0], command, os.environ)
        termios.tcsetwinsize(self.master, (40, 100))
        self.before = termios.tcgetattr(self.master)
        self.shown = b""

    def read(self) -> bool:
        """Take what it shows; False once it has ended."""
        try:
            chunk = os.read(self.master, 65536)
        except OSError:
            return False
        self.shown += chunk
        return bool(chunk)

    def press(self, keys: bytes) -> None:
        """Type, and read for a moment: a Ctrl-C makes the terminal forget what nobody has read yet."""
        with contextlib.suppress(OSError):  # it may have ended by now
            os.write(self.master, keys)
        end = time.monotonic() + 0.05
        while (left := end - time.monotonic()) > 0 and select.select([self.master], [], [], left)[0] and self.read():
            pass

    def end(self) -> tuple[int, str]:
        """Its exit code, and all that it showed."""
        while self.read():
            pass
        after = termios.tcgetattr(self.master)
        assert after == self.before, "the terminal's settings were changed"
        _, status = os.waitpid(self.pid, 0)
        os.close(self.master)
        return os.waitstatus_to_exitcode(status), self.shown.decode()


def cursor_is_shown(text: str) -> bool:
    """Whether the last word on the cursor was to show it."""
    said = re.findall(r"\x1b\[\?25([lh])", text)
    return not said or said[-1] == "h"
