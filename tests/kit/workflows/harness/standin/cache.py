"""actions/cache, in halves: folders in STATE/cache, by key and by the paths that were saved.

`ACTIONS_CACHE_MODE` is what the runner tells of the job's `cache-mode`: none, read, write or write-only.
"""

import hashlib
import os
import subprocess
from pathlib import Path

from standin import STATE, WORKSPACE, Refused, flag, output, record, value

FOLDER = STATE / "cache"
MODE = os.environ.get("ACTIONS_CACHE_MODE") or "write"


def _paths() -> list[str]:
    paths = [line.strip() for line in value("path").splitlines() if line.strip()]
    if not paths or not value("key"):
        raise Refused("Input required and not supplied: path and key")
    if len(value("key")) > 512 or "," in value("key"):
        raise Refused(f"Key Validation Error: {value('key')}")
    return [str(WORKSPACE / Path(path).expanduser()) for path in paths]


def _file(key: str, paths: list[str]) -> Path:
    # Workspace and RUNNER_TEMP have other names in every run here, and the same ones on every runner.
    stable = "|".join(paths).replace(str(WORKSPACE), "WORKSPACE").replace(os.environ["RUNNER_TEMP"], "TEMP")
    return FOLDER / hashlib.sha256(stable.encode()).hexdigest()[:12] / key.replace("/", "%2F")


def restore() -> None:
    """Unpacks the entry of the key, or the newest whose key begins with one of restore-keys."""
    paths, key = _paths(), value("key")
    exact = _file(key, paths)
    found = exact if exact.exists() else None
    for prefix in [] if found else value("restore-keys").splitlines():
        name = prefix.strip().replace("/", "%2F")
        entries = [p for p in exact.parent.glob("*") if name and p.name.startswith(name)]
        found = max(entries, key=lambda p: p.stat().st_mtime_ns, default=None)
        if found:
            break
    if MODE in ("none", "write-only"):
        found = None
    matched = found.name.replace("%2F", "/") if found else ""
    record("cache.jsonl", {"restore": key, "matched": matched, "mode": MODE})
    if not found and flag("fail-on-cache-miss"):
        raise Refused(f"Failed to restore cache entry. Exiting as fail-on-cache-miss is set. Input key: {key}")
    if found and not flag("lookup-only"):
        for number, path in enumerate(paths):
            _copy(found / str(number), Path(path))
    output("cache-hit", ("true" if matched == key else "false") if found else "")
    output("cache-primary-key", key)
    output("cache-matched-key", matched)


def save() -> None:
    """Packs the paths under the key; an entry that exists stays, with a warning, as on GitHub."""
    paths, key = _paths(), value("key")
    there = [path for path in paths if Path(path).exists()]
    file = _file(key, paths)
    if MODE in ("none", "read"):
        print(f"::warning::cache-mode is {MODE}: nothing is saved")
    elif not there:
        print("::warning::Path Validation Error: Path(s) specified in the action for caching do(es) not exist")
    elif file.exists():
        print(f"::warning::Failed to save: Unable to reserve cache with key {key}, another job may be creating it")
    else:
        for number, path in enumerate(paths):
            _copy(Path(path), file / str(number))
        record("cache.jsonl", {"save": key, "mode": MODE})


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def both() -> None:
    """The whole action saves in a post step, which a composite stand-in does not have."""
    raise Refused("this stand-in models actions/cache/restore and actions/cache/save only")
