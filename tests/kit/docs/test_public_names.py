"""The public names of version 1: the page is the list, and the code has neither more nor fewer."""

import importlib.util
from types import ModuleType

import pytest
from support import REPOSITORY


@pytest.fixture(scope="module")
def names() -> ModuleType:
    """The generator, which stands beside the docs."""
    spec = importlib.util.spec_from_file_location("public_names", REPOSITORY / "docs" / "public_names.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_names_what_the_code_has(names: ModuleType) -> None:
    """A renamed input, option, key, field or word is red here: it breaks somebody who relies on it."""
    assert names.page() == names.FILE.read_text(encoding="utf-8"), (
        "public names changed. Within a major version only add; then run docs/public_names.py, which says how"
    )


def test_every_variable_is_listed(names: ModuleType) -> None:
    assert names.variables() == set(names.VARIABLES)


@pytest.mark.parametrize(
    "gone", ["no-rollback", "backward", "hand-over", "report-id", "stage-doing", "`mend`", "--self-hosted", "stops"]
)
def test_names_that_were_replaced_are_gone(names: ModuleType, gone: str) -> None:
    assert gone not in names.page().replace("--no-rollback", "").replace("--allow-self-hosted", "")
