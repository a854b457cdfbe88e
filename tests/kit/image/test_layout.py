"""Image layouts: what is read from them, and that nothing which was tampered with goes through."""

import io
import itertools
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.errors import Broken, ExitCode
from slipway.image import layout

Write = Callable[..., Any]
NUMBERS = itertools.count()


def test_an_image_as_its_layout_describes_it(write: Write) -> None:
    made = write(layers=(b"base", b"the app"))
    image = layout.read(made.path)
    assert (image.digest, image.config_digest) == (made.digest, made.config)
    assert image.layers == tuple(made.layers)
    assert (image.sizes, image.size) == ((4, 7), 11)
    assert image.platform == "linux/amd64"
    assert layout.read(made.path) == image, "again, from what was noted"


def overwrite(path: Path) -> None:
    """Other content of the same length, with the old times put back: all that can be put back."""
    before = path.stat()
    path.write_bytes(bytes(b ^ 1 for b in path.read_bytes()))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap(path: Path) -> None:
    """Another file in its place."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[::-1])
    shutil.copystat(path, other)
    other.replace(path)


TAMPER = {
    "overwritten": overwrite,
    "swapped": swap,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b" "),
    "empty": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a dangling link": lambda path: (path.unlink(), path.symlink_to("nowhere")),
}


@pytest.mark.parametrize("seen", [False, True], ids=["at first sight", "after it was verified"])
@pytest.mark.parametrize("blob", ["manifest", "config", "first layer", "last layer"])
@pytest.mark.parametrize("how", TAMPER)
def test_a_blob_that_is_not_what_its_name_says(write: Write, how: str, blob: str, seen: bool) -> None:
    made = write()
    if seen:
        layout.read(made.path)
    digest = {"manifest": made.digest, "config": made.config, "first layer": made.layers[0]}.get(blob, made.layers[-1])
    TAMPER[how](made.blob(digest))
    with pytest.raises(Broken, match=r"is damaged: .*Run again with --fresh") as caught:
        layout.read(made.path)
    assert caught.value.code == ExitCode.BROKEN


INDEXES = {
    "two images": lambda entry: {"manifests": [entry, entry]},
    "no image": lambda _: {"manifests": []},
    "no list": lambda _: {},
    "null": lambda _: {"manifests": None},
    "a list": lambda entry: [entry],
    "a number": lambda _: 3,
    "no digest": lambda _: {"manifests": [{}]},
    "a digest that is a number": lambda _: {"manifests": [{"digest": 3}]},
    "a path instead of a digest": lambda _: {"manifests": [{"digest": "sha256:../../index.json"}]},
    "upper case": lambda entry: {"manifests": [{"digest": entry["digest"].upper()}]},
    "cut": lambda entry: {"manifests": [{"digest": entry["digest"][:-1]}]},
    "another digest": lambda _: {"manifests": [{"digest": "sha256:" + "0" * 64}]},
}


@pytest.mark.parametrize("how", INDEXES)
def test_an_index_that_names_no_image(write: Write, how: str) -> None:
    made = write()
    (made.path / "index.json").write_text(json.dumps(INDEXES[how]({"digest": made.digest})))
    with pytest.raises(Broken, match="--fresh"):
        layout.read(made.path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_an_index_that_is_not_json(write: Write, content: bytes) -> None:
    made = write()
    (made.path / "index.json").write_bytes(content)
    with pytest.raises(Broken):
        layout.read(made.path)


SENSELESS = {
    "config is a list": {"config": []},
    "config is a text": {"config": "text"},
    "no layers": {"more": {"layers": None}},
    "layers without a size": {"layers": (), "more": {"layers": [{"digest": "sha256:" + "0" * 64}]}},
    "no config": {"more": {"config": {}}},
}


@pytest.mark.parametrize("how", SENSELESS)
def test_a_whole_blob_with_senseless_content(write: Write, how: str) -> None:
    """Its hash holds, and still it is no image: a message, not a traceback."""
    with pytest.raises(Broken, match="is damaged"):
        layout.read(write(**SENSELESS[how]).path)


@pytest.mark.parametrize("notes", [b"", b"{", b"[1]", b"3", b'{"sha256:x": 1}', b"null"])
def test_notes_that_are_garbage_count_as_none(write: Write, tmp_path: Path, notes: bytes) -> None:
    made = write()
    (tmp_path / "layout-verified.json").write_bytes(notes)
    assert layout.read(made.path).digest == made.digest


def test_blobs_of_earlier_images_are_dropped(write: Write) -> None:
    """An exporter only ever adds to the folder."""
    old = write(layers=(b"base", b"version 1"))
    new = write(layers=(b"base", b"version 2"))
    assert layout.read(new.path).digest == new.digest
    assert not old.blob(old.digest).exists() and not old.blob(old.layers[1]).exists()
    assert {p.name for p in (new.path / "blobs" / "sha256").iterdir()} == {
        d.removeprefix("sha256:") for d in (new.digest, new.config, *new.layers)
    }


def test_a_damaged_layout_is_left_as_it_is(write: Write) -> None:
    """Nothing is dropped on the word of an index that does not hold."""
    made = write()
    swap(made.blob(made.layers[1]))
    with pytest.raises(Broken):
        layout.read(made.path)
    assert all(made.blob(d).exists() for d in (made.digest, made.config, *made.layers))


@given(st.data())
def test_no_change_of_one_byte_goes_unseen(write: Write, data: st.DataObject) -> None:
    """Any byte of any file: what is read is the image as it was, or nothing."""
    folder = write(f"flip-{next(NUMBERS)}").path
    before = layout.read(folder)
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    path = data.draw(st.sampled_from(files))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        assert layout.read(folder) == before
        assert path.name in ("index.json", "oci-layout"), f"a changed blob went through: {path}"
    except Broken:
        pass


def names(archive: bytes) -> dict[str, bytes]:
    """The files of a tar."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]


