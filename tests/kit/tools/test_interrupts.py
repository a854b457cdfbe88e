"""Signals while a command works: the clean-up comes to its end, however many come, and the exit code says so."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import until

from slipway.tools import interrupts

CODE = """
import asyncio, pathlib, sys
from slipway.tools import interrupts

folder = pathlib.Path(sys.argv[1])


async def work():
    try:
        (folder / "begun").touch()
        await asyncio.sleep(60)
    finally:
        (folder / "cleaning").touch()
        await interrupts.to_the_end(clean())


async def clean():
    while not (folder / "go").exists():
        await asyncio.sleep(0.01)
    (folder / "clean").touch()


try:
    interrupts.run(work())
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(
    "numbers",
    [
        (signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT, signal.SIGTERM), (signal.SIGINT,) * 3,
        (signal.SIGTERM, signal.SIGINT, signal.SIGTERM),
    ],
    ids=lambda numbers: "+".join(number.name for number in numbers),
)  # fmt: skip
def test_the_clean_up_comes_to_its_end(tmp_path: Path, numbers: tuple[signal.Signals, ...]) -> None:
    process = subprocess.Popen([sys.executable, "-c", CODE, str(tmp_path)], stderr=subprocess.PIPE, text=True)
    until((tmp_path / "begun").exists, "it works")
    for number in numbers:
        process.send_signal(number)
        until((tmp_path / "cleaning").exists, "it cleans up")
    (tmp_path / "go").touch()
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "")
    assert (tmp_path / "clean").exists()


def test_work_that_nobody_interrupts() -> None:
    async def work() -> int:
        return 7

    assert interrupts.run(work()) == 7
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_is_the_works_own() -> None:
    async def work() -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        interrupts.run(work())


def test_what_must_be_on_record_is_written_before_anything_is_cancelled() -> None:
    order: list[str] = []

    async def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            order.append("cancelled")
            raise

    usual = {number: signal.getsignal(number) for number in interrupts.SIGNALS}
    try:
        assert asyncio.run(interrupts.interruptible(work(), lambda: order.append("noted")))
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    assert order == ["noted", "cancelled"]
