"""The tags of a published image, as users of docker/metadata-action expect them, from what made the workflow run."""

import re

from slipway.errors import UsageError
from slipway.github import Event
from slipway.image.reference import tag

COMMIT_DIGITS = 7
# https://semver.org, without build metadata: a tag cannot hold a plus sign.
_SEMVER = re.compile(
    r"v?(?P<major>0|[1-9]\d*)\.(?P<minor>0|[1-9]\d*)\.(?P<patch>0|[1-9]\d*)(?:-(?P<pre>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)


def wanted(event: Event) -> list[str]:
    """Tags for an event, the most telling first.

    A branch gives its name, the default branch `latest` too; a pull request `pr-7`; a tag that is a version gives
    1.2.3, 1.2, 1 and `latest`, a pre-release only itself; any other tag its name. Always the commit's: of the head, not
    of the merge that GitHub makes for a pull request. That merge is what was built, though, and `sha-<commit>` is what
    a release takes: so for a pull request it is `pr-7-sha-<commit>`.

    Raises:
        UsageError: the ref leaves nothing that a tag may hold, or the event publishes nothing.
    """
    before = ""
    if event.of_merge_queue:
        raise UsageError(
            "a merge queue publishes nothing: the push that follows the merge does.\n"
            "Give the job that publishes: if: github.event_name == 'push'"
        )
    if event.of_pull_request and not event.number:
        raise UsageError(f"which pull request is published? Neither the event nor the ref {event.ref!r} names it.")
    if event.number:
        names, before = [f"pr-{event.number}"], f"pr-{event.number}-"
    elif event.ref.startswith("refs/tags/"):
        names = _version(event.ref.removeprefix("refs/tags/"))
    else:
        branch = event.ref.removeprefix("refs/heads/")
        names = [_safe(branch)] + (["latest"] if branch == event.default_branch else [])
    return list(dict.fromkeys([*names, *([before + commit(event)] if event.head_sha else [])]))


def commit(event: Event) -> str:
    """Return the tag of the event's commit.

    Raises:
        UsageError: the event does not say which commit that is.
    """
    if not event.head_sha:
        raise UsageError(f"the event {event.name} names no commit for {event.ref}. Push the tag or the branch again.")
    return f"sha-{event.head_sha[:COMMIT_DIGITS]}"


def _version(name: str) -> list[str]:
    found = _SEMVER.fullmatch(name)
    if not found:
        return [_safe(name)]
    version = f"{found['major']}.{found['minor']}.{found['patch']}"
    if found["pre"]:
        return [_safe(f"{version}-{found['pre']}")]
    # 0.x promises nothing from one minor version to the next: no tag `0`.
    major = [found["major"]] if found["major"] != "0" else []
    return [version, f"{found['major']}.{found['minor']}", *major, "latest"]


def _safe(name: str) -> str:
    made = tag(name)
    if not made:
        raise UsageError(f"the ref {name!r} leaves nothing that an image tag may hold. Rename the branch or tag.")
    return made


def moving(name: str) -> bool:
    """Whether a tag moves from image to image: such a one never goes back to an older commit."""
    return not name.startswith("sha-") and not re.fullmatch(r"\d+\.\d+\.\d+.*", name)
