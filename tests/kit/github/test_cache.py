"""Who may read and write the layer cache."""

from pathlib import Path

import pytest

from slipway.errors import UsageError
from slipway.github import Event
from slipway.github.cache import decide


def event(name: str, ref: str) -> Event:
    """An event of a repository whose default branch is main."""
    return Event(name, "acme/shop", ref, "a" * 40, "main", "a" * 40, 0, False)


@pytest.mark.parametrize(
    ("policy", "name", "ref", "restore", "save"),
    [
        ("auto", "push", "refs/heads/main", True, True),
        ("auto", "push", "refs/heads/feature", True, False),
        ("auto", "pull_request", "refs/pull/7/merge", True, False),
        ("auto", "pull_request", "refs/heads/main", True, False),
        ("auto", "push", "refs/tags/v1.0.0", False, False),
        ("read-only", "push", "refs/heads/main", True, False),
        ("off", "push", "refs/heads/main", False, False),
    ],
)
def test_the_policy(policy: str, name: str, ref: str, restore: bool, save: bool, tmp_path: Path) -> None:
    found = decide(policy, event(name, ref), tmp_path, [], "x86_64")
    assert (found.restore, found.save) == (restore, save)


def test_the_key_follows_dependencies_and_architecture_not_the_source(tmp_path: Path) -> None:
    def key(architecture: str = "x86_64") -> str:
        return decide("auto", event("push", "refs/heads/main"), tmp_path, [tmp_path / "Dockerfile"], architecture).key

    (tmp_path / "uv.lock").write_text("a")
    first = key()
    (tmp_path / "app.py").write_text("changed")
    assert key() == first != key("aarch64")
    (tmp_path / "uv.lock").write_text("b")
    second = key()
    (tmp_path / "Dockerfile").write_text("FROM x")
    assert len({first, second, key()}) == 3


def test_an_unknown_policy_is_an_error() -> None:
    with pytest.raises(UsageError, match="cache: 'always' is not one of: auto, read-only, off"):
        decide("always", event("push", "refs/heads/main"), Path(), [], "x86_64")
