"""Scan: the real Trivy on the digest. Without a vulnerability database the result is degraded, never green."""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slipway.config import seconds
from slipway.errors import Broken, NotReady
from slipway.image import layers, layout
from slipway.policy import scan as policy
from slipway.policy.finding import severe
from slipway.stages import build
from slipway.stages.base import Context, Outcome, Stage, failed
from slipway.tools import database, provision, trivy
from slipway.tools.database import Database

ANALYSES_LIMIT = 50_000_000  # bytes; the kept file grows with each new layer, and is begun anew beyond this
FUTURE_HOURS = 1.0  # how far ahead of our clock a database may be


async def prepare(context: Context) -> tuple[Path, Database | None, str]:
    """The binary and the database, fetched while the image builds."""
    settings = context.settings.scan
    context.doing("fetching Trivy and its database")
    binary = await provision.tool("trivy")
    try:
        limit = seconds(settings.database_age) / 3600
        return binary, await database.find(settings.database, context.root, binary, context.log, limit), ""
    except NotReady as error:
        return binary, None, str(error)


async def run(context: Context) -> Outcome:
    binary, data, missing = await context.prepared()
    settings = context.settings.scan
    image = layout.read(build.layout_folder(context))
    if image.digest != context.digest:
        raise Broken(f"the layout holds {image.digest}, not the image of this run. Another run changed it; run again.")
    _fresh(data, seconds(settings.database_age) / 3600)
    context.doing("scanning")
    scanner = trivy.Trivy(binary, data.cache if data else context.folder / "no-database", context.log)
    report = await _report(context, scanner, image, data is not None)
    (context.folder / "scan.json").write_text(json.dumps(_without_configuration(report)))
    sbom = context.state / "sbom.cdx.json"  # beside the layout that it speaks of: both are handed over together
    await scanner.sbom(_without_configuration(report), sbom)
    found = severe(policy.findings(report, settings.fail_on, settings.unfixed))
    stopping = [f for f in found if f.stops]
    facts = {"packages": len(trivy.packages(report)), "database": data.version if data else "", "sbom": sbom.name}
    if stopping:
        mends = dict.fromkeys(f.mend for f in stopping if f.mend)
        return failed(_count(len(stopping)), *found, mend="; ".join(list(mends)[:3]), **facts)
    listed = f"{len(found)} listed, none stops" if found else "no findings"
    if data is None:
        summary = f"no vulnerability data here ({missing}); secrets, configuration, SBOM checked"
        return Outcome("degraded", summary, tuple(found), facts=facts)
    summary = f"{facts['packages']} packages, {listed} · data {data.age_hours(datetime.now(UTC)):.0f} h old"
    return Outcome("passed", summary, tuple(found), facts=facts)


async def _report(context: Context, scanner: trivy.Trivy, image: layout.Image, known: bool) -> dict[str, Any]:
    """Trivy's report, itself checked against the image.

    What it learns of each layer is kept for the next scan (docs/decisions/0007): only of layers that were proven, on
    no runner, where code of the project may have planted it, and it is thrown away as soon as anything is wrong.
    """
    folder, limit = build.layout_folder(context), seconds(context.settings.scan.timeout)
    kept = context.state / "analyses" / f"trivy-{provision.pins()['trivy']['version']}.db"
    if not await asyncio.to_thread(layers.proven, folder, image) or os.environ.get("CI"):
        report = await scanner.scan(folder, vulnerabilities=known, timeout=limit)
        _trust(report, image)
        return report
    try:
        report = await scanner.scan(folder, vulnerabilities=known, timeout=limit, analyses=kept)
        _trust(report, image)
    except Broken:
        if not kept.is_file():
            raise
        kept.unlink()
        return await _report(context, scanner, image, known)
    kept.with_suffix(".new").replace(kept)
    if kept.stat().st_size > ANALYSES_LIMIT:
        kept.unlink()
    return report


def _count(number: int) -> str:
    return f"{number} finding{'s' * (number != 1)} stop{'s' * (number == 1)} this image"


def _fresh(data: Database | None, limit_hours: float) -> None:
    """Trivy looks at no age at all: a database of 2019 is scanned with, without a word."""
    if data is None:
        return
    age = data.age_hours(datetime.now(UTC))
    if age > limit_hours:
        raise Broken(
            f"the vulnerability database ({data.source}) is {age:.0f} h old, the limit is {limit_hours:.0f} h: "
            "it cannot say what is known today. Bring a newer one, or raise [scan] database-age."
        )
    if age < -FUTURE_HOURS:
        raise Broken(f"the vulnerability database ({data.source}) is dated in the future. Check this machine's clock.")


def _trust(report: dict[str, Any], image: layout.Image) -> None:
    """Whether the report speaks of our image, and read it at all."""
    metadata = report.get("Metadata") or {}
    if metadata.get("ImageID") != image.config_digest:
        raise Broken("the scanner's report is about another image. Run again with --fresh.")
    if metadata.get("DiffIDs") != image.config.get("rootfs", {}).get("diff_ids"):
        raise Broken("the scanner's report names other layers than the image has. Run again with --fresh.")
    if not trivy.packages(report):
        raise Broken(
            "the scanner recognised no package in the image, so it proves nothing. Is this the image you meant?"
        )
    system = [r for r in report.get("Results") or [] if r.get("Class") == "os-pkgs"]
    if metadata.get("OS") and not any(r.get("Packages") for r in system):
        raise Broken(
            f"the scanner found {metadata['OS'].get('Family')} in the image but none of its packages: "
            "their list is gone. Leave the package manager's own files (/var/lib/dpkg, /lib/apk) in the image."
        )


def _without_configuration(report: dict[str, Any]) -> dict[str, Any]:
    """The report without the image's environment, history and labels, which may hold secrets in clear."""
    metadata = {k: v for k, v in (report.get("Metadata") or {}).items() if k != "ImageConfig"}
    return report | {"Metadata": metadata}


async def key(context: Context) -> str | None:
    """A scan is good for its digest and its database alone."""
    if "build" not in context.done:
        return None
    # What second 0 began is waited for: looked for twice at once, the database would be downloaded twice.
    _, data, _ = await context.prepared() or await prepare(context)
    settings = context.settings.scan
    return f"{context.digest} {data.version if data else 'none'} {settings} {provision.pins()['trivy']['version']}"


STAGE = Stage("scan", ("build",), run, key, prepare)
