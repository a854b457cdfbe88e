"""actions/upload-artifact and download-artifact: zips in STATE/artifacts/<run id>/<id>/."""

import glob
import hashlib
import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from standin import STATE, WORKSPACE, Refused, choice, flag, output, record, unsupported, value

FORBIDDEN = set('":<>|*?\r\n\\/')


def _folder(run: str) -> Path:
    return STATE / "artifacts" / run


def _known(run: str) -> list[dict]:
    found = [json.loads(path.read_text()) for path in _folder(run).glob("*/meta.json")]
    now = datetime.now(UTC).isoformat()
    return sorted((meta for meta in found if meta.get("expires", "9") > now), key=lambda meta: meta["id"])


def upload() -> None:
    """Zips what `path` names."""
    if not flag("archive"):
        raise Refused("this stand-in does not model archive: false")
    name, run = value("name"), os.environ["GITHUB_RUN_ID"]
    if not name or FORBIDDEN & set(name):
        raise Refused(f"The artifact name is not valid: {name!r}")
    days = value("retention-days")
    if days and not (days.isdecimal() and int(days) <= 90):
        raise Refused(f"Invalid retention-days: {days}")
    if value("compression-level") not in set("0123456789"):
        raise Refused("Invalid compression-level")
    if not value("path"):
        raise Refused("Input required and not supplied: path")
    files, root = _search(value("path").splitlines(), hidden=flag("include-hidden-files"))
    if not files:
        text = f"No files were found with the provided path: {value('path')}. No artifacts will be uploaded."
        case = choice("if-no-files-found", "warn", "error", "ignore")
        if case == "error":
            raise Refused(text)
        print(f"::warning::{text}" if case == "warn" else text)
        return
    if (STATE / "storage-is-full").exists():
        raise Refused(
            "Failed to CreateArtifact: Artifact storage quota has been hit. Unable to upload any new artifacts. "
            "Usage is recalculated every 6-12 hours."
        )
    same = [meta for meta in _known(run) if meta["name"] == name]
    if same and not flag("overwrite"):
        raise Refused("Failed to CreateArtifact: (409) Conflict: an artifact with this name already exists")
    for meta in same:
        (_folder(run) / str(meta["id"]) / "meta.json").unlink()
    number = 1 + max((int(p.name) for p in _folder(run).glob("*")), default=1000)
    place = _folder(run) / str(number)
    place.mkdir(parents=True)
    method = zipfile.ZIP_STORED if value("compression-level") == "0" else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(place / "a.zip", "w", method) as archive:
        for file in files:
            archive.write(file, str(file.relative_to(root)))
    digest = hashlib.sha256((place / "a.zip").read_bytes()).hexdigest()
    meta = {"id": number, "name": name, "digest": digest, "retention-days": days, "method": method}
    (place / "meta.json").write_text(json.dumps(meta))
    record("artifacts.jsonl", {"upload": name, "id": number, "files": len(files), "retention-days": days})
    output("artifact-id", str(number))
    output("artifact-digest", digest)
    output(
        "artifact-url", f"https://github.com/{os.environ['GITHUB_REPOSITORY']}/actions/runs/{run}/artifacts/{number}"
    )


def _search(patterns: list[str], *, hidden: bool) -> tuple[list[Path], Path]:
    """Files by patterns (`!` leaves out) and the least common folder, as the toolkit's glob finds them."""
    found: set[Path] = set()
    roots: list[Path] = []
    for pattern in (p.strip() for p in patterns if p.strip()):
        out = pattern.startswith("!")
        absolute = str(WORKSPACE / Path(pattern.removeprefix("!")).expanduser())
        matches = {Path(m) for m in glob.glob(absolute, recursive=True, include_hidden=True)}  # noqa: PTH207
        files = {f for m in matches for f in (m.rglob("*") if m.is_dir() else [m]) if f.is_file()}
        if out:
            found -= files
            continue
        roots.append(Path(absolute.split("*")[0] + "x").parent if "*" in absolute else Path(absolute))
        base = roots[-1]
        found |= {f for f in files if hidden or not _hidden(f, base if base.is_dir() else base.parent)}
    if not found:
        return [], WORKSPACE
    bases = [r if r.is_dir() else r.parent for r in roots]
    return sorted(found), Path(os.path.commonpath(bases))


def _hidden(file: Path, base: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(base).parts)


def download() -> None:
    """Unpacks by name or by ids, refusing what does not exist or is not what was uploaded."""
    unsupported("pattern")
    name, ids, run = value("name"), value("artifact-ids"), value("run-id") or os.environ["GITHUB_RUN_ID"]
    if name and ids:
        raise Refused("Inputs 'name' and 'artifact-ids' cannot be used together")
    if flag("skip-decompress"):
        raise Refused("this stand-in does not model skip-decompress")
    known = _known(run)
    wanted = [meta for meta in known if not (name or ids) or meta["name"] == name]
    if ids:
        words = [word.strip() for word in ids.split(",") if word.strip()]
        if not words or not all(word.isdecimal() for word in words):
            raise Refused(f"Invalid artifact ID: {ids!r}")
        # As the real one: of each name the highest id alone is listed, whatever is asked for.
        latest = {meta["name"]: meta for meta in known}
        wanted = [meta for meta in latest.values() if str(meta["id"]) in words]
        if not wanted:
            raise Refused("Unable to download artifact(s): None of the provided artifact IDs were found")
        if missing := sorted({*words} - {str(meta["id"]) for meta in wanted}):
            print(f"::warning::Could not find the following artifact IDs: {', '.join(missing)}")
    if name and not wanted:
        raise Refused(f"Unable to download artifact(s): Artifact not found for name: {name}")
    target = WORKSPACE / Path(value("path") or ".").expanduser()
    apart = not (name or (ids and len(wanted) == 1) or flag("merge-multiple"))
    for meta in wanted:
        place = _folder(run) / str(meta["id"])
        digest = hashlib.sha256((place / "a.zip").read_bytes()).hexdigest()
        if digest != meta["digest"]:
            text = f"The artifact's digest {digest} is not the expected one {meta['digest']}"
            if choice("digest-mismatch", "ignore", "info", "warn", "error") == "error":
                raise Refused(text)
            print(text)
        with zipfile.ZipFile(place / "a.zip") as archive:
            archive.extractall(target / meta["name"] if apart else target)
        record("artifacts.jsonl", {"download": meta["name"], "id": meta["id"]})
    output("download-path", str(target))
