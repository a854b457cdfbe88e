"""All that knows that we are on a GitHub runner. Nothing else reads GITHUB_* variables."""

import getpass
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from slipway.errors import UsageError

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
    sha: str  # of the commit that runs: for a pull request the merge commit, for a tag the commit that it names
    default_branch: str  # empty: unknown
    head_sha: str  # of the pull request's own branch; otherwise `sha`; empty: unknown
    number: int  # of the pull request; otherwise 0
    fork: bool  # the pull request comes from another repository, or does not say from where
    private: bool | None = None  # None: unknown

    @property
    def of_default_branch(self) -> bool:
        """Whether what the default branch holds is run, and not a proposal (pull_request_target has its ref)."""
        events = ("push", "schedule", "workflow_dispatch", "repository_dispatch")
        return self.name in events and bool(self.default_branch) and self.ref == f"refs/heads/{self.default_branch}"

    @property
    def of_pull_request(self) -> bool:
        """Whether a pull request made the workflow run."""
        return self.name.startswith("pull_request")

    @property
    def of_merge_queue(self) -> bool:
        """Whether a merge queue asks if its changes may be merged: a proposal, like a pull request."""
        return self.name == "merge_group"


Attest = Literal["yes", "try", "no"]


def attesting(wanted: str, private: bool | None) -> Attest:
    """Decide whether what is published is attested. `try`: GitHub may refuse, and the run goes on.

    GitHub signs for public repositories on every plan, for private ones on Enterprise Cloud alone
    (https://docs.github.com/en/actions/concepts/security/artifact-attestations).

    Args:
        wanted: auto, always or never.
        private: None where the event does not say: those of a schedule name no repository.

    Raises:
        UsageError: `wanted` is another word.
    """
    if wanted not in ("auto", "always", "never"):
        raise UsageError(f"provenance: {wanted!r} is not one of: auto, always, never.")
    if wanted != "auto":
        return "yes" if wanted == "always" else "no"
    return "try" if private is None else "no" if private else "yes"


def take_token() -> dict[str, str]:
    """The token that a step has for `gh`, out of the environment: a project's compose file could name it there."""
    return {name: os.environ.pop(name) for name in ("GH_TOKEN", JOB_TOKEN) if on_runner() and name in os.environ}


def attempt() -> str:
    """What no other attempt of any run is called."""
    return f"{os.environ.get('GITHUB_RUN_ID', '0')}-{os.environ.get('GITHUB_RUN_ATTEMPT', '0')}"


def run_attempt() -> str:
    """Return which attempt of this run it is: 1, and one more each time that somebody re-runs it."""
    return os.environ.get("GITHUB_RUN_ATTEMPT", "1")


def event() -> Event:
    """Return the event of this run. What its payload does not say is unknown, and never assumed."""
    payload = _payload()
    name, ref = os.environ.get("GITHUB_EVENT_NAME", ""), os.environ.get("GITHUB_REF", "")
    repository, sha = os.environ.get("GITHUB_REPOSITORY", ""), os.environ.get("GITHUB_SHA", "")
    pulled, head = name.startswith("pull_request"), sha
    if name == "push" and ref.startswith("refs/tags/"):
        # An annotated tag is an object of its own, and not the commit that it names.
        head = _text(payload, "head_commit", "id")
        sha = head or sha
    private = _at(payload, "repository", "private")
    return Event(
        name=name,
        repository=repository,
        ref=ref,
        sha=sha,
        # A schedule has no repository in its payload; it runs on the default branch alone.
        default_branch=_text(payload, "repository", "default_branch")
        or (ref.removeprefix("refs/heads/") if name == "schedule" else ""),
        head_sha=_text(payload, "pull_request", "head", "sha") if pulled else head,
        number=_number(payload, ref) if pulled else 0,
        fork=pulled and _text(payload, "pull_request", "head", "repo", "full_name") != repository,
        private=private if isinstance(private, bool) else None,
    )


def _number(payload: dict[str, Any], ref: str) -> int:
    """Return the number of the pull request; 0 where neither the payload nor the ref names it."""
    said = _at(payload, "pull_request", "number") or _at(payload, "number")
    found = re.fullmatch(r"refs/pull/(\d+)/\w+", ref)
    return said if isinstance(said, int) else int(found[1]) if found else 0


def _text(payload: dict[str, Any], *keys: str) -> str:
    found = _at(payload, *keys)
    return found if isinstance(found, str) else ""


def _at(payload: Any, *keys: str) -> Any:
    for key in keys:
        payload = payload.get(key) if isinstance(payload, dict) else None
    return payload


def actor() -> str:
    """Who made this run: the account on GitHub, or the user here."""
    if on_runner():
        return os.environ.get("GITHUB_ACTOR", "")
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a uid without a name
        return str(os.getuid())


def without_secrets(event: Event) -> bool:
    """Whether GitHub gives a run no secrets of the repository: that of a fork, or one that Dependabot caused.

    https://docs.github.com/en/code-security/reference/supply-chain-security/dependabot-on-actions
    """
    return event.of_pull_request and (event.fork or actor() == "dependabot[bot]")


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
