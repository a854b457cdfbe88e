"""Payloads of the events that the workflows are started by, as far as act and the kit read them."""

from typing import Any


def repository(name: str = "acme/shop") -> dict[str, Any]:
    """The repository of a payload."""
    return {"full_name": name, "name": name.partition("/")[2], "default_branch": "main", "private": False}


def push(sha: str, ref: str = "refs/heads/main", name: str = "acme/shop") -> dict[str, Any]:
    """A push of a branch or a tag."""
    return {"ref": ref, "after": sha, "deleted": False, "head_commit": {"id": sha}, "repository": repository(name)}


def pull_request(
    head: str, *, fork: bool = False, number: int = 7, title: str = "t", name: str = "acme/shop"
) -> dict[str, Any]:
    """A pull request; from a fork there are no secrets and the token only reads."""
    source = {"full_name": "stranger/shop" if fork else name, "fork": fork}
    return {
        "number": number,
        "action": "opened",
        "pull_request": {
            "number": number,
            "title": title,
            "head": {"ref": "feature", "sha": head, "repo": source},
            "base": {"ref": "main", "repo": {"full_name": name}},
        },
        "repository": repository(name),
    }


def dispatch(ref: str = "refs/heads/main", name: str = "acme/shop", **inputs: str) -> dict[str, Any]:
    """Somebody pressed the button; act takes booleans as text only."""
    return {"ref": ref, "inputs": inputs, "repository": repository(name)}


def schedule() -> dict[str, Any]:
    """The nightly run. GitHub's payload has no repository, unlike all others; `ref` is for act."""
    return {"schedule": "17 3 * * *", "ref": "refs/heads/main"}


def merge_group(sha: str, name: str = "acme/shop") -> dict[str, Any]:
    """The merge queue asks whether a group of pull requests may be merged."""
    head = f"refs/heads/gh-readonly-queue/main/pr-7-{sha}"
    group = {"head_sha": sha, "head_ref": head, "base_ref": "refs/heads/main", "base_sha": "b" * 40}
    return {"action": "checks_requested", "ref": head, "merge_group": group, "repository": repository(name)}


def annotated_tag(commit: str, tag: str = "v1.2.3", name: str = "acme/shop") -> dict[str, Any]:
    """A push of a tag that is an object of its own: `after` is that object, and the commit stands in `head_commit`."""
    pushed = push("e" * 40, f"refs/tags/{tag}", name)
    return {**pushed, "base_ref": "refs/heads/main", "head_commit": {"id": commit}}
