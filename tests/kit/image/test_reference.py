"""Names of images, made of and refused for text from outside."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.errors import UsageError
from slipway.image.reference import Repository, repository, short, slug, tag

# The distribution specification's grammar, written down here a second time.
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
COMPONENT = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*")
HOSTILE = [
    "a$(touch${IFS}pwned)", "feature/x y", "../../etc/passwd", "-rf", "--help", ".hidden", "ünïcödé", "名前",
    "a\nb", "a\0b", "refs/heads/x'; DROP", "`id`", "v1.2.3+build", "A" * 300, "", " ", "\u202eevil", "a:b@c", "%2e%2e",
]  # fmt: skip
TEXT = st.text(max_size=200) | st.sampled_from(HOSTILE)


@given(TEXT)
def test_a_tag_is_a_tag_or_nothing(text: str) -> None:
    made = tag(text)
    assert made == "" or TAG.fullmatch(made)
    assert tag(made) == made


@given(TEXT)
def test_a_slug_is_a_path_component_and_a_project_name(text: str) -> None:
    made = slug(text)
    assert COMPONENT.fullmatch(made)
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", made), "compose refuses other project names"
    assert len(made) <= 60
    assert slug(made) == made


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("main", "main"),
        ("feature/login", "feature-login"),
        ("v1.2.3", "v1.2.3"),
        ("-x", "x"),
        ("a$(b)", "a-b-"),
        ("/", ""),
    ],
)
def test_tags_people_will_see(text: str, made: str) -> None:
    assert tag(text) == made


@pytest.mark.parametrize(
    ("text", "made"),
    [("My Shop", "my-shop"), ("shop_2", "shop-2"), ("--", "app"), ("日本", "app"), ("a" * 99, "a" * 60)],
)
def test_slugs_people_will_see(text: str, made: str) -> None:
    assert slug(text) == made


@pytest.mark.parametrize(
    "name",
    [
        "ghcr.io/acme/shop", "localhost:5001/shop", "localhost/shop", "127.0.0.1:5001/a/b/c", "[::1]:5001/shop",
        "registry.example.com:443/team_a/shop__x/y.z", "a.b/c--d",
    ],
)  # fmt: skip
def test_a_repository(name: str) -> None:
    read = repository(name)
    assert str(read) == name
    assert read.tagged("v1") == f"{name}:v1"
    assert read.at("sha256:abc") == f"{name}@sha256:abc"


def test_capitals_become_small() -> None:
    """As in `ghcr.io/${{ github.repository }}`: no registry takes them."""
    assert str(repository("ghcr.io/Acme/Shop")) == "ghcr.io/acme/shop"


@pytest.mark.parametrize(
    "name",
    [
        "shop", "acme/shop", "ghcr.io/", "ghcr.io/acme/sh op", "ghcr.io/acme/shop:v1", "ghcr.io/acme/shop@sha256:ab",
        "../etc/passwd", "-x.io/shop", "ghcr.io//shop", "ghcr.io/acme/", "https://ghcr.io/acme/shop", "ghcr.io/a b",
        "ghcr.io/acme/shop\n", "ghcr..io/shop", "ghcr.io:/shop", "ghcr.io:123456/shop", "ghcr.io/$(id)", "",
        "ghcr.io/" + "a" * 255,
    ],
)  # fmt: skip
def test_what_is_no_repository(name: str) -> None:
    with pytest.raises(UsageError, match=r"image name .*(Write it whole|Use letters)"):
        repository(name)


@given(TEXT | st.from_regex(r"[a-z.:-]{1,8}/[a-zA-Z._/-]{1,12}", fullmatch=True))
def test_any_text_is_a_repository_or_a_usage_error(text: str) -> None:
    try:
        read = repository(text)
    except UsageError:
        return
    assert str(read) == text.lower()
    assert all(COMPONENT.fullmatch(part) for part in read.path.split("/"))
    assert re.fullmatch(r"[A-Za-z0-9.-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?", read.host)
    assert not read.host.startswith(("-", "."))


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost:5001", True), ("localhost", True), ("127.0.0.1:5001", True), ("[::1]:5001", True), ("[::1]", True),
        ("ghcr.io", False), ("localhost.evil.example:5001", False), ("127.0.0.1.evil.example", False),
        ("evil.example:5001", False), ("127.0.0.2:5001", False), ("[::2]:5001", False),
    ],
)  # fmt: skip
def test_what_is_on_this_machine(host: str, here: bool) -> None:
    """A degraded run may push there and nowhere else: a name that only looks like it must not do."""
    assert Repository(host, "shop").loopback is here


def test_a_digest_as_people_read_it() -> None:
    digest = "sha256:9d2e" + "0" * 56 + "c285"
    assert short(digest) == "sha256:9d2e…c285"
    assert short("not a digest") == "not a digest"
    assert short(digest + "0") == digest + "0"
