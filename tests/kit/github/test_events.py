"""Each event that starts a workflow, as GitHub words it, and all that the kit decides by it.

What a payload does not say is unknown: no key that is missing ends in a traceback, gives a right or makes a private
repository a public one.
"""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from workflows.harness import events

from slipway import cli, github
from slipway.errors import UsageError
from slipway.github import Event, artifacts, cache, tags

SHA, HEAD, TAG_OBJECT = "a" * 40, "b" * 40, "e" * 40


class Case(NamedTuple):
    """An event, the ref and commit that GitHub gives it, and what follows."""

    event: str
    ref: str
    payload: dict[str, Any]
    uploads: tuple[bool, bool]  # the image: by `auto`, by `always`
    attest: str  # by `auto`
    tags: list[str] | None  # None: nothing is published
    own: bool = False  # of the default branch
    sha: str = SHA


def private(payload: dict[str, Any]) -> dict[str, Any]:
    payload["repository"]["private"] = True
    return payload


QUEUE = events.merge_group(SHA)
MAIN, PULL = ["main", "latest", "sha-aaaaaaa"], ["pr-7", "pr-7-sha-bbbbbbb"]
VERSION = ["1.2.3", "1.2", "1", "latest", "sha-aaaaaaa"]
PULL_REF = "refs/pull/7/merge"
CASES = {
    "push": Case("push", "refs/heads/main", events.push(SHA), (True, True), "yes", MAIN, own=True),
    "branch": Case("push", "refs/heads/x", events.push(SHA, "refs/heads/x"), (False, True), "yes", ["x", MAIN[-1]]),
    "private": Case("push", "refs/heads/main", private(events.push(SHA)), (True, True), "no", MAIN, own=True),
    "schedule": Case("schedule", "refs/heads/trunk", events.schedule(), (True, True), "try",
                     ["trunk", "latest", "sha-aaaaaaa"], own=True),
    "dispatch": Case("workflow_dispatch", "refs/heads/main", events.dispatch(), (True, True), "yes", MAIN, own=True),
    "from outside": Case("repository_dispatch", "refs/heads/main", events.dispatch(), (True, True), "yes", MAIN,
                         own=True),
    "pull request": Case("pull_request", PULL_REF, events.pull_request(HEAD), (False, True), "yes", PULL),
    "fork": Case("pull_request", PULL_REF, events.pull_request(HEAD, fork=True), (False, False), "yes", PULL),
    "target": Case("pull_request_target", "refs/heads/main", events.pull_request(HEAD), (False, True), "yes", PULL),
    "merge queue": Case("merge_group", QUEUE["ref"], QUEUE, (False, False), "yes", None),
    "tag": Case("push", "refs/tags/v1.2.3", events.push(SHA, "refs/tags/v1.2.3"), (False, True), "yes", VERSION),
    "annotated tag": Case("push", "refs/tags/v1.2.3", events.annotated_tag(SHA), (False, True), "yes", VERSION,
                          sha=TAG_OBJECT),
}  # fmt: skip
Start = Callable[..., Event]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    return starter(tmp_path, monkeypatch)


def starter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Gives the process what a runner gives a step of this event; returns what the kit makes of it."""

    def with_(case: Case, payload: object = None) -> Event:
        file = folder / "event.json"
        file.write_text(json.dumps(case.payload if payload is None else payload))
        given = {"NAME": case.event, "PATH": str(file)}
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        for name, value in {f"EVENT_{k}": v for k, v in given.items()}.items():
            monkeypatch.setenv(f"GITHUB_{name}", value)
        for name, value in {"REPOSITORY": "acme/shop", "REF": case.ref, "SHA": case.sha, "ACTOR": "dev"}.items():
            monkeypatch.setenv(f"GITHUB_{name}", value)
        return github.event()

    return with_


@pytest.mark.parametrize("name", CASES)
def test_what_follows_from_an_event(start: Start, name: str) -> None:
    case = CASES[name]
    event = start(case)
    assert event.of_default_branch is case.own
    assert tuple(artifacts.uploads_image(word, event) for word in ("auto", "always")) == case.uploads
    assert not artifacts.uploads_image("never", event)
    assert github.attesting("auto", event.private) == case.attest
    if case.tags is None:
        with pytest.raises(UsageError, match=r"merge queue publishes nothing(.|\n)*github\.event_name == 'push'"):
            tags.wanted(event)
    else:
        assert tags.wanted(event) == case.tags
    layers = cache.decide("auto", event, Path(), [], "shop")
    assert layers.save is (case.own and case.event == "push")
    assert layers.restore is not case.ref.startswith("refs/tags/")


def without(payload: Any, path: tuple[str, ...]) -> Any:
    """The payload less one key."""
    less = copy.deepcopy(payload)
    at = less
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    return less


def paths(payload: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of a payload."""
    for key, value in payload.items() if isinstance(payload, dict) else ():
        yield (*before, key)
        yield from paths(value, (*before, key))


