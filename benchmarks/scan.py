"""The scan stage beside the bare scanner with the same flags, and what we make of a report of 1,000 findings.

The database is the one of the kit's tests where none can be had: small, so that the time is the image's.
"""

import io
import json
import shutil
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from bed import Bed
from rich.console import Console

from machine import ROOT
from slipway import __version__
from slipway.pipeline.result import ImageResult, RunResult, SourceResult, StageResult, encode
from slipway.policy import baseline, exceptions, origin, scan
from slipway.policy.finding import severe
from slipway.report import console, runner, sarif, summary
from slipway.tools import trivy

sys.path.insert(0, str(ROOT / "tests" / "kit"))

import trivydb

STAGE = ("scan", "--from", "scan", "--skip", "lint", "--skip", "test")
COUNT = 1000


def pair(bed: Bed, *, kept: bool) -> tuple[float, float]:
    """Seconds of the scan stage and of the bare scanner.

    Args:
        kept: what the scanner learnt of the layers is there already, as on a laptop; else as on a runner.
    """
    database = bed.folder / "scan-database"
    if not database.exists():
        trivydb.write(database)
    environment = {"SLIPWAY_SCAN_DATABASE": str(database), "SLIPWAY_SCAN_FAIL_ON": "CRITICAL"}
    bed.run(bed.slipway, "run", *STAGE, env=environment | ({} if kept else {"CI": "true"}))
    ours = next(s["seconds"] for s in bed.result()["stages"] if s["name"] == "scan")
    return float(ours), _bare(bed, database, kept=kept)


def _bare(bed: Bed, database: Path, *, kept: bool) -> float:
    cache = bed.folder / "scan-bare"
    if not cache.exists():
        shutil.copytree(database, cache)
    return bed.run(
        bed.trivy, "image", "--input", bed.path["ours"] / ".slipway" / "layout", "--cache-dir", cache,
        "--cache-backend", "fs" if kept else "memory", "--secret-config", trivy.SECRETS, "--scanners", "vuln,secret",
        "--image-config-scanners", "misconfig", "--skip-check-update", "--skip-db-update", "--offline-scan",
        "--skip-version-check", "--disable-telemetry", "--list-all-pkgs", "--format", "json",
        "--output", bed.folder / "scan-bare.json",
    )[0]  # fmt: skip


def views() -> float:
    """Seconds from a report to the verdict and to everything that a run shows and writes of it, in this process."""
    report, run = _report(), time.perf_counter()
    sources = origin.Sources("Dockerfile", "FROM a\n", "", "requirements.txt", _locked())
    known = baseline.Baseline(
        schema=1, image="shop", platform="linux/amd64", branch="main", commit="", scanned="",
        findings=tuple((f"CVE-2026-{n}", f"package-{n}") for n in range(0, COUNT, 3)), accepted=(), packages=(),
    )  # fmt: skip
    found = origin.locate(scan.findings(report, "HIGH", "report"), sources)
    found = severe(baseline.apply(exceptions.apply(found, [], date(2026, 1, 1)), known, []))
    baseline.seen(report)
    stage = StageResult(name="scan", status="failed", seconds=1, started=0, findings=tuple(found))
    result = RunResult(
        id="1", status="failed", exit_code=1, started="2026-01-01T00:00:00Z", seconds=1, work_seconds=1, project="shop",
        source=SourceResult("", "", False), image=ImageResult(), stages=(stage,),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = Path(name)
        (folder / ".slipway").mkdir()
        sarif.write(result, folder)
        summary.markdown(result)
        runner.annotations(result, folder)
        Console(file=io.StringIO(), width=100).print(console.table(result.stages), console.closing(result))
        (folder / "result.json").write_bytes(encode(result))
    return time.perf_counter() - run


def _report() -> dict[str, Any]:
    """A report of Trivy's with so many vulnerabilities, each of a package of its own."""
    severities = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN")
    found = [
        {
            "VulnerabilityID": f"CVE-2026-{n}", "PkgName": f"package-{n}", "InstalledVersion": "1.0.0",
            "FixedVersion": "1.0.1", "Severity": severities[n % 5], "Title": f"Something is wrong with package-{n}",
            "PkgPath": f"usr/lib/python3.13/site-packages/package_{n}-1.0.0.dist-info/METADATA",
            "PkgIdentifier": {"PURL": f"pkg:pypi/package-{n}@1.0.0"},
            "PrimaryURL": f"https://avd.aquasec.com/nvd/cve-2026-{n}", "Description": "Words. " * 40,
        }
        for n in range(COUNT)
    ]  # fmt: skip
    seen = [{"Name": v["PkgName"], "Version": "1.0.0", "Identifier": v["PkgIdentifier"]} for v in found]
    result = {"Type": "python-pkg", "Class": "lang-pkgs", "Packages": seen, "Vulnerabilities": found}
    return dict(json.loads(json.dumps({"SchemaVersion": 2, "Metadata": {}, "Results": [result]})))


def _locked() -> str:
    return "".join(f"package-{n}==1.0.0\n" for n in range(COUNT))


if __name__ == "__main__":  # where one looks for what is slow: python -m cProfile -s tottime benchmarks/scan.py
    print(f"slipway {__version__}: {min(views() for _ in range(5)):.3f} s")
