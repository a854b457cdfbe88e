"""An image that another job built is taken as it is, or not at all."""

import json
import shutil
from pathlib import Path

import pytest
from layouts import app, digest, layout

from slipway.errors import Broken, SlipwayError, UsageError
from slipway.image.taken import Taken, take

ONE = "sha256:" + "1" * 64


@pytest.fixture
def handed_over(tmp_path: Path) -> Path:
    """What download-artifact leaves: the layout below, an SBOM beside it."""
    layout(tmp_path / "taken" / "layout", app())
    (tmp_path / "taken" / "sbom.cdx.json").write_text("{}")
    return tmp_path / "taken"


def test_it_takes_the_place_of_a_build(handed_over: Path, tmp_path: Path) -> None:
    kept = layout(tmp_path / ".slipway" / "layout", app("19.0.0"))
    wanted = digest(handed_over / "layout")
    assert wanted != digest(kept)
    image = take(Taken(handed_over, wanted), kept)
    assert (image.digest, digest(kept)) == (wanted, wanted)
    assert (handed_over / "layout" / "index.json").is_file(), "what was handed over stays as it is"
    assert not (tmp_path / ".slipway" / "taken").exists()


def another(folder: Path) -> None:
    shutil.rmtree(folder / "layout")
    layout(folder / "layout", app("19.0.0"))


def changed(folder: Path) -> None:
    largest = max((folder / "layout" / "blobs" / "sha256").iterdir(), key=lambda blob: blob.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1] + b"x")


def missing(folder: Path) -> None:
    max((folder / "layout" / "blobs" / "sha256").iterdir(), key=lambda blob: blob.stat().st_size).unlink()


def two(folder: Path) -> None:
    layout(folder / "other", app("19.0.0"))


def two_in_one(folder: Path) -> None:
    index = folder / "layout" / "index.json"
    held = json.loads(index.read_text())
    index.write_text(json.dumps({**held, "manifests": held["manifests"] * 2}))


@pytest.mark.parametrize(
    ("spoil", "error", "says"),
    [
        (another, Broken, "it was swapped or mixed up"),
        (changed, Broken, "holds other content than its name says"),
        (missing, Broken, "is damaged"),
        (two, UsageError, "holds 2 image layouts, not one"),
        (shutil.rmtree, UsageError, "holds 0 image layouts, not one"),
        (two_in_one, Broken, "lists 2 images, not one"),
    ],
)
def test_another_image_is_refused(
    handed_over: Path, tmp_path: Path, spoil: object, error: type[SlipwayError], says: str
) -> None:
    kept = layout(tmp_path / ".slipway" / "layout", app("18.0.0"))
    before, wanted = digest(kept), digest(handed_over / "layout")
    spoil(handed_over)  # type: ignore[operator]
    with pytest.raises(error, match=says):
        take(Taken(handed_over, wanted), kept)
    assert digest(kept) == before, "the image of this project is as it was"
    assert not (tmp_path / ".slipway" / "taken").exists()


def test_both_or_neither() -> None:
    assert Taken.of("", "") is None
    assert Taken.of("folder", ONE) == Taken(Path("folder"), ONE)
    for folder, given in (("folder", ""), ("", ONE)):
        with pytest.raises(UsageError, match="`artifact-id` and `digest`"):
            Taken.of(folder, given)
    with pytest.raises(UsageError, match="'latest' is not a digest"):
        Taken.of("folder", "latest")
