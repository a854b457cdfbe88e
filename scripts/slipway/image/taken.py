"""An image that another job built and handed over: taken as it is, or not at all."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import Broken, NotReady, UsageError
from slipway.image import layout
from slipway.image.reference import DIGEST


@dataclass(frozen=True)
class Taken:
    """Where the image lies, and what it must be."""

    folder: Path  # holds the layout, somewhere below
    digest: str

    @classmethod
    def of(cls, folder: str, digest: str) -> "Taken | None":
        """Read the two options; None where neither is given.

        Raises:
            UsageError: one is given without the other, or the digest is none.
        """
        if not folder and not digest:
            return None
        if not folder or not digest:
            raise UsageError(
                "a handed-over image needs its folder and its digest (--layout and --digest). In a workflow, pass both "
                "outputs of build.yml: `artifact-id` and `digest`."
            )
        if not DIGEST.fullmatch(digest):
            raise UsageError(f"{digest!r} is not a digest. Pass the output `digest` of the job that built the image.")
        return cls(Path(folder), digest)


def take(taken: Taken, kept: Path) -> layout.Image:
    """Copy the image to where a build would have left it, and check every blob of the copy.

    Args:
        kept: the layout's folder of this project; replaced once the image is proven.

    Raises:
        SlipwayError: there is no such image, or it is another one. `kept` is as it was.
    """
    found = sorted(path.parent for path in taken.folder.rglob("index.json") if (path.parent / "blobs").is_dir())
    if len(found) != 1:
        raise UsageError(
            f"{taken.folder} holds {len(found)} image layouts, not one. Pass the `artifact-id` of one run of build.yml."
        )
    fresh = kept.with_name("taken")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(found[0], fresh)
        image = layout.read(fresh)
        if image.digest != taken.digest:
            raise Broken(
                f"{taken.digest} was built, and what was handed over is {image.digest}: it was swapped or mixed up. "
                "Nothing ran on it. Pass `artifact-id` and `digest` of the same job."
            )
        shutil.rmtree(kept, ignore_errors=True)
        fresh.rename(kept)
    except OSError as error:
        raise NotReady(
            f"the image could not be copied to {kept}: {error.strerror or error}. Free space there."
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return image
