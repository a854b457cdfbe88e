"""Layers are what the configuration says of them, or nothing is proven."""

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.errors import Broken
from slipway.image import layers, layout

Write = Callable[..., Any]
FILES = (b"the base's files" * 1000, b"the app's files")


def diff_id(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def make(write: Write, blobs: tuple[bytes, ...], said: tuple[bytes, ...] = FILES) -> tuple[Path, layout.Image]:
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [diff_id(one) for one in said]}}
    made = write(layers=blobs, config=config)
    return made.path, layout.read(made.path)


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["gzip", "plain"])
def test_proven_and_remembered(write: Write, pack: Callable[[bytes], bytes]) -> None:
    path, image = make(write, tuple(map(pack, FILES)))
    assert layers.proven(path, image)
    for layer in image.layers:  # `layout.read` proves blobs; here what was noted counts
        (path / "blobs/sha256" / layer.removeprefix("sha256:")).unlink()
    assert layers.proven(path, image)


def test_a_layer_that_holds_other_files(write: Write) -> None:
    """Every digest is right: the manifest names another layer than the configuration. A scanner that remembers the
    good one by its diffID would never open this one."""
    path, image = make(write, (gzip.compress(FILES[0]), gzip.compress(b"a back door")))
    for _ in range(2):
        with pytest.raises(Broken, match="holds other files than the image's configuration says"):
            layers.proven(path, image)


def test_what_was_noted_of_another_image_does_not_count_for_this_one(write: Write) -> None:
    path, image = make(write, tuple(map(gzip.compress, FILES)))
    assert layers.proven(path, image)
    path, image = make(write, tuple(map(gzip.compress, FILES)), said=(FILES[0], b"other"))
    with pytest.raises(Broken, match="holds other files"):
        layers.proven(path, image)


def test_another_number_of_layers(write: Write) -> None:
    path, image = make(write, (gzip.compress(FILES[0]),))
    with pytest.raises(Broken, match="lists 1 layers, its configuration another number"):
        layers.proven(path, image)


@pytest.mark.parametrize("blob", [gzip.compress(FILES[1])[:-9], b"\x1f\x8bgarbage"], ids=["cut", "garbage"])
def test_a_layer_that_cannot_be_unpacked(write: Write, blob: bytes) -> None:
    path, image = make(write, (gzip.compress(FILES[0]), blob))
    with pytest.raises(Broken, match="cannot be unpacked"):
        layers.proven(path, image)


def test_zstd_is_not_proven(write: Write) -> None:
    path, image = make(write, (gzip.compress(FILES[0]), b"\x28\xb5\x2f\xfd and so on"))
    assert not layers.proven(path, image)


@pytest.mark.parametrize("notes", ["", "[]", "null", json.dumps({"sha256:x": 1})])
def test_damaged_notes_are_made_anew(write: Write, notes: str) -> None:
    path, image = make(write, tuple(map(gzip.compress, FILES)))
    path.with_name(f"{path.name}-layers.json").write_text(notes)
    assert layers.proven(path, image)
