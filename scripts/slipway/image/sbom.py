"""What is in an index: the bills of materials (CycloneDX) of its images, as one."""

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slipway.errors import Broken, UsageError
from slipway.image.layout import Image

FILE = "sbom.cdx.json"  # beside the layout that it describes
LIMIT = 16 * 1024 * 1024  # bytes that actions/attest v4 takes: MAX_SBOM_SIZE_BYTES in its src/sbom.ts
SPDX = "sbom.spdx.json"  # the same in the other format


def attestable(document: Any) -> bytes:
    """Return a document as short as it can be written.

    Raises:
        UsageError: GitHub does not attest one of that size.
    """
    content = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    if len(content) > LIMIT:
        raise UsageError(
            f"the bill of materials has {len(content) / 2**20:.1f} MiB, and GitHub attests at most {LIMIT >> 20} MiB.\n"
            "Nothing was pushed. Make the image smaller, publish fewer platforms as one, or pass `provenance: never`."
        )
    return content


def merged(parts: Sequence[tuple[Path, Image]], reference: str) -> dict[str, Any]:
    """One document about `reference`, an index: below it its images, below each image what is in it.

    The same package may be in several images, and a name within a document stands for one thing: so each image's
    names get its platform in front.

    Args:
        parts: the layouts, each with its own document beside it.

    Raises:
        Broken: one has none, or it is not CycloneDX.
    """
    images, below, times, tools = [], [], [], None
    dependencies: list[dict[str, Any]] = []
    for folder, image in parts:
        file = folder.with_name(FILE)
        try:
            document = _named(json.loads(file.read_bytes()), image.platform)
            root = {**document["metadata"]["component"], "version": image.digest}
            images.append(root["bom-ref"])
            below += [root, *document.get("components", [])]
            dependencies += document.get("dependencies", [])
            times.append(str(document["metadata"]["timestamp"]))
            tools = tools or document["metadata"].get("tools")
            kind = document["bomFormat"], document["specVersion"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Broken(
                f"what is in the {image.platform} image is not known: {FILE}: {error!r}. Verify it again."
            ) from error
    name, _, digest = reference.partition("@")
    return {
        "bomFormat": kind[0], "specVersion": kind[1], "version": 1,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, reference)}",
        "metadata": {
            "timestamp": max(times), **({"tools": tools} if tools else {}),
            "component": {"bom-ref": reference, "type": "container", "name": name, "version": digest},
        },
        "components": below,
        "dependencies": [{"ref": reference, "dependsOn": images}, *dependencies],
    }  # fmt: skip


def _named(value: Any, platform: str) -> Any:
    """A document with every name of its own made one of this platform."""
    if isinstance(value, list):
        return [_named(one, platform) for one in value]
    if not isinstance(value, dict):
        return value
    made = {key: _named(one, platform) for key, one in value.items()}
    for key in ("bom-ref", "ref"):
        if isinstance(made.get(key), str):
            made[key] = f"{platform}#{made[key]}"
    if "dependsOn" in made:
        made["dependsOn"] = [f"{platform}#{name}" for name in made["dependsOn"]]
    return made
