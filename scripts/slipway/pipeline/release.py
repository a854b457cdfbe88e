"""A version of the kit itself: whether it may be released, and the tag of its major version, which moves with it."""

import re
from dataclasses import dataclass

from slipway.errors import NotReady, SlipwayError
from slipway.tools.gh import api

SELFTEST = "selftest.yml"
_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


async def proven(repository: str, commit: str) -> str:
    """The run of the self-test that was green for a commit.

    Raises:
        SlipwayError: there is none, so what only GitHub can show was not seen for this commit.
    """
    query = f"head_sha={commit}&status=success&per_page=100"
    runs = f"repos/{repository}/actions/workflows/{SELFTEST}/runs?{query}"
    found = await api("GET", runs, needs="actions: read")
    for run in found["workflow_runs"]:
        # Looked at again: a filter that GitHub did not understand would let any run through.
        if run["head_sha"] == commit and run["status"] == "completed" and run["conclusion"] == "success":
            return str(run["html_url"])
    raise SlipwayError(
        f"the self-test was never green for {commit}, so nothing is released. Run it on a branch that ends in this "
        f"commit (gh workflow run {SELFTEST} --ref BRANCH), wait for green, then re-run this."
    )


async def drafts(repository: str, tag: str) -> list[int]:
    """Delete the drafts of a release that earlier attempts left behind, and return their ids.

    `gh release create` makes another draft beside one of the same tag.

    Raises:
        SlipwayError: the version is released already, or GitHub refuses.
    """
    listed = await api("GET", f"repos/{repository}/releases?per_page=100", needs="contents: write")
    found = [release for release in listed if release["tag_name"] == tag]
    if published := [release["html_url"] for release in found if not release["draft"]]:
        raise SlipwayError(f"{tag} is released already: {published[0]}. A version never changes: raise it.")
    for release in found:
        await api("DELETE", f"repos/{repository}/releases/{release['id']}", needs="contents: write")
    return [release["id"] for release in found]


@dataclass(frozen=True)
class Major:
    """What became of the tag of a major version."""

    says: str
    refused: bool = False  # GitHub does not let this token move it


async def move_major(repository: str, tag: str, commit: str) -> Major:
    """Put `v1` on the commit of `v1.2.3`, or make it there. It never goes back to a lower version.

    A job's token may not move a tag to a commit whose workflow files differ from the default branch's: that takes the
    permission `workflows`, which it cannot be granted (https://github.com/cloudposse/atmos/issues/2962).

    Raises:
        SlipwayError: the tag is no version, or GitHub does not answer.
    """
    ours = _VERSION.fullmatch(tag)
    if not ours:
        raise SlipwayError(f"the tag {tag!r} is no version such as v1.2.3.")
    major, refs = f"v{ours[1]}", f"repos/{repository}/git/refs"
    # All whose names begin so: one question tells whether v1 is there, and whether a higher version is.
    matching = await api("GET", f"repos/{repository}/git/matching-refs/tags/{major}", needs="contents: read")
    names = {ref["ref"].removeprefix("refs/tags/") for ref in matching}
    versions = [found for found in map(_VERSION.fullmatch, names) if found and found[1] == ours[1]]
    highest = max([ours, *versions], key=lambda found: [int(number) for number in found.groups()])
    if highest[0] != tag:
        return Major(f"{major} stays: {highest[0]} is higher than {tag}")
    try:
        if major in names:
            await api("PATCH", f"{refs}/tags/{major}", {"sha": commit, "force": True}, needs="contents: write")
            return Major(f"{major} moved to {tag}")
        await api("POST", refs, {"ref": f"refs/tags/{major}", "sha": commit}, needs="contents: write")
        return Major(f"{major} made at {tag}")
    except NotReady as refusal:
        by_hand = f"git tag --force {major} {tag} && git push --force origin refs/tags/{major}"
        return Major(f"{tag} is released, and {major} was not moved: {refusal} By hand, in a clone: {by_hand}", True)
