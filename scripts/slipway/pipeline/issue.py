"""The one issue about what a nightly scan found: opened, brought up to date, closed. By the `gh` command."""

import json

from slipway.tools.gh import gh

LABEL = "slipway-rescan"
TITLE = "The image that runs has findings"


async def keep(repository: str, body: str, *, red: bool) -> str:
    """Have exactly one open issue while a scan is red, and none when it is not; says what was done.

    Raises:
        NotReady: GitHub refuses.
    """
    target = ("--repo", repository)
    listed = await gh("issue", "list", *target, "--label", LABEL, "--state", "open", "--json", "number")
    numbers = sorted(int(issue["number"]) for issue in json.loads(listed or "[]"))
    if not red:
        for number in numbers:
            await gh("issue", "close", str(number), *target, "--comment", "The scan is green again.")
        return f"closed {', '.join(f'#{n}' for n in numbers)}" if numbers else "nothing to close"
    if numbers:
        await gh("issue", "edit", str(numbers[0]), *target, "--body-file", "-", stdin=body)
        return f"brought #{numbers[0]} up to date"
    await gh("label", "create", LABEL, *target, "--force", "--description", "Kept by Slipway's nightly scan")
    await gh("issue", "create", *target, "--title", TITLE, "--label", LABEL, "--body-file", "-", stdin=body)
    return "opened an issue"
