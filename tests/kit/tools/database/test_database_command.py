"""`slipway db pull` and `slipway db status`."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trivydb
from click.testing import CliRunner
from database_faults import (
    Registry,
    digest,
    says,
)

from slipway import cli


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`slipway db …` in a project of its own."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)

    def call(*words: str, setting: str = "auto") -> Any:
        (project / "slipway.toml").write_text(f'[scan]\ndatabase = "{setting}"\n')
        return CliRunner().invoke(cli.main, ["db", *words, "-C", str(project)])

    return call


def test_pull_and_status(registry: Callable[..., Registry], command: Callable[..., Any]) -> None:
    good = registry(datetime.now(UTC) - timedelta(hours=3))
    nothing = command("status")
    assert nothing.exit_code == 3
    assert "no vulnerability database here (auto)" in nothing.output

    pulled = command("pull", "--source", good.reference)
    assert pulled.exit_code == 0, pulled.output
    for words in (f"source   {good.reference}", digest(good.layer), "age      3 h, the limit is 48 h", "MB"):
        assert words in pulled.output
    assert command("status").output == pulled.output

    told = json.loads(command("status", "--json").output)
    assert told["source"] == good.reference
    assert told["digest"] == digest(good.layer)
    assert told["usable"] is True
    assert 3 <= told["age_hours"] < 3.1
    assert told["size"] == len(good.files["trivy.db"])


def test_pull_says_what_was_tried_and_what_fixes_it(
    registry: Callable[..., Registry], command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = registry()
    bad.faults["all"] = says(403)
    failed = command("pull", setting=bad.reference)
    assert failed.exit_code == 3
    assert f"cannot be had: {bad.reference}: manifest: 403 Forbidden." in failed.output
    assert "slipway db pull --source PATH" in failed.output
    unreachable = command("pull", "--source", "127.0.0.1:1/db:2")
    assert unreachable.exit_code == 3
    assert "127.0.0.1:1/db:2: manifest: Connection refused" in unreachable.output


@pytest.mark.parametrize(("hours", "words"), [(72, "STALE: the limit is 48 h"), (-5, "dated in the future")])
def test_a_database_that_no_scan_uses_is_not_ready(
    registry: Callable[..., Registry], command: Callable[..., Any], hours: int, words: str
) -> None:
    bad = registry(datetime.now(UTC) - timedelta(hours=hours))
    for done in (command("pull", "--source", bad.reference), command("status")):
        assert done.exit_code == 3
        assert words in done.output


@pytest.mark.parametrize("shape", ["folder", "files"])
def test_what_was_brought_may_go_again(tmp_path: Path, command: Callable[..., Any], shape: str) -> None:
    brought = trivydb.write(tmp_path / "usb")
    source = brought if shape == "folder" else brought / "db"
    assert command("pull", "--source", str(source)).exit_code == 0
    shutil.rmtree(brought)
    done = command("status")
    assert done.exit_code == 0
    assert f"source   {source}" in done.output
    assert "a folder, which nothing vouches for" in done.output


def test_what_is_named_on_the_command_line_lies_where_one_stands(
    tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trivydb.write(tmp_path / "usb")
    monkeypatch.chdir(tmp_path)
    assert command("pull", "--source", "usb").exit_code == 0


def test_pulled_from_elsewhere_means_auto(tmp_path: Path, command: Callable[..., Any]) -> None:
    brought = trivydb.write(tmp_path / "usb")
    refused = command("pull", "--source", str(brought), setting="ghcr.io/acme/trivy-db:2")
    assert refused.exit_code == 2
    assert "scans use that, whatever is pulled from elsewhere" in refused.output
    assert command("status", setting=str(brought)).exit_code == 0
    assert command("pull", setting=str(brought)).exit_code == 0
    assert command("pull", setting="./nowhere").exit_code == 2
