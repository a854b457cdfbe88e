"""Puts the image of a layout into the engine, and believes it only when the layers are there.

Docker 27.2 and later exit with 0 where layers are missing, and `image inspect` shows the digest all the same; they only
print "Error unpacking image" (moby, daemon/containerd/image_exporter.go; run on 28.5.2). Earlier ones exit with 1.
"""

import os
import re
from pathlib import Path

from slipway.errors import Broken
from slipway.image import layout
from slipway.image.layout import Image
from slipway.tools import docker

NOT_UNPACKED = "Error unpacking image"
SECONDS = 600.0
_GONE = re.compile(r"content digest \S+ not found|parent snapshot \S+ does not exist|No such image", re.IGNORECASE)


def own_builder() -> bool:
    """Whether builds are the engine's own as far as the environment says, so that their layers are in it."""
    return os.environ.get("BUILDX_BUILDER", "") in ("", "default")


def layers_gone(said: str) -> bool:
    """Whether an engine refused to make a container because the layers of its image are not there.

    That happens although the engine shows the image: its clean-up of an earlier image with the same layers may come
    between two calls, and somebody may have removed it.
    """
    return _GONE.search(said) is not None


async def load(folder: Path, image: Image, name: str, log: Path, *, whole: bool) -> None:
    """Load an image, under a name by digest.

    Args:
        whole: with its layers. Otherwise they are brought along only if the engine does not have them: 0.05 s, not 1 s.

    Raises:
        Broken: the engine does not take it, or shows another digest.
    """
    why = ""
    for layers in (True,) if whole else (False, True):
        archive = layout.archive(folder, image, name, layers=layers)
        done = await docker.docker("load", stdin=archive, timeout=SECONDS, log=log)
        if done.ok and NOT_UNPACKED not in done.text:
            shown = str((await docker.image(name) or {}).get("Id"))
            if shown == image.digest:
                return
            why = f"it shows {shown}"
        else:
            why = next((line for line in done.text.splitlines() if NOT_UNPACKED in line), done.last_line())
    raise Broken(f"the engine did not take {image.digest}: {why}")
