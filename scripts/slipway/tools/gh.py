"""GitHub's API by the `gh` command, with the token of the job, which it takes from GH_TOKEN."""

import json
import re
from collections.abc import Mapping
from typing import Any

from slipway.errors import NotReady
from slipway.tools import process

DENIED = "Resource not accessible by integration"  # what GitHub says to a token that lacks a permission


class NotGranted(NotReady):
    """The job's token lacks a permission."""


async def api(
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    needs: str,
    fine: int = 0,
    environment: Mapping[str, str] | None = None,
) -> Any:
    """What GitHub answers to one request.

    Args:
        body: sent as JSON.
        needs: the permission of a job's token that the request takes, such as `issues: write`.
        fine: a status that is no error; the answer is then None.
        environment: variables for `gh` alone, such as its token.

    Raises:
        NotGranted: the job's token lacks that permission.
        NotReady: `gh` is not here, or GitHub refuses.
    """
    sent = [] if body is None else ["--input", "-"]
    stdin = None if body is None else json.dumps(body)
    try:
        command = ("gh", "api", "--method", method, path, *sent)
        done = await process.run(*command, timeout=60, stdin=stdin, env=environment)
    except FileNotFoundError as error:
        raise NotReady("no `gh` on PATH. GitHub's own runners have it; install it on yours.") from error
    if done.ok:
        try:
            return json.loads(done.out or "null")
        except ValueError as error:
            raise NotReady(f"gh api {method} {path.partition('?')[0]} does not answer JSON. Try again.") from error
    if (status := re.search(r"\(HTTP (\d+)\)", done.err)) and int(status[1]) == fine:
        return None
    what = f"gh api {method} {path.partition('?')[0]}: {done.last_line()}"
    if DENIED in done.err:
        raise NotGranted(
            f"{what}. The job's token lacks `{needs}`: write it under `permissions:` of the job that calls."
        )
    raise NotReady(what)
