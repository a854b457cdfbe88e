"""daemon.json with the containerd image store switched on: what is kept, and what is refused with its line."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from machine import daemon
from machine.say import NotReady

VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=8,
)
SETTINGS = some.dictionaries(some.text(), VALUES).filter(lambda found: not {"features", "storage-driver"} & set(found))
FEATURES = some.dictionaries(some.text().filter(lambda name: name != daemon.FEATURE), some.booleans())


@given(SETTINGS, some.none() | FEATURES, some.booleans(), some.sampled_from([None, 4]))
def test_everything_else_is_kept(
    settings: dict[str, Any], features: dict[str, bool] | None, on: bool, indent: int | None
) -> None:
    before = dict(settings)
    if features is not None:
        before["features"] = features | ({daemon.FEATURE: True} if on else {})
    after = json.loads(daemon.merged(json.dumps(before, indent=indent).encode()))
    assert after.pop("features") == {**(features or {}), daemon.FEATURE: True}
    assert after == settings


@pytest.mark.parametrize("content", [b"", b" \n", b"{}", b"\xef\xbb\xbf{}", "{}".encode("utf-16")])
def test_a_file_without_settings(content: bytes) -> None:
    """dockerd reads each of these: nothing at all, and any Unicode encoding."""
    assert json.loads(daemon.merged(content)) == daemon.STORE_ON


REFUSED = {
    "no JSON": (
        '{\n  "debug": true\n  "mtu": 1400\n}',
        r"daemon\.json:3 is not JSON \(.+\), so that Docker could not start again",
    ),
    "no text": (b"\xff\xfe\x00", r"daemon\.json is not JSON \("),
    "a list": ("[]", r"daemon\.json has another shape than Docker reads"),
    "features are a list": ('{"features": []}', r"daemon\.json has another shape than Docker reads"),
    "off": (
        '{\n  "debug": true,\n  "features": {\n    "containerd-snapshotter": false\n  }\n}',
        r"daemon\.json:4 switches the containerd image store off, which Slipway needs",
    ),
    "off by a null": ('{"features": {"containerd-snapshotter": null}}', r"daemon\.json:1 switches .+ off"),
    "a driver of the old store": (
        '{\n  "storage-driver": "overlay2"\n}',
        r"daemon\.json:2 chooses a driver of the old image store",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_rules_the_store_out_is_refused(what: str) -> None:
    content, said = REFUSED[what]
    with pytest.raises(NotReady, match=said) as caught:
        daemon.merged(content if isinstance(content, bytes) else content.encode())
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("what", ["off", "a list", "no JSON"])
def test_the_fix_that_the_refusal_names_works(what: str) -> None:
    content = REFUSED[what][0]
    with pytest.raises(NotReady) as caught:
        daemon.merged(str(content).encode())
    named = str(caught.value).partition("must hold ")[2].partition(" beside")[0]
    assert json.loads(daemon.merged(named.encode())) == json.loads(named)
