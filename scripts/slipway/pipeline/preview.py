"""A pull request's preview: taken away when it is closed, and the one comment that says where it is."""

from pathlib import Path

from slipway import config, github
from slipway.deploy import record
from slipway.deploy.preview import Preview
from slipway.deploy.record import Record
from slipway.errors import UsageError
from slipway.pipeline.standing import placed
from slipway.stages.base import Delivery
from slipway.stages.place import shown
from slipway.tools.gh import NotGranted, api

REMOVED, NONE = "removed", "nothing to remove"
NEEDS = "pull-requests: write"
BOT = "github-actions[bot]"  # whom a job's token writes as
PAGE = 100  # comments of one answer, the most that GitHub gives


async def remove(root: Path, settings: config.Settings, environment: str | None, delivery: Delivery) -> str:
    """Delete the preview, if there is one; says whether there was, and records it.

    Raises:
        SlipwayError: the platform refuses.
    """
    async with placed(root, settings, environment, delivery) as (context, target):
        assert isinstance(target, Preview)
        result = REMOVED if await target.remove() else NONE
        name, table = settings.environment(environment)
        place, by = shown(name, delivery.preview), github.actor()
        record.append(context.state, Record(record.now(), place, table.target, "", "", result, "", "", by))
        return result


async def comment(repository: str, number: int, one: Record, body: str) -> str:
    """Have one comment on a pull request about a preview, the last thing that happened to it; says what was done.

    Args:
        body: Markdown; the mark by which the comment is found again is added.

    Raises:
        UsageError: this is no pull request.
        NotReady: GitHub refuses for another reason than that the job was not granted it.
    """
    if not number:
        raise UsageError("only a pull request has a comment about its preview. Run this step on `pull_request`.")
    if one.result == NONE:
        return "no preview, no comment"
    issues, mark = f"repos/{repository}/issues", f"<!-- slipway-preview {one.environment} -->"
    try:
        found = await _ours(f"{issues}/{number}/comments", mark)
        way = ("PATCH", f"{issues}/comments/{found}") if found else ("POST", f"{issues}/{number}/comments")
        await api(*way, {"body": f"{mark}\n{body}"}, needs=NEEDS)
    except NotGranted:
        return f"no comment: the job is not granted `{NEEDS}`"
    return f"{'brought the comment up to date' if found else 'commented'} on #{number}"


async def _ours(comments: str, mark: str) -> int:
    """The id of our comment; 0 where there is none. One that somebody else began with the same mark is not ours."""
    for page in range(1, 100):
        listed = await api("GET", f"{comments}?per_page={PAGE}&page={page}", needs=NEEDS)
        for one in listed:
            if one["body"].startswith(mark) and (one.get("user") or {}).get("login") == BOT:
                return int(one["id"])
        if len(listed) < PAGE:
            break
    return 0
