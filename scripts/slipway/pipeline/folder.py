"""The folders of runs: .slipway/runs/<id>, `latest`, and the lock that lets one run at a time work in a project."""

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from slipway.errors import NotReady

NAME = ".slipway"
KEPT = 20  # runs whose folders stay, besides those whose results they reuse


def state_folder(root: Path) -> Path:
    """.slipway: made when it is needed, invisible to git by its own .gitignore."""
    folder = root / NAME
    try:
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
    except OSError as error:
        why = f"{folder} cannot be written: {error.strerror}. Free space there, or fix its permissions."
        raise NotReady(why) from error
    return folder


@contextlib.contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the project. The lock goes with the process, however it ends.

    Raises:
        NotReady: another run holds it.
    """
    with (state / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise NotReady(
                f"another run (process {holder}) is at work in {state.parent}. Wait for it, or end it with Ctrl-C."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def fresh(state: Path) -> tuple[str, Path]:
    """A new run's id and folder; `latest` points to it, the oldest ones go."""
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    folder = state / "runs" / name
    folder.mkdir()
    link = state / f".latest-{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(Path("runs") / name)
    link.replace(state / "latest")
    _prune(state)
    return name, folder


def _prune(state: Path) -> None:
    """The oldest runs go, but for those whose stages are still reused, or stand as reused in a run that stays: logs and
    tests of a stage are where it really ran."""
    runs = sorted((state / "runs").iterdir())
    old, kept = runs[:-KEPT], runs[-KEPT:]
    if old:
        files = [*(run / "result.json" for run in kept), *(state / "reuse").glob("*.json")]
        named = b"".join(file.read_bytes() for file in files if file.is_file())
        for run in old:
            if run.name.encode() not in named:
                shutil.rmtree(run, ignore_errors=True)
