"""The real hadolint, unfiltered; and what a broken one proves."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.errors import Broken
from slipway.tools import hadolint as tool

Program = Callable[[str, str], Path]
BAD = "FROM debian\nRUN apt-get install -y curl\n"


def lint(binary: Path, folder: Path, text: str) -> dict[str, Any]:
    """The remarks on a Dockerfile, by their code."""
    (folder / "Dockerfile").write_text(text)
    remarks = asyncio.run(tool.lint(binary, folder / "Dockerfile", folder / "log"))
    return {remark["code"]: remark for remark in remarks}


def test_remarks_have_what_the_lint_stage_reads(hadolint: Path, tmp_path: Path) -> None:
    found = lint(hadolint, tmp_path, BAD)
    assert {"DL3006", "DL3008"} <= set(found)
    assert found["DL3008"]["line"] == 2 and found["DL3008"]["level"] == "warning" and found["DL3008"]["message"]


def test_a_clean_file_has_none(hadolint: Path, tmp_path: Path) -> None:
    assert lint(hadolint, tmp_path, 'FROM debian:13\nHEALTHCHECK CMD ["true"]\nCMD ["true"]\n') == {}


def test_a_missing_health_check_is_a_remark(hadolint: Path, tmp_path: Path) -> None:
    assert lint(hadolint, tmp_path, 'FROM debian:13\nCMD ["true"]\n')["DL3057"]["level"] == "info"


def test_only_trusted_registries(hadolint: Path, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM ghcr.io/acme/x:1\n")
    codes = [
        {r["code"] for r in asyncio.run(tool.lint(hadolint, tmp_path / "Dockerfile", tmp_path / "log", trusted))}
        for trusted in ((), ("ghcr.io",), ("docker.io", "quay.io"))
    ]
    assert ["DL3026" in one for one in codes] == [False, False, True]


def test_a_file_that_does_not_parse_is_an_error(hadolint: Path, tmp_path: Path) -> None:
    found = lint(hadolint, tmp_path, "FROM debian:13\nRUNN true\n")
    assert found["DL1000"]["level"] == "error"


def test_a_change_cannot_lower_its_own_bar(hadolint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pragma, no configuration file of the project or the user, no variable hides a remark."""
    (tmp_path / ".hadolint.yaml").write_text("ignored: [DL3006, DL3008]\nfailure-threshold: none\n")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".hadolint.yaml").write_text("ignored: [DL3006, DL3008]\n")
    for name, value in {"HADOLINT_IGNORE": "DL3006,DL3008", "HOME": str(tmp_path / "home")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    pragma = "# hadolint global ignore=DL3006,DL3008\n# hadolint ignore=DL3006\n"
    assert {"DL3006", "DL3008"} <= set(lint(hadolint, tmp_path, pragma + BAD))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit(1)", "hadolint ended with 1 and proves nothing"),
        ("os.kill(os.getpid(), 11)", "hadolint ended with -11 and proves nothing"),
        ("print('all fine')", "hadolint said something that is not a report"),
        ("pass", "hadolint said something that is not a report"),
        ("print('3')", "hadolint said something that is not a report"),
        ("print('{}')", "hadolint said something that is not a report"),
        ("print('[1]')", "hadolint said something that is not a report"),
    ],
)
def test_a_broken_linter_proves_nothing(program: Program, tmp_path: Path, code: str, said: str) -> None:
    with pytest.raises(Broken, match=said):
        lint(program("hadolint", code), tmp_path, BAD)
