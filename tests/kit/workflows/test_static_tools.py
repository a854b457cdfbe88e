"""The shipped files are clean for every static tool; and every tool is shown red on a file that is not."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from workflows.harness import dialect, places, standins, static, yaml_text


@pytest.fixture(scope="module", autouse=True)
def _files() -> None:
    if not places.workflow_files():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no workflow files yet")


LINT = [pytest.param(tool, marks=[] if tool in static.BUILT else [pytest.mark.lint]) for tool in static.ALL]


@pytest.mark.parametrize("tool", LINT)
def test_shipped_files_are_clean(tool: str) -> None:
    assert static.ALL[tool](places.REPOSITORY) == []


@pytest.mark.lint
def test_inputs_of_pinned_actions() -> None:
    found = [
        f for file in places.shipped() for f in standins.faults(yaml_text.read(file), places.REPOSITORY, file.name)
    ]
    assert found == []


def test_the_dialect_copies_are_the_shipped_files(tmp_path: Path) -> None:
    for act in (True, False):
        assert len(dialect.write(places.REPOSITORY, tmp_path / str(act), act=act)) >= len(places.shipped())


GOOD = """\
name: Good
on: {workflow_call: {inputs: {n: {description: n, type: number, required: true}}}}
permissions: {}
jobs:
  job:
    name: Job
    runs-on: ubuntu-26.04
    timeout-minutes: 5
    permissions:
      contents: read
    cache-mode: none
    steps:
      - id: get
        uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with: {persist-credentials: false}
      - run: echo "$C"
        env: {C: "${{ steps.get.outputs.commit }}"}
"""
CALLER = """\
name: Caller
on: {push: {branches: [main]}}
permissions: {}
jobs:
  call:
    uses: $/.github/workflows/good.yml
    permissions:
      contents: read
    with: {n: 1}
"""
Spoil = Callable[[str, str], Path]


@pytest.fixture
def spoiled(tmp_path: Path) -> Spoil:
    """A good repository in which one thing is replaced."""

    def make(old: str, new: str) -> Path:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in (("good", GOOD), ("caller", CALLER)):
            file = folder / ".github" / "workflows" / f"{name}.yml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace(old, new))
        assert old in GOOD + CALLER
        return folder

    return make


@pytest.mark.parametrize("tool", static.ALL)
def test_a_good_repository_is_clean(spoiled: Spoil, tool: str) -> None:
    assert static.ALL[tool](spoiled("Good", "Good")) == []


@pytest.mark.parametrize(
    ("tool", "old", "new", "says"),
    [
        ("zizmor", "permissions: {}", "permissions: write-all", "excessive-permissions"),
        ("zizmor", "        with: {persist-credentials: false}\n", "", "artipacked"),
        ("zizmor", 'echo "$C"', "echo ${{ github.event.head_commit.message }}", "template-injection"),
        ("zizmor", "@3d3c42e5aac5ba805825da76410c181273ba90b1", "@v7", "unpinned-uses"),
        ("zizmor", "$/", "./", "self-repository"),
        ("schemas", "timeout-minutes: 5", "timeout-minuets: 5", "timeout-minuets"),
        ("schemas", "cache-mode: none", "cache-mode: nothing", "nothing"),
        ("schemas", "contents: read", "contents: reads", "reads"),
        ("schemas", "    cache-mode", "    concurrency: {group: a, queue: all}\n    cache-mode", "all"),
        ("actionlint", "    cache-mode", "    concurrency: {group: a, queues: max}\n    cache-mode", '"queues"'),
        ("actionlint", "persist-credentials", "persist-credential", 'input "persist-credential" is not defined'),
        ("actionlint", "outputs.commit", "outputs.comit", '"comit" is not defined'),
        ("actionlint", "workflows/good.yml", "workflows/bad.yml", "could not read"),
        ("actionlint", "with: {n: 1}", "with: {m: 1}", '"m" is not defined'),
        ("actionlint", "    with: {n: 1}\n", "", '"n" is required'),
        ("slipway check", "read\n    cache-mode", "read\n      packages: read\n    cache-mode", "packages: read"),
        ("slipway check", "with: {n: 1}", "with: {n: one}", "n"),
        ("workflow-parser", "    with: {n: 1}\n", "", "Input n is required"),
        ("workflow-parser", "with: {n: 1}", "with: {n: 1, m: 1}", "Invalid input, m is not defined"),
        ("workflow-parser", "runs-on: ubuntu-26.04", "runs-on: ubuntu-26.04\n    nope: 1", "Unexpected value 'nope'"),
    ],
)
def test_a_tool_is_red(spoiled: Spoil, tool: str, old: str, new: str, says: str) -> None:
    assert says in "\n".join(static.ALL[tool](spoiled(old, new)))


def test_the_schema_without_a_process_is_the_same(spoiled: Spoil) -> None:
    for old, new in (
        ("Good", "Good"),
        ("timeout-minutes", "timeout-minuets"),
        ("none", "nothing"),
        ("  job:", "  job"),
    ):
        root = spoiled(old, new)
        files = places.workflow_files(root)
        assert bool(static.schemas(root)) == any(static.schema_by_library(file) for file in files), (old, new)
    assert not any(static.schema_by_library(file) for file in places.shipped())


def test_the_check_without_its_command_is_the_same(spoiled: Spoil) -> None:
    for old, new in (
        ("Good", "Good"),
        ("read\n    cache-mode", "read\n      packages: read\n    cache-mode"),
        ("with: {n: 1}", "with: {n: one}"),
    ):
        root = spoiled(old, new)
        assert static.slipway_check(root) == static.slipway_check_by_library(root), (old, new)
    assert static.slipway_check_by_library(places.REPOSITORY) == []


def test_a_tool_that_cannot_check_is_not_clean(tmp_path: Path) -> None:
    (tmp_path / ".github").mkdir()
    with pytest.raises(static.CannotCheck):
        static.zizmor(tmp_path)
    file = tmp_path / ".github" / "workflows" / "x.yml"
    file.parent.mkdir()
    file.write_text("on: [push\n")
    assert static.schemas(tmp_path) != []


@pytest.mark.parametrize(
    ("shipped", "copy", "fine"),
    [
        ("a: 1\n", "a: 1\n", True),
        ("a: 1\n", "a: 2\n", False),
        ("uses: $/x\n", f"uses: {places.SELF}/x@{places.COMMIT}\n", True),
        ("uses: $/x\n", f"uses: {places.SELF}/y@{places.COMMIT}\n", False),
        ("uses: $/x\n", "uses: $/x\n", False),
        ("cache-mode: none\n", "\n", True),
        ("permissions: {}\n", "\n", False),
        ("concurrency:\n  group: a\n  queue: max\n", "concurrency:\n  group: a\n\n", True),
        ("concurrency:\n  group: a\n  queue: max\n", "concurrency:\n\n  queue: max\n", False),
        ("strategy:\n  matrix: {}\n", "strategy:\n  max-parallel: 1\n  matrix: {}\n", True),
        ("strategy:\n  matrix: {}\n", "strategy:\n  matrix: {}\n", False),
        ("a: 1\n", "a: 1\nb: 2\n", False),
        ("a: 1\nb: 2\n", "a: 1\n", False),
    ],
)
def test_the_copy_is_proven_by_rules_of_its_own(shipped: str, copy: str, fine: bool) -> None:
    assert (dialect.proves(shipped, copy, act=True) == []) is fine
