"""What each figure is held against, and the table of what came of it."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

OVERHEAD_SECONDS = 0.3  # of G7, where the share is missed
LIMITS = {
    "help": ("slipway --help", 0.25, "s"),
    "memory": ("memory of slipway itself, at its peak", 80.0, "MB"),
    "views": ("policy and every view of 1,000 findings", 0.15, "s"),
}


@dataclass(frozen=True)
class Goal:
    """What a figure is held against."""

    id: str
    about: str
    peer: str
    goal: float
    # How the pair (ours, peer) gives the figure: how many times as fast we are (at least the goal is wanted), how many
    # times as slow (at most), or how many seconds slower (at most).
    kind: Literal["faster", "slower", "later"] = "faster"

    def figure(self, ours: float, peer: float) -> float:
        return {"faster": peer / ours, "slower": ours / peer, "later": ours - peer}[self.kind]


GOALS = {
    goal.id: goal
    for goal in (
        Goal("G1", "whole run, warm, nothing reused", "seed-style script", 4.5),
        Goal("G2", "whole run, warm, nothing reused", "careful script", 2.2),
        Goal("G3", "whole run, nothing changed", "seed-style script", 40),
        Goal("G4", "whole run after a source change", "seed-style script", 5.5),
        Goal("G4-careful", "whole run after a source change", "careful script", 2.3),
        Goal("G5", "image after a source change", "tutorial's Dockerfile", 12),
        Goal("G6", "build stage, nothing changed", "bare docker buildx build", 1.25, "slower"),
        Goal("G7", "share of the run that is Slipway's own", "longest chain of commands", 0.10, "slower"),
        Goal("G8", "db, cache and web healthy", "same stack, checks each 5 s", 5),
        Goal("G8-default", "db, cache and web healthy", "same stack, checks each 30 s", 20),
        Goal("G12", "gunicorn's start to the first 200", "same image, no bytecode", 2.5),
        Goal("scan", "scan stage, nothing kept", "bare trivy image, same flags", 0.4, "later"),
        Goal("scan-kept", "scan stage, layers known", "bare trivy image, its cache kept", 0.4, "later"),
    )
}


@dataclass
class Figures:
    """What one goal came to."""

    goal: Goal
    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    def add(self, ours: float, peer: float) -> None:
        self.ours.append(ours)
        self.peer.append(peer)

    @property
    def ratios(self) -> list[float]:
        if self.goal.id == "G7":  # what the chain does not explain, of the whole
            return [1 - chain / wall for wall, chain in zip(self.ours, self.peer, strict=True)]
        return [self.goal.figure(a, b) for a, b in zip(self.ours, self.peer, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def reached(self) -> bool:
        if self.goal.id == "G7":
            own = statistics.median(w - c for w, c in zip(self.ours, self.peer, strict=True))
            return self.ratio <= self.goal.goal or own <= OVERHEAD_SECONDS
        return self.ratio >= self.goal.goal if self.goal.kind == "faster" else self.ratio <= self.goal.goal

    def record(self) -> dict[str, Any]:
        return {
            "id": self.goal.id, "ratio": round(self.ratio, 3), "goal": self.goal.goal,
            "ours": [round(s, 3) for s in self.ours], "peer": [round(s, 3) for s in self.peer],
            "ratios": [round(r, 3) for r in self.ratios], "at_most": self.goal.kind != "faster", "kind": self.goal.kind,
            "reached": self.reached, "about": self.goal.about, "against": self.goal.peer, **self.more,
        }  # fmt: skip


def limits(measured: dict[str, list[float]]) -> list[dict[str, Any]]:
    """What stands beside a limit of its own, for the record."""
    return [
        {"id": name, "median": round(statistics.median(values), 3), "limit": limit, "unit": unit,
         "values": [round(v, 3) for v in values], "reached": statistics.median(values) <= limit}
        for name, (_, limit, unit) in LIMITS.items() if (values := measured.get(name))
    ]  # fmt: skip


def table(figures: Sequence[Figures], measured: dict[str, list[float]]) -> str:
    """All figures, for people."""
    rows = [("", "what", "ours, s (min–max)", "peer, s (min–max)", "ratio (min–max)", "goal", "")]
    for f in figures:
        if not f.ours:
            continue
        sign = "≥" if f.goal.kind == "faster" else "≤"
        unit, scale = (" %", 100) if f.goal.id == "G7" else (" s", 1) if f.goal.kind == "later" else ("x", 1)
        rows.append((
            f.goal.id, f"{f.goal.about} / {f.goal.peer}", _spread(f.ours), _spread(f.peer),
            _spread([r * scale for r in f.ratios], unit), f"{sign} {f.goal.goal * scale:g}{unit}", _word(f.reached),
        ))  # fmt: skip
    for name, (about, limit, unit) in LIMITS.items():
        if values := measured.get(name):
            reached = _word(statistics.median(values) <= limit)
            rows.append(("", about, _spread(values, f" {unit}"), "", "", f"≤ {limit:g} {unit}", reached))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _spread(values: list[float], unit: str = "") -> str:
    digits = 2 if max(values) < 100 else 0
    return f"{statistics.median(values):.{digits}f}{unit} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def _word(reached: bool) -> str:
    return "reached" if reached else "MISSED"
