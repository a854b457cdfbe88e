"""No room where runs write: said as such, and nothing is taken for done."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import Project

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture
def small(project: Callable[..., Project]) -> Iterator[Callable[[str], Project]]:
    """Makes projects whose .slipway is a disk of the given size."""
    mounted: list[Path] = []

    def make(size: str) -> Project:
        shop = project()
        state = shop.root / ".slipway"
        state.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", state], check=True, timeout=10)
        mounted.append(state)
        return shop

    yield make
    for state in mounted:
        subprocess.run(["umount", "-l", state], check=True, timeout=10)


def test_no_room_for_the_image(small: Callable[[str], Project]) -> None:
    shop = small("4m")
    done = shop.run("publish", "--skip", "test", "--skip", "scan")
    assert done.code == 3, done.text
    assert "no room for the image" in done.stage("build")["reason"]
    assert f"Free some where {shop.root}/.slipway lies" in done.out
    shop.nothing_out()


def test_no_room_at_all(small: Callable[[str], Project]) -> None:
    shop = small("16k")
    with pytest.raises(OSError, match="No space left"), (shop.root / ".slipway/full").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)
    done = shop.run("lint")
    assert done.code == 3, done.text
    assert "No space left on device" in done.text


def test_a_folder_that_cannot_be_written(project: Callable[..., Project]) -> None:
    shop = project()
    (shop.root / ".slipway").write_text("a file where the folder should be")
    done = shop.run("lint")
    assert done.code == 3, done.text
    assert ".slipway cannot be written" in done.err
    (shop.root / ".slipway").unlink()
