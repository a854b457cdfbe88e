"""Each case of scan_cases.py through the stage itself, with the real Trivy wherever it can be made to do the thing."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import layouts
import msgspec
import pytest
from stages.scan_cases import CASES, Case, table
from support import REPOSITORY

from slipway.config import Settings
from slipway.errors import Broken, NotReady, UsageError
from slipway.image.reference import repository
from slipway.stages import build, scan
from slipway.stages.base import Context, Outcome
from slipway.tools import provision
from slipway.tools.git import Source
from slipway.tools.images import Images


def context(folder: Path, case: Case) -> Context:
    """A project whose image was built, about to be scanned."""
    root = folder / "project"
    (root / ".slipway").mkdir(parents=True)
    (root / "run").mkdir()
    for name, text in (("Dockerfile", "# pip install -r requirements.txt\n"), *case.files):
        (root / name).write_text(text)
    case.database(folder / "database")
    scanning: dict[str, Any] = {"database": str(folder / "database"), **dict(case.settings)}
    made = Context(
        root=root, settings=msgspec.convert({"scan": scanning}, Settings), run_id="1", folder=root / "run",
        state=root / ".slipway", engine=None, source=Source("", "", True), images=Images({}),
        repository=repository("localhost:5001/shop"), seen="", version="1", stage="scan",
    )  # fmt: skip
    place = build.layout_folder(made)
    place.parent.mkdir(exist_ok=True)
    case.image(place)
    try:
        digest = layouts.digest(place)
    except (OSError, ValueError, LookupError):
        digest = ""

    async def prepared() -> Any:
        return await scan.prepare(made)

    return replace(made, done={"build": Outcome("passed", facts={"digest": digest})}, prepared=prepared)


@pytest.fixture
def scanner(trivy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a shell script in the scanner's place: $REAL is the real one, $OUT the report that it is to write."""

    def put(script: str) -> None:
        home = tmp_path / "cache/tools" / f"trivy-{provision.pins()['trivy']['version']}"
        home.mkdir(parents=True)
        find = 'i=0; for w in "$@"; do [ "$i" = 1 ] && OUT=$w; i=0; [ "$w" = --output ] && i=1; done'
        (home / "trivy").write_text(f"#!/bin/sh\nREAL={trivy}\n{find}\n{script}\n")
        (home / "trivy").chmod(0o755)
        monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))

    return put


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.group}: {case.name}") for case in CASES])
def test_never_clean(
    case: Case, trivy: Path, tmp_path: Path, scanner: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    if case.scanner:
        scanner(case.scanner)
    for name, value in case.environment:
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    here = context(tmp_path, case)
    monkeypatch.chdir(here.root)
    kind, _, words = case.outcome.partition(": ")
    try:
        outcome = asyncio.run(scan.run(here))
    except Broken as error:
        assert kind in ("broken", "broken or found"), error
        assert kind != "broken" or words in str(error)
    except UsageError as error:
        assert (kind, words in str(error)) == ("refused", True), error
    else:
        assert "found" in kind, f"{outcome.status}: {outcome.summary}"
        assert outcome.status == "failed"
        assert words in {f.rule for f in outcome.findings if f.stops}


def test_the_same_image_and_data_in_good_order_are_clean(trivy: Path, tmp_path: Path) -> None:
    """Else the cases above would prove nothing."""
    good = Case("", "", "", image=lambda folder: layouts.layout(folder, layouts.app("23.0.0")))
    outcome = asyncio.run(scan.run(context(tmp_path, good)))
    assert outcome.status == "passed", outcome


def test_the_scanner_and_its_data_are_fetched_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for the other to have begun: one after the other would never end."""
    begun = {"tool": asyncio.Event(), "data": asyncio.Event()}

    async def tool(name: str) -> Path:
        begun["tool"].set()
        await asyncio.wait_for(begun["data"].wait(), 5)
        return Path(name)

    async def find(*_: object) -> None:
        begun["data"].set()
        await asyncio.wait_for(begun["tool"].wait(), 5)
        raise NotReady("no way")

    monkeypatch.setattr(provision, "tool", tool)
    monkeypatch.setattr(scan.database, "find", find)
    assert asyncio.run(scan.prepare(context(tmp_path, CASES[0]))) == (Path("trivy"), None, "no way")


def test_the_table_in_the_docs_is_this_one() -> None:
    file = REPOSITORY / "docs/reference/scan-cases.md"
    if os.environ.get("SLIPWAY_UPDATE_TRACES"):
        file.write_text(table())
    assert file.read_text() == table()
    assert len(CASES) >= 50
