"""All that a run left behind for people: its result, and of its folder the tests, coverage, packages and logs; the runs
before it. What a reused stage left is in the folder of the run that it comes from."""

import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from slipway.deploy import record
from slipway.deploy.record import Record
from slipway.errors import UsageError
from slipway.pipeline import folder as folders
from slipway.pipeline.result import RunResult, StageResult
from slipway.policy import junit
from slipway.report.text import legible

LOG_LIMIT = 64 * 1024  # bytes of one log that are shown; the file has them all


class Package(msgspec.Struct, frozen=True, rename="pascal"):
    """A package of the image, as the scanner saw it."""

    name: str
    version: str = ""
    licenses: list[str] = []


class _Target(msgspec.Struct, frozen=True, rename="pascal"):
    type: str = ""
    packages: list[Package] = []


class _Scan(msgspec.Struct, frozen=True, rename="pascal"):
    results: list[_Target] = []


@dataclass(frozen=True)
class Log:
    """The end of a log."""

    path: str  # relative to the project
    text: str
    left_out: int  # bytes before it


@dataclass(frozen=True)
class Evidence:
    """A run, and what is known around it."""

    run: RunResult
    folder: Path
    earlier: tuple[RunResult, ...] = ()  # oldest first
    cases: dict[str, list[junit.Case]] = field(default_factory=dict)
    coverage: list[junit.Covered] = field(default_factory=list)
    packages: list[tuple[str, Package]] = field(default_factory=list)  # with its kind: debian, python-pkg …
    logs: dict[str, Log] = field(default_factory=dict)
    deploys: list[Record] = field(default_factory=list)  # up to this run, oldest first


def gather(folder: Path) -> Evidence:
    """Read a run's folder.

    Raises:
        UsageError: there is no readable result in it.
    """
    run = read(folder)
    origin = {stage.name: _origin(folder, stage) for stage in run.stages}
    cases = {name: found for name in ("test", "integration") if (found := _cases(origin, name))}
    coverage = junit.files(origin["test"] / "test" / "coverage.xml") if "test" in origin else []
    logs = {name: log for name, place in origin.items() if (log := _log(place, name))}
    earlier = itertools.takewhile(lambda other: other.id != run.id, runs(folder.parent))
    return Evidence(run, folder, tuple(earlier), cases, coverage, packages(folder, run), logs, _deploys(folder, run))


def read(folder: Path) -> RunResult:
    """The result in a run's folder.

    Raises:
        UsageError: there is none, or none that can be read.
    """
    try:
        return msgspec.json.decode((folder / "result.json").read_bytes(), type=RunResult)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{folder} holds no result of a run that can be read. List the runs: slipway runs") from error


def runs(folder: Path) -> list[RunResult]:
    """The results of all runs in a folder, oldest first; what cannot be read counts as absent."""
    found = []
    # By the second in which they began; of those of one second, which chance has named, by when they ended.
    paths = ((p.parent.name[:15], p.stat().st_mtime_ns, p) for p in folder.glob("*/result.json"))
    for *_, path in sorted(paths):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=RunResult))
        except (OSError, msgspec.DecodeError):
            continue
    return found


def find(root: Path, name: str = "") -> Path:
    """The folder of a run: `name` is an id, the beginning of one, or a folder; by default the last run.

    Raises:
        UsageError: there is none, or more than one.
    """
    if (Path(name) / "result.json").is_file():
        return Path(name).resolve()
    kept = root / folders.NAME / "runs"
    ids = [path.parent.name for path in sorted(kept.glob("*/result.json"))]
    fits = [i for i in ids if i.startswith(name)] if name else ids[-1:]
    if not fits:
        why = f"no run {name!r} is kept" if name else "nothing was run"
        raise UsageError(f"{why} in {root}. List the runs: slipway runs")
    if len(fits) > 1:
        raise UsageError(f"{name!r} is the beginning of {len(fits)} runs: {fits[0]} … {fits[-1]}. Give more of it.")
    return kept / fits[0]


def tail(path: Path, limit: int) -> tuple[str, int]:
    """The last `limit` bytes of a file, from the beginning of a line, and how many are left out.

    A link is not followed: the folder may come from elsewhere.
    """
    try:
        if path.is_symlink() or not path.is_file():
            return "", 0
        with path.open("rb") as file:
            left = max(0, path.stat().st_size - limit)
            file.seek(left)
            content = file.read(limit)
    except OSError:
        return "", 0
    if left and b"\n" in content:
        cut = content.index(b"\n") + 1
        left, content = left + cut, content[cut:]
    return legible(content.decode(errors="replace")), left


def _origin(folder: Path, stage: StageResult) -> Path:
    run = str(stage.facts.get("run", ""))
    return folder.parent / run if re.fullmatch(r"[\w-]+", run) and run != "latest" else folder


def _cases(origin: dict[str, Path], name: str) -> list[junit.Case]:
    return junit.cases(origin[name] / name) if name in origin else []


def _deploys(folder: Path, run: RunResult) -> list[Record]:
    """The checkout's records up to this run's end; where there are none, as beside a folder that came from elsewhere,
    what the run itself says."""
    end = datetime.fromisoformat(run.started) + timedelta(seconds=run.seconds + 1)
    known = [one for one in record.read(folder.parent.parent) if _time(one.time) <= end]
    if known:
        return known
    own = [stage.facts for stage in run.stages if stage.name == "deploy" and stage.facts.get("result")]
    return [
        Record(
            run.started, str(facts.get("environment", "")), "", run.image.reference, "", str(facts["result"]),
            str(facts.get("previous", "")), str(facts.get("url", "")), "",
        )
        for facts in own
    ]  # fmt: skip


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def packages(folder: Path, run: RunResult) -> list[tuple[str, Package]]:
    """What the scanner saw in the image, Python's packages first; nothing where it did not look."""
    scan = next((stage for stage in run.stages if stage.name == "scan"), None)
    if scan is None:
        return []
    path = _origin(folder, scan) / "scan.json"
    try:
        report = b"{}" if path.is_symlink() else path.read_bytes()
        seen = msgspec.json.decode(report, type=_Scan)
    except (OSError, msgspec.DecodeError):
        return []
    found = [(target.type, package) for target in seen.results for package in target.packages]
    return sorted(found, key=lambda one: (one[0] != "python-pkg", one[0], one[1].name.lower()))


def _log(folder: Path, name: str) -> Log | None:
    text, left_out = tail(folder / f"{name}.log", LOG_LIMIT)
    return Log(f"{folders.NAME}/runs/{folder.name}/{name}.log", text, left_out) if text.strip() else None
