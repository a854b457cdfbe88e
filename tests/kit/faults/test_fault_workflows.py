"""Workflows that GitHub would refuse: lint says so before the push; what is only unwise is listed and stops nothing."""

from collections.abc import Callable

import pytest
from support import Project

pytestmark = pytest.mark.engine
FILE = ".github/workflows/ci.yml"
REFUSED = """\
on: push
permissions: {}
jobs:
  verify:
    uses: ./.github/workflows/called.yml
"""
CALLED = """\
on: workflow_call
jobs:
  one:
    runs-on: ubuntu-26.04
    permissions: {contents: read}
    steps: [{run: "true"}]
"""
UNWISE = """\
on: push
jobs:
  one:
    runs-on: ubuntu-26.04
    steps: [{uses: actions/checkout@v4}]
"""


def test_a_run_that_github_would_never_start(project: Callable[..., Project]) -> None:
    shop = project(**{FILE: REFUSED, ".github/workflows/called.yml": CALLED})
    done = shop.run("lint")
    assert done.code == 1, done.text
    (finding,) = done.stage("lint")["findings"]
    assert (finding["rule"], finding["file"], finding["line"]) == ("permission-exceeded", FILE, 4)
    assert "contents: read" in finding["fix"]
    shop.replace(FILE, "permissions: {}", "permissions: {contents: read}")
    again = shop.run("lint")
    assert (again.code, again.stage("lint")["status"]) == (0, "passed"), "changed, so not reused: " + again.text


def test_what_is_only_unwise_is_listed(project: Callable[..., Project]) -> None:
    done = project(**{FILE: UNWISE}).run("lint")
    assert done.code == 0, done.text
    (finding,) = done.stage("lint")["findings"]
    assert (finding["rule"], finding["line"], finding["blocking"]) == ("reference-unpinned", 5, False)
