"""What of a layer cache is believed."""

import hashlib
import json
from pathlib import Path

import pytest

from slipway.image import layer_cache


def blob(cache: Path, content: bytes) -> str:
    name = hashlib.sha256(content).hexdigest()
    (cache / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    (cache / "blobs" / "sha256" / name).write_bytes(content)
    return name


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache of one layer, as BuildKit writes it: an index, which names an index, which names the layers."""
    folder = tmp_path / "cache"
    layer = blob(folder, b"layer")
    index = blob(folder, json.dumps({"manifests": [{"digest": f"sha256:{layer}"}]}).encode())
    (folder / "index.json").write_text(json.dumps({"manifests": [{"digest": f"sha256:{index}"}]}))
    return folder


def test_a_whole_one(cache: Path) -> None:
    assert layer_cache.whole(cache)


@pytest.mark.parametrize("case", ["changed", "cut", "gone", "no index", "nothing"])
def test_a_damaged_one(cache: Path, case: str) -> None:
    layer = cache / "blobs" / "sha256" / hashlib.sha256(b"layer").hexdigest()
    if case == "changed":
        layer.write_bytes(b"lazer")
    elif case == "cut":
        layer.write_bytes(b"lay")
    elif case == "gone":
        layer.unlink()
    elif case == "no index":
        (cache / "index.json").unlink()
    assert not layer_cache.whole(cache if case != "nothing" else cache / "not-there")


def test_a_layout_begins_with_its_blobs(cache: Path, tmp_path: Path) -> None:
    layer_cache.seed(cache, tmp_path / "layout")
    assert sorted(path.name for path in (tmp_path / "layout").rglob("*") if path.is_file()) == sorted(
        path.name for path in (cache / "blobs").rglob("*") if path.is_file()
    )


def test_a_layout_that_is_there_stays(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "layout").mkdir()
    layer_cache.seed(cache, tmp_path / "layout")
    assert not list((tmp_path / "layout").iterdir())
