"""Which packages the integration tests get: the project's own, where it has some for them."""

from pathlib import Path

import pytest

from slipway.errors import SlipwayError
from slipway.tools import environments


@pytest.mark.parametrize(
    ("groups", "chosen"),
    [
        ('integration = ["httpx"]\ndev = ["pytest-docker"]', "integration"),
        ('dev = ["pytest", "pytest-docker>=3"]', "dev"),
        ('dev = [{include-group = "more"}]\nmore = ["pytest-docker"]', "dev"),
        ('dev = ["pytest>=8", "ruff"]', ""),
        ('dev = ["pytest-docker-tools"]', ""),
        ('dev = [{include-group = "dev"}]', ""),
        ("", ""),
    ],
)
def test_the_group(tmp_path: Path, groups: str, chosen: str) -> None:
    """A `dev` without pytest-docker is for the unit tests: it is not taken for these."""
    (tmp_path / "pyproject.toml").write_text(f"[dependency-groups]\n{groups}\n")
    assert environments._group(tmp_path) == chosen


def test_a_broken_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[")
    with pytest.raises(SlipwayError, match="not valid TOML"):
        environments._group(tmp_path)
