"""Artifacts of a workflow run: which are made, what they are called, and what to do where GitHub does not take them."""

import re
from collections.abc import Mapping

from slipway.errors import UsageError
from slipway.github import Event, commands
from slipway.image.reference import DIGEST

QUOTA = "docs/how-to/cost.md#when-the-storage-is-full"


def uploads_image(wanted: str, event: Event, *, to_stages: bool = False) -> bool:
    """Decide whether a run hands its image over to publish.yml.

    `auto`: for what the default branch holds, which is what the written callers publish. A tag is put on what was
    published before. `always` is for previews; a fork has no token that could publish, and a merge queue proposes.

    Args:
        to_stages: the stages after the build are jobs of their own, which `always` serves for every event.

    Raises:
        UsageError: `wanted` is none of auto, always, never.
    """
    if wanted not in ("auto", "always", "never"):
        raise UsageError(f"upload-image: {wanted!r} is not one of: auto, always, never.")
    if wanted == "always" and to_stages:
        return True
    if wanted == "never" or event.of_merge_queue or event.fork:
        return False
    return wanted == "always" or event.of_default_branch


def name(image: str, platform: str, folder: str, attempt: str) -> str:
    """Return what is in the name of each artifact of one image, so that no two of a workflow run share theirs.

    GitHub lists the newest artifact of each name alone, by ids that do not always grow from attempt to attempt. So an
    attempt has names of its own: one that is re-run takes what it was handed, not what was left before.
    """
    return re.sub(r"[^a-z0-9]+", "-", f"{image} {platform} {folder}".lower()).strip("-") + f"-{attempt}"


def handed_over(ids: str, digests: str) -> tuple[list[str], list[str]]:
    """Read the artifact ids and digests that a caller passes: one a line; commas and spaces will do.

    Raises:
        UsageError: one is of another form or named twice, or their numbers differ: GitHub's own action takes what it
            finds, and an image of fewer platforms would be published.
    """
    artifacts, images = [re.split(r"[\s,]+", text.strip(" \n\r\t,")) for text in (ids, digests)]
    for one in artifacts:
        if not re.fullmatch(r"[0-9]+", one):
            raise UsageError(
                f"artifact-id: {one!r} is not the id of an artifact. Pass the output `artifact-id` of verify."
            )
    for one in images:
        if not DIGEST.fullmatch(one):
            raise UsageError(f"digest: {one!r} is not a digest. Pass the output `digest` of the job that verified it.")
    if len(artifacts) != len(images) or len({*artifacts}) != len(artifacts) or len({*images}) != len(images):
        raise UsageError(
            f"artifact-id names {len({*artifacts})} artifacts, digest {len({*images})} images. Nothing was pushed.\n"
            "Pass both outputs of every job that verified a platform, one a line."
        )
    return artifacts, images


def explained(outcomes: Mapping[str, str]) -> list[str]:
    """Return annotations about artifacts that GitHub did not take or give.

    Args:
        outcomes: of the steps `image`, `findings` and `page` (stored) and `download`; as the runner calls them.
    """
    lines = []
    if outcomes.get("image") == "failure":
        lines.append(
            commands.annotation(
                "error",
                "The image was verified and could not be handed over; the step before this one names GitHub's reason.\n"
                f"“quota”: the storage for artifacts is full. Free some ({QUOTA}), then re-run the failed jobs.\n"
                "“already exists”: another job of this run verifies the same folder for the same platform. Give each "
                "its own `image`, or verify once.",
                title="The image was not handed over",
            )
        )
    lost = [what for what in ("findings", "page") if outcomes.get(what) == "failure"]
    if lost:
        message = (
            f"Not kept: {' and '.join(lost)}. No gate depends on that; log and summary have all of it.\n"
            f"Where the step names the quota, the storage for artifacts is full: {QUOTA}."
        )
        lines.append(commands.annotation("warning", message, title="Reports were not kept"))
    if outcomes.get("download") == "failure":
        lines.append(
            commands.annotation(
                "error",
                "The image that another job handed over is not there any more, or is not what was uploaded.\n"
                "An artifact is kept for one day: re-run all jobs, not this one alone.",
                title="The image is not there",
            )
        )
    return lines
