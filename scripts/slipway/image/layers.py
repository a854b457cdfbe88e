"""Whether the layers of a layout hold what the image's configuration says of them.

A layer has two names: its blob's digest (compressed, in the manifest) and its diffID (uncompressed, in the
configuration). Scanners remember layers by the second and read the first, so both must speak of the same files.
"""

import gzip
import hashlib
import json
from pathlib import Path

from slipway.errors import Broken
from slipway.image.layout import Image

_ZSTD = b"\x28\xb5\x2f\xfd"


def proven(layout: Path, image: Image) -> bool:
    """Compare each layer's content with its diffID.

    Returns:
        False where that cannot be told: layers packed by zstd, which Python 3.11 does not read.

    Raises:
        Broken: a layer holds other files than the configuration says.
    """
    notes = layout.with_name(f"{layout.name}-layers.json")
    known = _noted(notes)
    wanted = image.config.get("rootfs", {}).get("diff_ids")
    if not isinstance(wanted, list) or len(wanted) != len(image.layers):
        raise Broken(f"the image {image.digest} lists {len(image.layers)} layers, its configuration another number.")
    now: dict[str, str] = {}
    for digest, diff_id in zip(image.layers, wanted, strict=True):
        # What was noted stays true: `layout.read` has just proven that the blob has this digest.
        found = known.get(digest) or _diff_id(layout / "blobs" / "sha256" / digest.removeprefix("sha256:"))
        if not found:
            return False
        if found != diff_id:
            raise Broken(f"layer {digest} holds other files than the image's configuration says. Build again.")
        now[digest] = found
    if now != known:
        notes.write_text(json.dumps(now))
    return True


def _noted(notes: Path) -> dict[str, str]:
    try:
        known = json.loads(notes.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _diff_id(blob: Path) -> str:
    """SHA-256 of a layer, uncompressed; empty where we cannot uncompress it."""
    with blob.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic == _ZSTD:
            return ""
        try:
            if magic.startswith(b"\x1f\x8b"):
                with gzip.GzipFile(fileobj=file) as layer:
                    return f"sha256:{hashlib.file_digest(layer, 'sha256').hexdigest()}"
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        except (OSError, EOFError, ValueError) as error:
            raise Broken(f"layer {blob.name} cannot be unpacked: {error}. Build again.") from error
