"""A job's token, as the fakes see it: it carries the permissions that the job's YAML grants, and nothing allows more.

Standard library only: the stand-ins of actions run this file in bare Python.
"""

import base64
import json

PREFIX = "ghs_"
LEVELS = {"none": 0, "read": 1, "write": 2}


def make(permissions: dict[str, str], repository: str = "") -> str:
    """The token of a job with these permissions."""
    body = json.dumps({"repository": repository, "permissions": permissions}, sort_keys=True).encode()
    return PREFIX + base64.urlsafe_b64encode(body).decode().rstrip("=")


def permissions(token: str) -> dict[str, str] | None:
    """What a token grants; None for one that is not ours."""
    if not token.startswith(PREFIX):
        return None
    try:
        body = token.removeprefix(PREFIX)
        return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["permissions"]
    except (ValueError, KeyError, TypeError):
        return None


def allows(token: str, scope: str, level: str) -> bool:
    """Whether a token grants a scope at a level."""
    granted = (permissions(token) or {}).get(scope, "none")
    return LEVELS[granted] >= LEVELS[level]
