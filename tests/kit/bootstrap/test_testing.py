"""What `make test` provides for the kit's own tests: only what is not there."""

import shutil
from pathlib import Path

import pytest

from machine import packages, testing


@pytest.mark.parametrize("here", [*testing.BROWSERS, ""])
def test_a_browser_is_installed_only_where_there_is_none(here: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str]] = []
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if name == here else None)
    monkeypatch.setattr(packages, "has_apt", lambda: True)
    monkeypatch.setattr(packages, "ensure_commands", asked.append)
    testing._browser(Path("tools"))
    assert asked == ([] if here else [{"chromium": "chromium"}])


def test_where_nothing_may_be_installed_it_says_so_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLIPWAY_INSTALL", "never")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(packages, "has_apt", lambda: True)
    monkeypatch.setattr(testing, "_registry", lambda _: None)
    monkeypatch.setattr(testing, "_node", lambda _: tmp_path)
    assert testing.ensure(tmp_path) == [tmp_path]
    said = capsys.readouterr()
    assert "for the tests: chromium not installed here. Run: " in said.out + said.err