MISSING = [(name, path) for name, case in CASES.items() for path in paths(case.payload)]


@pytest.mark.parametrize(("name", "path"), MISSING, ids=[f"{name}: {'.'.join(path)}" for name, path in MISSING])
def test_a_payload_without_one_of_its_keys(start: Start, name: str, path: tuple[str, ...]) -> None:
    case = CASES[name]
    no_more_than(start(case, without(case.payload, path)), start(case))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@given(name=st.sampled_from(sorted(CASES)), data=st.data())
def test_a_payload_with_anything_in_the_place_of_a_key(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    case = CASES[name]
    path = data.draw(st.sampled_from([(), *paths(case.payload)]))
    junk = data.draw(JUNK)
    payload = copy.deepcopy(case.payload)
    at = payload
    for key in path[:-1]:
        at = at[key]
    if path:
        at[path[-1]] = junk
    with pytest.MonkeyPatch.context() as patch:
        begin = starter(tmp_path_factory.mktemp("junk"), patch)
        whole = begin(case)
        found = begin(case, payload if path else junk)
        readers(found)
        assert found.private is not False or whole.private is False or junk is False


def readers(event: Event) -> list[str]:
    """All that reads an event; the tags, where there are any."""
    artifacts.uploads_image("auto", event)
    cache.decide("auto", event, Path(), [], "shop")
    cache.baseline(event, "shop", "1")
    github.attesting("auto", event.private)
    github.without_secrets(event)
    try:
        return tags.wanted(event)
    except UsageError:
        return []


def no_more_than(less: Event, whole: Event) -> None:
    """What an event that says less may do: at most what the whole one may."""
    made = set(readers(less))
    fixed = {tag for tag in made if not tags.moving(tag)}
    assert fixed <= set(readers(whole)), "no other commit and no other version"
    assert "latest" not in made or "latest" in readers(whole)
    for word in ("auto", "always"):
        assert artifacts.uploads_image(word, less) <= artifacts.uploads_image(word, whole)
    assert less.of_default_branch <= whole.of_default_branch
    assert less.private is None or less.private == whole.private, "what is not said is not known"
    assert less.fork or not whole.fork


def test_a_payload_that_is_no_json(start: Start, tmp_path: Path) -> None:
    event = start(CASES["push"], "text")
    assert (event.private, event.default_branch, event.of_default_branch) == (None, "", False)
    (tmp_path / "event.json").write_text("{")
    assert github.event().private is None


@pytest.mark.parametrize("word", ["sometimes", "", "Always"])
def test_words_that_mean_nothing(start: Start, word: str) -> None:
    with pytest.raises(UsageError, match=r"provenance: .* is not one of: auto, always, never"):
        github.attesting(word, None)
    with pytest.raises(UsageError, match=r"upload-image: .* is not one of: auto, always, never"):
        artifacts.uploads_image(word, start(CASES["push"]))


def test_who_gets_no_secrets(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    assert github.without_secrets(start(CASES["fork"]))
    pull = start(CASES["pull request"])
    assert not github.without_secrets(pull)
    monkeypatch.setenv("GITHUB_ACTOR", "dependabot[bot]")
    assert github.without_secrets(pull) and not github.without_secrets(start(CASES["push"]))


def test_a_preview_for_dependabot_is_left_out(start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    start(CASES["pull request"])
    out = tmp_path / "out"
    monkeypatch.setenv("GITHUB_ACTOR", "dependabot[bot]")
    monkeypatch.setenv("GITHUB_OUTPUT", str(out))
    (tmp_path / "slipway.toml").write_text('[deploy.staging]\ntarget = "render"\nservice = "srv-1"\n')
    words = ["preview", "staging", f"ghcr.io/acme/shop@sha256:{'7' * 64}", "-C", str(tmp_path)]
    done = CliRunner().invoke(cli.main, words)
    assert done.exit_code == 0, done.output
    assert "::notice title=preview::No preview: this run gets no secrets" in done.output
    assert "skipped" in out.read_text()
    monkeypatch.setenv("GITHUB_ACTOR", "dev")
    done = CliRunner().invoke(cli.main, words)
    assert done.exit_code != 0 and "No preview" not in done.output, "nobody else is passed over"
