"""The one issue about what nightly scans found in an environment: opened, brought up to date, closed."""

from slipway.tools.gh import api

LABEL = "slipway-rescan"
TITLE = "The image that runs has findings"
BODY = 60_000  # bytes of a body that are ours to fill; GitHub takes 65,536 characters
READ, WRITE = "issues: read", "issues: write"


async def keep(repository: str, what: str, body: str, *, red: bool) -> str:
    """Have exactly one open issue while a scan is red, and none when it is not; says what was done.

    Args:
        what: an image and where it runs. Without a digest: what runs there tomorrow has another, and the same issue.
            With the environment: one that is green says nothing about another's image.

    Raises:
        NotReady: GitHub refuses.
    """
    issues, title = f"repos/{repository}/issues", f"{TITLE}: {what}"
    # Not `gh issue list --label`: that is a search, whose index lags behind, and an issue would be opened twice.
    listed = await api("GET", f"{issues}?labels={LABEL}&state=open&per_page=100", needs=READ)
    numbers = sorted(int(one["number"]) for one in listed if one["title"] == title and "pull_request" not in one)
    if not red:
        for number in numbers:
            await api("POST", f"{issues}/{number}/comments", {"body": "The scan is green again."}, needs=WRITE)
            await api("PATCH", f"{issues}/{number}", {"state": "closed", "state_reason": "completed"}, needs=WRITE)
        return f"closed {', '.join(f'#{n}' for n in numbers)}" if numbers else "nothing to close"
    if numbers:
        await api("PATCH", f"{issues}/{numbers[0]}", {"body": body}, needs=WRITE)
        return f"brought #{numbers[0]} up to date"
    label = {"name": LABEL, "description": "Kept by Slipway's nightly scan"}
    await api("POST", f"repos/{repository}/labels", label, needs=WRITE, fine=422)  # it is there already
    made = await api("POST", issues, {"title": title, "body": body, "labels": [LABEL]}, needs=WRITE)
    return f"opened #{made['number']}"
