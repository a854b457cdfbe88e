"""One exit code for several projects: that of the one of which a person must know first."""

import itertools
from pathlib import Path

import pytest

from slipway.config import Settings
from slipway.errors import ExitCode, UsageError
from slipway.pipeline import projects
from slipway.pipeline.projects import Ended, Project

INORDER = [130, 4, 6, 5, 7, 1, 8, 2, 3, 0]


def test_every_exit_code_has_a_rank() -> None:
    assert set(projects.WORST) == set(ExitCode)


@pytest.mark.parametrize(("worse", "better"), [*itertools.combinations(INORDER, 2)])
def test_the_worst_counts(worse: int, better: int) -> None:
    pair = [Ended(Project("", Path(), Settings()), code) for code in (better, worse)]
    assert projects.worst(pair).code == projects.worst(reversed(pair)).code == worse


def test_each_once_in_the_order_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        Path(name).mkdir()
    Path("link").symlink_to("a")
    found = projects.chosen([Path("b"), Path("a"), Path("b/../b"), Path("link")])
    assert [(one.name, one.root) for one in found] == [("b", tmp_path / "b"), ("a", tmp_path / "a")]
    assert [one.name for one in projects.chosen([Path("a"), Path("link")])] == [""], "one project has no name"


def test_an_error_says_whose_settings_are_wrong(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    (tmp_path / "b" / "slipway.toml").write_text("[lint\n")
    with pytest.raises(UsageError, match=f"{tmp_path}/b: slipway.toml:1: not valid TOML"):
        projects.chosen([tmp_path / "a", tmp_path / "b"])
