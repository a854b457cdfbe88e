"""Trivy, given nothing that could change its mind: empty folder, empty home, no variables, our flags alone.

Its exit code is not believed (facts: 18 ways to end green with findings missing); the report is what counts.
"""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.errors import Broken
from slipway.image import sbom
from slipway.tools import process

VERDICTS = (0, 10, 11)
# Said as warnings, with exit 0: packages that were dropped, an operating system of which nothing is known.
LOSSES = ("No OS package is detected", "not on the EOL list", "Version matching error")
SECRETS = Path(__file__).with_name("secrets.yaml")
_OFFLINE = ("--skip-db-update", "--offline-scan", "--skip-version-check", "--disable-telemetry")
# Every package and finding, unfiltered; the exit codes are compared with what the report says.
_ALL = ("--list-all-pkgs", "--exit-code", "10", "--exit-on-eol", "11", "--format", "json")
_FORMATS = {sbom.FILE: ("cyclonedx", "components"), sbom.SPDX: ("spdx-json", "packages")}
_ALONE = ("--config", "/dev/null", "--ignorefile", "/dev/null")


@dataclass(frozen=True)
class Trivy:
    """The binary and the folder that holds its database (or nothing)."""

    binary: Path
    cache: Path
    log: Path

    async def _call(self, *args: str | Path, cwd: Path, timeout: float) -> process.Finished:
        home = cwd / "home"
        home.mkdir(exist_ok=True)
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.fspath(home), "TMPDIR": os.fspath(cwd)}
        environment["GOGC"] = "400"  # collects its garbage less often: 400 MB instead of 240, a sixth less work
        # `env -i`: a TRIVY_* variable of the user would be obeyed, and one such hides every finding.
        words = [f"{name}={value}" for name, value in environment.items()]
        return await process.run("env", "-i", *words, self.binary, *args, cwd=cwd, timeout=timeout, log=self.log)

    async def scan(
        self, layout: Path, *, vulnerabilities: bool, timeout: float, analyses: Path | None = None
    ) -> dict[str, Any]:
        """The unfiltered report on an image layout.

        Args:
            vulnerabilities: False where there is no database: secrets, configuration and packages are still read.
            analyses: what Trivy kept of layers that it has read, by diffID (four seconds become one). It is believed
                blindly, so only layers that were proven may ever be read with it. Trivy works on a copy; the new
                one is left beside it as `.new`, for the caller to keep. None: memory only.

        Raises:
            Broken: Trivy crashed, was ended, or wrote something that is not its report.
        """
        scanners = "vuln,secret" if vulnerabilities else "secret"
        with tempfile.TemporaryDirectory(prefix="slipway-trivy-") as name:
            folder = Path(name)
            (folder / "image").symlink_to(layout)
            report = folder / "report.json"
            cache, backend = _cache(folder / "cache", self.cache, analyses), "fs" if analyses else "memory"
            done = await self._call(
                "image", "--input", "image", "--cache-dir", cache, "--cache-backend", backend, *_ALONE,
                "--secret-config", SECRETS, "--scanners", scanners, "--image-config-scanners", "misconfig",
                "--skip-check-update", *_OFFLINE, *_ALL, "--output", report, cwd=folder, timeout=timeout,
            )  # fmt: skip
            content = _report(done, report)
            if analyses and (learnt := cache / "fanal" / "fanal.db").is_file():
                analyses.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(learnt, analyses.with_suffix(".new"))
            return content

    async def examine(self, document: dict[str, Any], timeout: float) -> dict[str, Any]:
        """The report on a list of packages (CycloneDX).

        Raises:
            Broken: as with an image.
        """
        with tempfile.TemporaryDirectory(prefix="slipway-trivy-") as name:
            folder = Path(name)
            (folder / "packages.json").write_text(json.dumps(document))
            report = folder / "report.json"
            done = await self._call(
                "sbom", "packages.json", "--cache-dir", _cache(folder / "cache", self.cache, None), "--cache-backend",
                "memory", *_ALONE, "--scanners", "vuln", *_OFFLINE, *_ALL, "--output", report, cwd=folder,
                timeout=timeout,
            )  # fmt: skip
            return _report(done, report)

    async def sbom(self, report: dict[str, Any], target: Path) -> None:
        """Write a bill of a report's packages, without another scan: CycloneDX or SPDX, by the target's name.

        Raises:
            Broken: the SBOM could not be made, or lists nothing although the report has packages.
        """
        with tempfile.TemporaryDirectory(prefix="slipway-trivy-") as name:
            folder = Path(name)
            (folder / "report.json").write_text(json.dumps(report))
            words = ("--format", _FORMATS[target.name][0], "--output", "sbom.json", "report.json")
            done = await self._call("convert", *_ALONE, *words, cwd=folder, timeout=60)
            if done.code != 0:
                raise Broken(f"the SBOM could not be made: {done.last_line()}")
            try:
                content = (folder / "sbom.json").read_bytes()
                components = json.loads(content).get(_FORMATS[target.name][1]) or []
            except (OSError, ValueError, AttributeError) as error:
                raise Broken(f"the SBOM could not be made: {error}") from error
        if len(components) < len(packages(report)):
            raise Broken("the SBOM lists fewer packages than the scan found. Run again; if it stays so, report it.")
        target.write_bytes(content)


def _cache(folder: Path, database: Path, analyses: Path | None) -> Path:
    """A cache folder for one scan: the database by a link, analyses of layers as a copy of our own."""
    (folder / "fanal").mkdir(parents=True)
    if (database / "db").is_dir():
        (folder / "db").symlink_to(database / "db")
    if analyses and analyses.is_file():
        shutil.copyfile(analyses, folder / "fanal" / "fanal.db")
    return folder


def _report(done: process.Finished, path: Path) -> dict[str, Any]:
    if done.timed_out:
        raise Broken("Trivy took longer than [scan] timeout and was ended: nothing is proven. Run again, or raise it.")
    if done.code not in VERDICTS:
        raise Broken(f"Trivy ended with {done.code}, which is no verdict: {done.last_line()[:300]}")
    try:
        report = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Broken(f"Trivy ended with {done.code} and left no report: {error}") from error
    if not isinstance(report, dict) or report.get("SchemaVersion") != 2:
        raise Broken("Trivy's report is not of the kind that Slipway reads (SchemaVersion 2)")
    if lost := next((line for line in done.err.splitlines() if any(words in line for words in LOSSES)), None):
        raise Broken(f"Trivy left something unexamined: {lost.split(maxsplit=2)[-1][:200]}")
    if done.code != _expected(report):
        raise Broken(
            f"Trivy ended with {done.code}, its report says {_expected(report)}: one of them is wrong. Run again."
        )
    return report


def _expected(report: dict[str, Any]) -> int:
    """The exit code that belongs to a report: 11 hides 10."""
    if ((report.get("Metadata") or {}).get("OS") or {}).get("EOSL"):
        return 11
    results = report.get("Results") or []
    failing = [m for r in results for m in r.get("Misconfigurations") or [] if m.get("Status") == "FAIL"]
    return 10 if failing or any(r.get("Vulnerabilities") or r.get("Secrets") for r in results) else 0


def packages(report: dict[str, Any]) -> list[dict[str, Any]]:
    """All packages that a report lists."""
    return [package for result in report.get("Results") or [] for package in result.get("Packages") or []]
