"""YAML as GitHub reads it, and expressions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.workflows import expressions, reader
from slipway.workflows.reader import Mapping, Scalar


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *((word, "boolean") for word in ("true", "True", "TRUE", "false", "False", "FALSE")),
        *((word, "string") for word in ("yes", "no", "on", "off", "y", "tRUE", "1_000", "0b1", "12:30", "2026-11-21")),
        *((word, "number") for word in ("0", "010", "-1", "+1", "0x1f", "0o17", "1.", ".5", "1e3", "-.inf", ".NaN")),
        *((word, "string") for word in ("0x", "0o8", "1e", ".", "+.nan", "1.2.3", "-0x1f")),
        *((word, "null") for word in ("", "~", "null", "Null", "NULL")),
    ],
)
def test_plain_values(text: str, kind: str) -> None:
    tree, mistakes = reader.read(f"key: {text}\n")
    assert isinstance(tree, Mapping) and not mistakes
    assert tree.get("key") == Scalar(text, kind, 1, 6 if text else 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["'true'", '"true"', "!!str true", "|\n  true", ">\n  true"])
def test_quoted_values_are_strings(written: str) -> None:
    tree, _ = reader.read(f"key: {written}\n")
    assert isinstance(tree, Mapping)
    value = tree.get("key")
    assert isinstance(value, Scalar) and value.kind == "string" and value.text.strip() == "true"


def test_places_are_those_of_the_text() -> None:
    tree, _ = reader.read("a:\n  b: [x, {c: 1}]\n")
    places = [(s.text, s.line, s.column) for s in reader.scalars(tree)]
    assert places == [("a", 1, 1), ("b", 2, 3), ("x", 2, 7), ("c", 2, 11), ("1", 2, 14)]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("needs.build.outputs.digest", [("needs", ("build", "outputs", "digest"))]),
        ("needs['Build-It'].outputs", [("needs", ("build-it", "outputs"))]),
        ("needs.*.result", [("needs", (None, "result"))]),
        ("toJSON(needs)", [("needs", ())]),
        ("github.event.inputs['it''s']", [("github", ("event", "inputs", "it's"))]),
        ("matrix[github.ref].x", [("matrix", (None,)), ("github", ("ref",))]),
        ("'needs.x' == inputs.y && true", [("inputs", ("y",))]),
        ("steps.a.outputs.b.c[0]", [("steps", ("a", "outputs", "b", "c", None))]),
        ("github.needs", [("github", ("needs",))]),
        ("1.5 > inputs.n", [("inputs", ("n",))]),
        ('fromJSON(\'{"a": "secrets.x"}\').env', []),
        ("!cancelled()", []),
    ],
)
def test_what_an_expression_reads(value: str, found: list[tuple[str, tuple[str | None, ...]]]) -> None:
    assert [(a.context, a.path) for a in expressions.parse(value).accesses] == found


def test_expressions_end_outside_quotes() -> None:
    assert expressions.bodies("a ${{ '}}' }} b ${{x}}") == (["'}}'", "x"], False)
    assert expressions.bodies("${{ 'a }}") == ([], True)
    assert expressions.bodies("no ${ { x }}") == ([], False)


@given(st.text())
def test_reading_never_fails(text: str) -> None:
    tree, mistakes = reader.read(text)
    assert tree is not None or mistakes


@given(st.text(alphabet="${}[]()'.*abc 01=&|!,"))
def test_expressions_never_fail(text: str) -> None:
    for expression in expressions.within(text, condition=True):
        for access in expression.accesses:
            assert expression.text[access.position - 1 :].startswith(access.text)
