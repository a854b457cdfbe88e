"""What changed from one run to the next."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from slipway.pipeline.result import RunResult, StageResult
from slipway.policy.finding import Finding
from slipway.report.evidence import Package
from slipway.report.text import count, megabytes


class Change(Struct, frozen=True):
    """How a run differs from an earlier one of the same stages."""

    since: str  # the earlier run
    seconds: float
    size: int | None  # bytes; None where one of them built no image
    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    stages: tuple[tuple[str, str, str], ...]  # name, status then, status now

    @property
    def words(self) -> str:
        """The change in a line."""
        parts = [f"{round(self.seconds, 1) + 0:+.1f} s"]
        if self.size is not None:
            parts.append(("+" if self.size > 0 else "") + megabytes(self.size) if self.size else "same size")
        parts += [count(len(self.new), "new finding")] if self.new else []
        parts += [f"{count(len(self.gone), 'finding')} gone"] if self.gone else []
        parts += [f"{name}: {before} → {after}" for name, before, after in self.stages]
        return " · ".join(parts)


@dataclass(frozen=True)
class ImageChange:
    """An image, layer by layer, beside an earlier one."""

    before: str  # the earlier run; empty where there is none
    size: int
    words: str
    layers: tuple[tuple[str, int, str, str], ...]  # digest, bytes, what made it, "same" | "new" | ""
    gone: tuple[tuple[int, str], ...]  # bytes, what made it


def facts(run: RunResult, stage: str) -> dict[str, Any]:
    """What a stage of a run left on record."""
    return next((dict(s.facts) for s in run.stages if s.name == stage), {})


def really(stage: StageResult, earlier: Sequence[RunResult]) -> StageResult | None:
    """What a reused stage was where it ran; None for others, and where that run is not known here."""
    origin = next((run for run in earlier if run.id == stage.facts.get("run")), None)
    return next((one for one in origin.stages if one.name == stage.name), None) if origin else None


def green_before(earlier: Sequence[RunResult], stage: str) -> RunResult | None:
    """The last green run in which a stage left something on record."""
    return next((r for r in reversed(earlier) if r.status in ("passed", "degraded") and facts(r, stage)), None)


def change(run: RunResult, earlier: Sequence[RunResult]) -> Change | None:
    """Against the last run of the same stages; None where there is none."""
    names = [s.name for s in run.stages]
    before = next((r for r in reversed(earlier) if [s.name for s in r.stages] == names), None)
    if before is None:
        return None
    sizes = [facts(r, "build").get("size") for r in (before, run)]
    new, gone = findings(before, run)
    moved = [(s.name, _verdict(b), _verdict(s)) for b, s in zip(before.stages, run.stages, strict=True)]
    differs = tuple(move for move in moved if move[1] != move[2] and "" not in move)
    size = sizes[1] - sizes[0] if isinstance(sizes[0], int) and isinstance(sizes[1], int) else None
    return Change(before.id, round(run.seconds - before.seconds, 3), size, tuple(new), tuple(gone), differs)


def _verdict(stage: StageResult) -> str:
    """Reused is what it was; what did not run has none."""
    return {"reused": "passed", "skipped": "", "cancelled": ""}.get(stage.status, stage.status)


def findings(before: RunResult, after: RunResult) -> tuple[list[Finding], list[Finding]]:
    """What came and what went, in the stages that judged both times. A line that moved makes no finding new."""

    def judged(run: RunResult) -> set[str]:
        return {s.name for s in run.stages if s.status not in ("skipped", "cancelled", "broken")}

    both = judged(before) & judged(after)
    old, new = ([(s.name, f) for s in run.stages if s.name in both for f in s.findings] for run in (before, after))
    return _beyond(new, old), _beyond(old, new)


def _beyond(these: list[tuple[str, Finding]], those: list[tuple[str, Finding]]) -> list[Finding]:
    left = Counter(_key(*one) for one in those)
    more = []
    for stage, finding in these:
        left[_key(stage, finding)] -= 1
        if left[_key(stage, finding)] < 0:
            more.append(finding)
    return more


def _key(stage: str, finding: Finding) -> tuple[str, ...]:
    return stage, finding.rule, finding.file, finding.package, finding.message


def image_change(run: RunResult, earlier: Sequence[RunResult]) -> ImageChange:
    """The run's image beside that of the last green run."""
    now = _layers(run)
    green = green_before(earlier, "build")
    before = _layers(green) if green else []
    known, kept = {digest for digest, _, _ in before}, {digest for digest, _, _ in now}
    layers = tuple((d, s, step, ("same" if d in known else "new") if green else "") for d, s, step in now)
    gone = tuple((s, step) for d, s, step in before if d not in kept)
    size, earlier_size = sum(s for _, s, _ in now), sum(s for _, s, _ in before)
    fresh = sum(state == "new" for *_, state in layers)
    grown = size - earlier_size
    sign = "+" if grown > 0 else ""
    words = f"{sign}{megabytes(grown)}, {fresh} of {len(layers)} layers are new" if fresh or gone else "the same"
    return ImageChange(green.id if green else "", size, words, layers, gone)


def _layers(run: RunResult) -> list[tuple[str, int, str]]:
    return [(str(d), int(s), str(step)) for d, s, step in facts(run, "build").get("layers", ())]


def package_changes(before: Sequence[tuple[str, Package]], after: Sequence[tuple[str, Package]]) -> list[str]:
    """`+ a 1.0`, `- b 2.0`, `c 1.0 → 1.1`, by name."""
    old, new = ({(kind, p.name): p.version for kind, p in packages} for packages in (before, after))
    said = []
    for key in sorted(old.keys() | new.keys(), key=lambda k: k[1].lower()):
        was, now = old.get(key), new.get(key)
        if was != now:
            said.append(
                f"{key[1]} {was} → {now}" if was and now else f"+ {key[1]} {now}" if now else f"- {key[1]} {was}"
            )
    return said
