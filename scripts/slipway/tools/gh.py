"""The `gh` command: GitHub's API with the token of the job, which it takes from GH_TOKEN."""

from slipway.errors import NotReady
from slipway.tools import process


async def gh(*args: str, stdin: str | None = None) -> str:
    """What the command says.

    Raises:
        NotReady: it is not here, or GitHub refuses.
    """
    try:
        done = await process.run("gh", *args, timeout=60, stdin=stdin)
    except FileNotFoundError as error:
        raise NotReady("no `gh` on PATH. GitHub's own runners have it; install it on yours.") from error
    if not done.ok:
        raise NotReady(f"gh {args[0]} {args[1]}: {done.last_line()}")
    return done.out