@pytest.mark.parametrize("layers", [False, True])
def test_the_archive_for_the_engine(write: Write, layers: bool) -> None:
    made = write()
    image = layout.read(made.path)
    reference = f"localhost:5001/shop@{image.digest}"
    files = names(layout.archive(made.path, image, reference, layers=layers))
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert entry["digest"] == image.digest
    assert entry["annotations"] == {"io.containerd.image.name": reference}
    assert entry["size"] == len(image.manifest)
    wanted = [image.digest, image.config_digest, *(image.layers if layers else ())]
    assert {n for n in files if n.startswith("blobs")} == {f"blobs/sha256/{d.removeprefix('sha256:')}" for d in wanted}
    assert files[f"blobs/sha256/{image.digest.removeprefix('sha256:')}"] == image.manifest
    assert "oci-layout" in files


def test_the_name_of_an_image_travels_with_its_layout(write: Write) -> None:
    made = write()
    before = layout.read(made.path)
    index = json.loads((made.path / "index.json").read_bytes())
    index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (made.path / "index.json").write_text(json.dumps(index))
    for name in (f"ghcr.io/acme/shop@{before.digest}", f"ghcr.io/acme/web@{before.digest}"):
        layout.give_name(made.path, name)
        after = layout.read(made.path)
        assert (after.name, after.digest, after.manifest) == (name, before.digest, before.manifest)
    (entry,) = json.loads((made.path / "index.json").read_bytes())["manifests"]
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == "latest", "BuildKit replaces by it"


def test_the_one_layer_of_an_artifact(write: Write) -> None:
    made = write(layers=(b"database",))
    assert layout.single_layer(made.path) == (made.layers[0], made.blob(made.layers[0]))
    swap(made.blob(made.layers[0]))
    with pytest.raises(ValueError, match="other content"):
        layout.single_layer(made.path)
    with pytest.raises(ValueError, match="2 layers"):
        layout.single_layer(write("two").path)
