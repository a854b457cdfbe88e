"""Artifacts of a workflow run: what a caller hands over, and what is said where GitHub does not take one."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from slipway import cli
from slipway.errors import UsageError
from slipway.github import artifacts
from slipway.report.workflow_reference import ROOT

ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


@pytest.mark.parametrize("between", ["\n", ",", " ", ", ", "\r\n", "\n\n"])
def test_lists_are_one_a_line_and_commas_and_blanks_will_do(between: str) -> None:
    read = artifacts.handed_over(f"11{between}22\n", f" {ONE}{between}{TWO}")
    assert read == (["11", "22"], [ONE, TWO])


@pytest.mark.parametrize(
    ("ids", "digests", "says"),
    [
        ("11\n22", ONE, "names 2 artifacts, digest 1 images. Nothing was pushed.\nPass both outputs of every job"),
        ("11", f"{ONE}\n{TWO}", "names 1 artifacts, digest 2 images"),
        ("11\n11", f"{ONE}\n{TWO}", "names 1 artifacts, digest 2 images"),
        ("11\n22", f"{ONE}\n{ONE}", "names 2 artifacts, digest 1 images"),
        ("12abc", ONE, "artifact-id: '12abc' is not the id of an artifact"),
        ("-1", ONE, "artifact-id: '-1' is not"),
        ("١٢", ONE, "artifact-id: '١٢' is not"),
        ("11", "sha256:1", "digest: 'sha256:1' is not a digest"),
        ("11", "", "digest: '' is not a digest"),
        ("11", f"ghcr.io/acme/shop@{ONE}", "is not a digest. Pass the output `digest`"),
    ],
)
def test_what_is_not_handed_over_whole_is_refused(ids: str, digests: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        artifacts.handed_over(ids, digests)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_read_or_refused(ids: str, digests: str) -> None:
    with pytest.raises(UsageError):
        artifacts.handed_over(ids, digests)


def test_the_step_hands_on_what_the_action_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "out"))
    monkeypatch.setenv("ARTIFACT_IDS", "11\n22\n")
    monkeypatch.setenv("DIGESTS", f"{ONE}\n{TWO}\n")
    assert CliRunner().invoke(cli.main, ["ci", "given"]).exit_code == 0
    out = (tmp_path / "out").read_text()
    assert "\n11,22\n" in out and f"\n{ONE} {TWO}\n" in out


@pytest.mark.parametrize(
    ("step", "level", "says"),
    [
        ("UPLOAD_OF_IMAGE", "error", ("the storage for artifacts is full", "“already exists”", artifacts.QUOTA)),
        ("UPLOAD_OF_FINDINGS", "warning", ("Not kept: findings.", artifacts.QUOTA)),
        ("UPLOAD_OF_PAGE", "warning", ("Not kept: page.", artifacts.QUOTA)),
        ("DOWNLOAD", "error", ("kept for one day: re-run all jobs",)),
    ],
)
def test_what_went_wrong_is_explained(
    monkeypatch: pytest.MonkeyPatch, step: str, level: str, says: tuple[str, ...]
) -> None:
    for name in ("UPLOAD_OF_IMAGE", "UPLOAD_OF_FINDINGS", "UPLOAD_OF_PAGE", "DOWNLOAD"):
        monkeypatch.setenv(name, "failure" if name == step else "success")
    done = CliRunner().invoke(cli.main, ["ci", "explain"])
    assert done.exit_code == 0, "the step that failed is red, not this one"
    (line,) = done.output.splitlines()
    assert line.startswith(f"::{level} title=") and all(text in line for text in says)


def test_where_nothing_went_wrong_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for outcome in ("success", "skipped", "cancelled", ""):
        monkeypatch.setenv("UPLOAD_OF_IMAGE", outcome)
        assert CliRunner().invoke(cli.main, ["ci", "explain"]).output == ""


def test_the_page_that_is_named_is_there() -> None:
    file, _, heading = artifacts.QUOTA.partition("#")
    text = (ROOT / file).read_text()
    assert heading in [re.sub(r"[^a-z0-9]+", "-", line.lower()).strip("-") for line in text.splitlines()]
