"""Scan: the real Trivy on the digest. Without a vulnerability database the result is degraded, never green."""

import asyncio
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slipway.config import seconds
from slipway.errors import Broken, NotReady, UsageError
from slipway.image import layers, layout, sbom
from slipway.policy import canary, exceptions, locked, origin
from slipway.policy import scan as policy
from slipway.policy.finding import Finding, severe
from slipway.policy.trust import believe
from slipway.stages import baseline, build
from slipway.stages.base import Context, Outcome, Stage, failed
from slipway.tools import database, provision, trivy
from slipway.tools.database_store import Database
from slipway.tools.process import together

ANALYSES_LIMIT = 50_000_000  # bytes; the kept file grows with each new layer, and is begun anew beyond this
CANARY_SECONDS = 60.0


async def prepare(context: Context) -> tuple[Path, Database | None, str]:
    """The binary and the database, fetched while the image builds."""
    settings = context.settings.scan
    context.doing("fetching Trivy and its database")

    async def data() -> tuple[Database | None, str]:
        try:
            return await database.find(settings.database, context.root, context.log, _limit(context)), ""
        except NotReady as error:
            return None, str(error)

    binary, (found, missing) = await together(provision.tool("trivy"), data())
    return binary, found, missing


async def run(context: Context) -> Outcome:
    binary, data, missing = await context.prepared()
    image = layout.read(build.layout_folder(context))
    if image.digest != context.digest:
        raise Broken(f"the layout holds {image.digest}, not the image of this run. Another run changed it; run again.")
    _fresh(data, _limit(context))
    context.doing("scanning")
    scanner = trivy.Trivy(binary, data.cache if data else context.folder / "no-database", context.log)
    report = await _report(context, scanner, image, data is not None)
    _complete(context, image, report)
    kept = _without_values(report)
    (context.folder / "scan.json").write_text(json.dumps(kept))
    # Beside the layout that they speak of: it is handed over with the first.
    bills = [scanner.sbom(kept, context.state / name) for name in (sbom.FILE, sbom.SPDX)]
    await together(*bills, _sing(scanner, report, data))
    found, compared, more = await _judge(context, report, data, image.platform)
    stopping = [f for f in found if f.stops]
    known = data.facts if data else {"database": ""}
    facts = {"packages": len(trivy.packages(report)), "sbom": sbom.FILE, **known, **more}
    if stopping:
        fixes = dict.fromkeys(f.fix for f in stopping if f.fix)
        fix = "; ".join([*list(fixes)[:3], f"to accept one until a day: {exceptions.FILE}"])
        return failed(_count(len(stopping)) + compared, *found, fix=fix, **facts)
    accepted = sum(bool(f.accepted) for f in found)
    listing = f"{len(found)} listed, none stops" if found else "no findings"
    listing += (f", {accepted} of them accepted until a day" if accepted else "") + compared
    if data is None:
        summary = f"no vulnerability data here ({missing}); secrets, configuration, SBOM checked"
        return Outcome("degraded", summary, tuple(found), facts=facts)
    origin = f"data {data.age_hours(datetime.now(UTC)):.0f} h old, {data.source}"
    summary = f"{facts['packages']} packages, {listing} · {origin}"
    return Outcome("passed", summary, tuple(found), facts=facts)


async def _judge(
    context: Context, report: dict[str, Any], data: Database | None, platform: str
) -> tuple[list[Finding], str, dict[str, str]]:
    """Everything that was found, and what of it stops this image today; what is to be said of the comparison with the
    default branch, and what came of its baseline."""
    settings, today = context.settings.scan, datetime.now(UTC).date()
    found = policy.findings(report, settings.fail_on, settings.unfixed)
    if data and (system := canary.unproven(report)):
        message = f"no old advisory for {system} is known to Slipway: that the database has its data is not proven"
        found.append(Finding("unproven", "UNKNOWN", message, stops=False))
    found = origin.locate(found, _sources(context))
    file = context.root / exceptions.FILE
    try:
        accepted = exceptions.read(file.read_text(encoding="utf-8"), today) if file.is_file() else []
    except (OSError, ValueError) as error:
        raise UsageError(f"{exceptions.FILE}:{error}") from error
    found = exceptions.apply(found, accepted, today)
    if settings.gate == "all":
        return severe(found), "", {}
    base = await baseline.find(context, platform)
    found = severe(base.judged(found, accepted))
    new = data is not None and baseline.keep(base, context, platform, report, found)
    said = base.said(found)
    return found, f" · {said}" if said else "", {"baseline": "kept" if new else "read" if base.kept else "none"}


async def _report(context: Context, scanner: trivy.Trivy, image: layout.Image, known: bool) -> dict[str, Any]:
    """Trivy's report, itself checked against the image.

    What it learns of each layer is kept for the next scan (docs/decisions/0007): only of layers that were proven, on
    no runner, where code of the project may have planted it, and it is thrown away as soon as anything is wrong.
    """
    folder, limit = build.layout_folder(context), seconds(context.settings.scan.timeout)
    kept = context.state / "analyses" / f"trivy-{_scanner()}.db"
    if not await asyncio.to_thread(layers.proven, folder, image) or os.environ.get("CI"):
        report = await scanner.scan(folder, vulnerabilities=known, timeout=limit)
        _believe(context, report, image)
        return report
    try:
        report = await scanner.scan(folder, vulnerabilities=known, timeout=limit, analyses=kept)
        _believe(context, report, image)
    except Broken:
        if not kept.is_file():
            raise
        kept.unlink()
        return await _report(context, scanner, image, known)
    kept.with_suffix(".new").replace(kept)
    if kept.stat().st_size > ANALYSES_LIMIT:
        kept.unlink()
    return report


