"""A deploy in GitHub's own list of deployments, with what our record says of it as its payload."""

from slipway.deploy.record import Record
from slipway.tools.gh import NotGranted, api

NEEDS = "deployments: write"
GREEN = ("live", "unchanged")


async def keep(repository: str, sha: str, one: Record, run: str) -> str:
    """Tell GitHub of a deploy; says what was done.

    Args:
        run: address of the workflow run.

    Raises:
        NotReady: GitHub refuses for another reason than that the job was not granted it.
    """
    payload = {
        "image": one.reference, "previous": one.previous, "result": one.result, "version": one.version,
        "provenance": one.provenance, "target": one.target,
    }  # fmt: skip
    body = {
        "ref": sha, "environment": one.environment, "auto_merge": False, "required_contexts": [],
        "description": f"{one.result}: {one.reference.rpartition('@')[2][:19]}", "payload": payload,
    }  # fmt: skip
    try:
        made = await api("POST", f"repos/{repository}/deployments", body, needs=NEEDS)
    except NotGranted:
        return f"not in GitHub's list of deployments: the job is not granted `{NEEDS}`"
    state = "success" if one.result in GREEN else "failure" if one.sent else "inactive"
    status = {"state": state, "environment_url": one.url, "log_url": run, "description": one.reason[:140]}
    await api("POST", f"repos/{repository}/deployments/{made['id']}/statuses", status, needs=NEEDS)
    return f"deployment {made['id']} of {one.environment}: {state}"
