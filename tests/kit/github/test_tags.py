"""The tags of an event, as users of docker/metadata-action expect them; hostile names give a safe tag or an error."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.errors import UsageError
from slipway.github import Event
from slipway.github.tags import moving, wanted

SHA, HEAD = "a" * 40, "b" * 40
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")  # the distribution specification's


def event(ref: str, name: str = "push", number: int = 0) -> Event:
    """An event of a repository whose default branch is main."""
    head = HEAD if number else SHA
    return Event(name, "acme/shop", ref, SHA, "main", head, number, False)


@pytest.mark.parametrize(
    ("ref", "tags"),
    [
        ("refs/heads/main", ["main", "latest"]),
        ("refs/heads/feature/cart", ["feature-cart"]),
        ("refs/tags/v1.2.3", ["1.2.3", "1.2", "1", "latest"]),
        ("refs/tags/1.2.3", ["1.2.3", "1.2", "1", "latest"]),
        ("refs/tags/v0.4.1", ["0.4.1", "0.4", "latest"]),
        ("refs/tags/v2.0.0-rc.1", ["2.0.0-rc.1"]),
        ("refs/tags/v1.2.3+build.5", ["1.2.3", "1.2", "1", "latest"]),
        ("refs/tags/nightly", ["nightly"]),
        ("refs/tags/v01.2.3", ["v01.2.3"]),
        ("refs/heads/a$(touch${IFS}pwned)", ["a-touch-IFS-pwned-"]),
    ],
)
def test_tags_of_branches_and_versions(ref: str, tags: list[str]) -> None:
    assert wanted(event(ref)) == [*tags, "sha-aaaaaaa"]


def test_a_pull_request_has_its_number_and_the_commit_of_its_head_not_of_the_merge() -> None:
    assert wanted(event("refs/pull/7/merge", "pull_request", 7)) == ["pr-7", "pr-7-sha-bbbbbbb"]


def test_a_name_that_leaves_nothing_is_an_error_with_the_fix() -> None:
    with pytest.raises(UsageError, match=r"leaves nothing that an image tag may hold\. Rename"):
        wanted(event("refs/heads/…"))


@given(st.text(min_size=1, max_size=300))
def test_any_name_gives_tags_that_a_registry_takes_or_an_error(name: str) -> None:
    for kind in ("heads", "tags"):
        try:
            tags = wanted(event(f"refs/{kind}/{name}"))
        except UsageError:
            continue
        assert all(TAG.fullmatch(tag) for tag in tags), tags


def test_what_moves_and_what_never_does() -> None:
    assert [t for t in ("main", "latest", "1", "1.2", "pr-7", "1.2.3", "1.2.3-rc.1", "sha-abc") if moving(t)] == [
        "main", "latest", "1", "1.2", "pr-7",
    ]  # fmt: skip