def _complete(context: Context, image: layout.Image, report: dict[str, Any]) -> None:
    """Whether the scanner saw every package that the project's lock file puts into the image."""
    folder, name = context.root / context.settings.build.context, _lock(context)
    if name in ("", "none"):
        return
    kind = Path(name).name
    if kind not in locked.INSTALLS or not (folder / name).is_file():
        raise UsageError(f"[scan] packages: {name} is not here, or none of {', '.join(locked.INSTALLS)}.")
    try:
        text = (folder / name).read_text(encoding="utf-8")
        wanted = locked.required(kind, text, locked.environment(image.config))
    except (OSError, ValueError) as error:
        raise Broken(f"what must be in the image cannot be told: {error}. Fix {name}.") from error
    if gone := locked.missing(wanted, trivy.packages(report)):
        more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
        raise Broken(
            f"{name} puts {', '.join(gone[:3])}{more} into the image, and the scanner saw no such thing: what it does "
            "not see it cannot judge. Leave the packages' metadata (*.dist-info) in the image; if it is not made from "
            f"{name}, say so: [scan] packages."
        )


def _lock(context: Context) -> str:
    """The file of the build context that says which packages the image holds; empty or "none": there is none."""
    folder, name = context.root / context.settings.build.context, context.settings.scan.packages
    if name != "auto":
        return name
    return locked.chosen(_text(_dockerfile(context)), [n for n in locked.INSTALLS if (folder / n).is_file()])


def _dockerfile(context: Context) -> Path:
    return context.root / context.settings.build.dockerfile


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    except OSError:
        return ""


def _sources(context: Context) -> origin.Sources:
    """What findings are traced back to; paths are relative to the project."""
    build = context.settings.build
    lock = os.path.normpath(Path(build.context, _lock(context)))
    return origin.Sources(
        build.dockerfile, _text(_dockerfile(context)), build.target, lock, _text(context.root / lock),
        build.context, lambda name: len(_text(context.root / name).splitlines()),
    )  # fmt: skip


def _believe(context: Context, report: dict[str, Any], image: layout.Image) -> None:
    version, least = provision.pins()["trivy"]["version"], context.settings.scan.system_packages
    believe(report, image.config_digest, image.config, version, least)


async def _sing(scanner: trivy.Trivy, report: dict[str, Any], data: Database | None) -> None:
    """The canary (slipway.policy.canary): with the same binary and the same data as the image."""
    if data is None or not canary.ecosystems(report):
        return
    silent = canary.silent(report, await scanner.examine(canary.document(report), CANARY_SECONDS))
    if silent:
        raise Broken(
            f"the vulnerability database ({data.source}) does not know the oldest advisories for "
            f"{' and '.join(silent)}: it is damaged, or was made for something else. Fetch it anew: `slipway db pull`."
        )


def _count(number: int) -> str:
    return f"{number} finding{'s' * (number != 1)} stop{'s' * (number == 1)} this image"


def _fresh(data: Database | None, limit_hours: float) -> None:
    """Trivy looks at no age at all: a database of 2019 is scanned with, without a word."""
    if data is None or data.current(limit_hours):
        return
    age = data.age_hours(datetime.now(UTC))
    if age > limit_hours:
        raise Broken(
            f"the vulnerability database ({data.source}) is {age:.0f} h old, the limit is {limit_hours:.0f} h: "
            "it cannot say what is known today. Bring a newer one, or raise [scan] database-age."
        )
    raise Broken(f"the vulnerability database ({data.source}) is dated in the future. Check this machine's clock.")


def _limit(context: Context) -> float:
    """The age, in hours, from which a database is stale."""
    return seconds(context.settings.scan.database_age) / 3600


def _without_values(report: dict[str, Any]) -> dict[str, Any]:
    """The report without what may hold secrets in clear: the image's environment, history and labels, and the lines
    around a finding, of which Trivy masks the finding alone."""

    def pruned(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{k: v for k, v in one.items() if k not in ("Match", "Code", "CauseMetadata")} for one in found]

    metadata = {k: v for k, v in (report.get("Metadata") or {}).items() if k != "ImageConfig"}
    results = [
        result | {kind: pruned(result[kind]) for kind in ("Secrets", "Misconfigurations") if result.get(kind)}
        for result in report.get("Results") or []
    ]
    return report | {"Metadata": metadata, "Results": results}


async def key(context: Context) -> str | None:
    """A scan is good for its digest, its database and the rules it was judged by, as long as that database is."""
    if "build" not in context.done:
        return None
    # What second 0 began is waited for: looked for twice at once, the database would be downloaded twice.
    _, data, _ = await context.prepared() or await prepare(context)
    settings = context.settings.scan
    file = context.root / exceptions.FILE
    rules = f"{file.read_bytes().hex()} {datetime.now(UTC):%Y-%m-%d}" if file.is_file() else ""
    if settings.gate == "new" and (base := baseline.place(context)) and base.is_file():
        rules += hashlib.sha256(base.read_bytes()).hexdigest()
    if data and not data.current(_limit(context)):
        return None
    return f"{context.digest} {data.version if data else 'none'} {settings} {rules} {_scanner()}"


def _scanner() -> str:
    """What scans: Trivy's version, and ours of the rules that it is given."""
    return f"{provision.pins()['trivy']['version']}-{hashlib.sha256(trivy.SECRETS.read_bytes()).hexdigest()[:8]}"


STAGE = Stage("scan", ("build",), run, key, prepare)
