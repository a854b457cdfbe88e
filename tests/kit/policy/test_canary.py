"""The canary: sung by the real Trivy with a database of ours; and every way in which the database can fall silent."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import trivydb

from slipway.policy import canary
from slipway.tools.trivy import Trivy

PYTHON = {"Class": "lang-pkgs", "Type": "python-pkg", "Packages": [{"Name": "flask"}]}


def image(family: str, name: str, *results: dict[str, Any]) -> dict[str, Any]:
    """As much of a report as the canary reads."""
    system = [{"Class": "os-pkgs", "Type": family, "Packages": [{"Name": "x"}]}] if family else []
    return {"Metadata": {"OS": {"Family": family, "Name": name}} if family else {}, "Results": [*system, *results]}


def silent(trivy: Path, folder: Path, database: Path, report: dict[str, Any]) -> list[str]:
    scanner = Trivy(trivy, database, folder / "log")
    return canary.silent(report, asyncio.run(scanner.examine(canary.document(report), 60)))


def test_it_sings(trivy: Path, database: Path, tmp_path: Path) -> None:
    for report in (image("debian", "13.2", PYTHON), image("debian", "13.2"), image("", "", PYTHON)):
        assert canary.ecosystems(report)
        assert silent(trivy, tmp_path, database, report) == []


@pytest.mark.parametrize(
    ("family", "name", "package", "advisory"),
    [
        ("alpine", "3.20.1", "zlib", {"CVE-2022-37434": {"FixedVersion": "1.2.12-r2"}}),
        ("ubuntu", "24.04", "coreutils", {"CVE-2016-2781": {"Severity": 1, "Status": 2}}),
    ],
)
def test_other_systems(
    trivy: Path, tmp_path: Path, family: str, name: str, package: str, advisory: dict[str, Any]
) -> None:
    """That the real databases hold these two was never seen here: both are matched by Trivy as they stand there."""
    bucket = f"{family} {'.'.join(name.split('.')[:2])}"
    folder = trivydb.write(tmp_path / "data")
    tables = {bucket: trivydb.Bucket({package: trivydb.Bucket(advisory)}), "vulnerability": trivydb.Bucket({"x": {}})}
    assert silent(trivy, tmp_path, folder, image(family, name)) == [family], "not in this one"
    (folder / "db" / "trivy.db").write_bytes(trivydb.bbolt(tables))
    assert silent(trivy, tmp_path, folder, image(family, name)) == []


@pytest.mark.parametrize(
    ("without", "fallen"),
    [
        ((trivydb.DEBIAN,), ["debian"]),
        ((trivydb.PYTHON,), ["python"]),
        ((trivydb.DEBIAN, trivydb.PYTHON), ["python", "debian"]),
    ],
)
def test_a_database_without_an_ecosystem(
    trivy: Path, tmp_path: Path, without: tuple[str, ...], fallen: list[str]
) -> None:
    folder = trivydb.write(tmp_path / "data", without=without)
    assert silent(trivy, tmp_path, folder, image("debian", "13.2", PYTHON)) == fallen


def test_a_release_that_the_database_does_not_know(trivy: Path, database: Path, tmp_path: Path) -> None:
    assert silent(trivy, tmp_path, database, image("debian", "12.9", PYTHON)) == ["debian"]


def test_only_what_the_image_has_is_asked_for() -> None:
    assert canary.ecosystems(image("", "")) == ()
    assert canary.ecosystems(image("", "", PYTHON | {"Packages": []})) == ()
    names = {c["name"] for c in canary.document(image("", "", PYTHON))["components"]}
    assert names == {"gunicorn", "flask"}
    json.dumps(canary.document(image("debian", "13", PYTHON)))


def test_a_system_without_a_canary_is_said() -> None:
    assert canary.unproven(image("wolfi", "20230201", PYTHON)) == "wolfi"
    assert canary.unproven(image("debian", "13.1")) == canary.unproven(image("", "")) == ""
