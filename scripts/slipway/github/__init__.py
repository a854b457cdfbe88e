"""All that knows that we are on a GitHub runner. Nothing else reads GITHUB_* variables."""

import getpass
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

JOB_TOKEN = "GITHUB_TOKEN"  # the secret that every job has without anybody making it


def on_runner() -> bool:
    """Whether a workflow runs us. Never decided by `isatty`: some executors give steps a terminal."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def hosted() -> bool:
    """Return whether GitHub runs this machine. Slipway changes no other runner."""
    return on_runner() and os.environ.get("RUNNER_ENVIRONMENT") == "github-hosted"


@dataclass(frozen=True)
class Event:
    """What made the workflow run. All of it is text from outside: data, never part of a script or a path."""

    name: str  # push, pull_request, workflow_dispatch …
    repository: str  # owner/name
    ref: str  # refs/heads/main, refs/pull/7/merge, refs/tags/v1.2.3
    sha: str  # of the ref: for a pull request the merge commit
    default_branch: str
    head_sha: str  # of the pull request's own branch; else `sha`
    number: int  # of the pull request; else 0
    fork: bool  # the pull request comes from another repository

    @property
    def of_default_branch(self) -> bool:
        """Whether what the default branch holds is run, and not a proposal (pull_request_target has its ref)."""
        events = ("push", "schedule", "workflow_dispatch")
        return self.name in events and self.ref == f"refs/heads/{self.default_branch}"


def attestable(wanted: str) -> bool:
    """Whether artifacts of this repository are to be attested (auto, always, never).

    GitHub signs for public repositories on every plan, for private ones on Enterprise Cloud alone
    (https://docs.github.com/en/actions/concepts/security/artifact-attestations).
    """
    private = bool((_payload().get("repository") or {}).get("private"))
    return wanted == "always" or (wanted == "auto" and not private)


def take_token() -> dict[str, str]:
    """The token that a step has for `gh`, out of the environment: a project's compose file could name it there."""
    return {name: os.environ.pop(name) for name in ("GH_TOKEN", JOB_TOKEN) if on_runner() and name in os.environ}


def attempt() -> str:
    """What no other attempt of any run is called."""
    return f"{os.environ.get('GITHUB_RUN_ID', '0')}-{os.environ.get('GITHUB_RUN_ATTEMPT', '0')}"


def event() -> Event:
    """The event of this run, from its payload."""
    payload = _payload()
    pull = payload.get("pull_request") or {}
    head, repository = pull.get("head") or {}, payload.get("repository") or {}
    name = os.environ.get("GITHUB_REPOSITORY", "")
    sha = os.environ.get("GITHUB_SHA", "")
    return Event(
        name=os.environ.get("GITHUB_EVENT_NAME", ""),
        repository=name,
        ref=os.environ.get("GITHUB_REF", ""),
        sha=sha,
        default_branch=str(repository.get("default_branch") or "main"),
        head_sha=str(head.get("sha") or sha),
        number=int(pull.get("number") or payload.get("number") or 0) if pull else 0,
        fork=bool(pull) and (head.get("repo") or {}).get("full_name") != name,
    )


def actor() -> str:
    """Who made this run: the account on GitHub, or the user here."""
    if on_runner():
        return os.environ.get("GITHUB_ACTOR", "")
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a uid without a name
        return str(os.getuid())


def run_url() -> str:
    """Where people see this run; empty elsewhere."""
    where = [os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    return "{}/{}/actions/runs/{}".format(*where) if all(where) else ""


def _payload() -> dict[str, Any]:
    try:
        content = json.loads(Path(os.environ.get("GITHUB_EVENT_PATH", "")).read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
