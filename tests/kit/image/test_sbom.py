"""One bill of materials for an index, made of those of its images."""

import json
from pathlib import Path
from typing import Any

import pytest

from slipway.errors import Broken
from slipway.image import sbom
from slipway.image.layout import Image

INDEX = f"ghcr.io/acme/shop@sha256:{'1' * 64}"


def part(folder: Path, platform: str, **changes: Any) -> tuple[Path, Image]:
    layout = folder / platform.replace("/", "-") / "layout"
    layout.mkdir(parents=True)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "metadata": {"timestamp": f"2026-11-2{len(platform) % 10}", "component": {"bom-ref": "me", "name": "image"}},
        "components": [{"bom-ref": "pkg:pypi/flask@3", "name": "flask"}],
        "dependencies": [{"ref": "me", "dependsOn": ["pkg:pypi/flask@3"]}],
    } | changes
    layout.with_name(sbom.FILE).write_text(json.dumps(document))
    return layout, Image(f"sha256:{platform}", "", platform, (), (), {}, b"")


def test_names_of_images_do_not_meet(tmp_path: Path) -> None:
    merged = sbom.merged([part(tmp_path, "linux/amd64"), part(tmp_path, "linux/arm64")], INDEX)
    assert merged["metadata"]["component"]["bom-ref"] == INDEX
    assert {entry["ref"]: entry["dependsOn"] for entry in merged["dependencies"]} == {
        INDEX: ["linux/amd64#me", "linux/arm64#me"],
        "linux/amd64#me": ["linux/amd64#pkg:pypi/flask@3"],
        "linux/arm64#me": ["linux/arm64#pkg:pypi/flask@3"],
    }
    assert [(one["bom-ref"], one.get("version")) for one in merged["components"]] == [
        ("linux/amd64#me", "sha256:linux/amd64"),
        ("linux/amd64#pkg:pypi/flask@3", None),
        ("linux/arm64#me", "sha256:linux/arm64"),
        ("linux/arm64#pkg:pypi/flask@3", None),
    ]


def test_the_same_images_give_the_same_document(tmp_path: Path) -> None:
    parts = [part(tmp_path, "linux/amd64"), part(tmp_path, "linux/arm64")]
    assert sbom.merged(parts, INDEX) == sbom.merged(parts, INDEX)


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b'{"metadata": {"component": 1}}', b"[" * 100_000])
def test_what_is_no_bill_of_materials(tmp_path: Path, content: bytes | None) -> None:
    good, bad = part(tmp_path, "linux/amd64"), part(tmp_path, "linux/arm64")
    file = bad[0].with_name(sbom.FILE)
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(Broken, match="linux/arm64"):
        sbom.merged([good, bad], INDEX)
