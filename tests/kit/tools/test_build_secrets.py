"""Secrets of a build: what is read, what is said about a mistake, and that no value is ever shown."""

from pathlib import Path

import pytest

from slipway.errors import NotReady, UsageError
from slipway.tools import build_secrets
from slipway.tools.build_secrets import Secrets, parse, resolve

VALUE = "hunter2-hunter2"


def test_a_value_is_all_that_follows_the_first_equals_sign() -> None:
    assert parse("a=b=c\n\n pip.conf=x y \r\nB-2= z\n") == {"a": "b=c", "pip.conf": "x y ", "B-2": " z"}
    assert parse("") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"a=1\n{VALUE}\n", "line 2 is not name=value"),
        (f"\n\n={VALUE}", "line 3 is not name=value"),
        (f"1a={VALUE}", "line 1 is not name=value"),
        (f"a,src=/etc/passwd={VALUE}", "line 1 is not name=value"),
        (f"a={VALUE}\ntoken=", "line 2: token has no value"),
        (f"a={VALUE}\na=other", "line 2: a is there already"),
    ],
)
def test_a_mistake_names_the_line_and_never_shows_it(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert words in str(caught.value)
    assert VALUE not in str(caught.value)


def test_what_is_handed_over_is_inherited_by_nothing() -> None:
    environ = {"BUILD_SECRETS": f"a={VALUE}", "PATH": "/bin"}
    assert build_secrets.take(environ) == {"a": VALUE}
    assert environ == {"PATH": "/bin"}


def test_it_comes_from_what_is_handed_over_then_the_environment_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://user:pass@example\n")
    environ = {"npm_token": "from the environment", "other": "x"}
    found = resolve(tmp_path, ("npm_token", "pip=pip.conf"), {"extra": "1"}, environ)
    assert dict(found.values) == {"extra": "1", "npm_token": "from the environment"}
    assert dict(found.files) == {"pip": tmp_path / "pip.conf"}
    assert resolve(tmp_path, ("npm_token", "pip=gone"), {"npm_token": "1", "pip": "2"}, {}).values["pip"] == "2"


@pytest.mark.parametrize("environ", [{}, {"npm_token": ""}])
def test_a_missing_one_is_an_error_with_the_fix(tmp_path: Path, environ: dict[str, str]) -> None:
    """BuildKit itself takes a variable that is not set for an empty secret, and says nothing."""
    with pytest.raises(NotReady, match=r"npm_token is not here. Set the environment variable npm_token, or name a"):
        resolve(tmp_path, ("npm_token",), {}, environ)
    with pytest.raises(NotReady, match=r"the build secret npm_token has no file token.txt"):
        resolve(tmp_path, ("npm_token=token.txt",), {}, environ)


def test_no_value_is_in_the_options_or_in_any_text_of_it(tmp_path: Path) -> None:
    (tmp_path / "f").write_text(VALUE)
    found = Secrets({"a": VALUE, "b": "two\nlines"}, {"c": tmp_path / "f"})
    assert found.options() == [
        "secrets=id=a,env=SLIPWAY_SECRET_0", "secrets=id=b,env=SLIPWAY_SECRET_1", f'secrets=id=c,"src={tmp_path}/f"'
    ]  # fmt: skip
    assert found.environment() == {"SLIPWAY_SECRET_0": VALUE, "SLIPWAY_SECRET_1": "two\nlines"}
    assert VALUE not in f"{found!r} {found}"


def test_what_a_step_prints_of_them_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("{\n  'private': 'abcdef'\n}\n")
    found = Secrets({"a": VALUE, "b": f"{VALUE}-longer"}, {"c": tmp_path / "key"})
    assert found.hide(f"x {VALUE} {VALUE}-longer {{") == "x *** *** {"
    assert found.hide("'private': 'abcdef'") == "***"
    assert Secrets().hide("as it is") == "as it is"
