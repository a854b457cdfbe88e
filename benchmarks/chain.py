"""The longest chain of commands of a traced run, and what of the run's time no command of that chain explains.

The chain is walked backwards: from the stage that ended last to the one of its needs that ended last, and so on. Time
on it counts as explained while a command (or HTTP request) of that very stage was at work, before the first stage and
after the last one any command of the run. The rest is Slipway's own: Python's start, imports, hashing, parsing,
scheduling, and every pause.
"""

from collections.abc import Mapping, Sequence
from typing import Any


def explained(
    wall: tuple[float, float],
    trace: Mapping[str, Any],
    stages: Sequence[Mapping[str, Any]],
    needs: Mapping[str, Sequence[str]],
) -> tuple[float, list[tuple[str, float, float]]]:
    """Seconds that the longest chain explains; and each part of the chain: (name, seconds, unexplained seconds)."""
    spans = trace["spans"]
    times: dict[str, tuple[float, float]] = {}
    for stage in stages:
        if stage["status"] != "skipped":
            begun = trace["begun"] + stage["started"]
            times[stage["name"]] = (begun, begun + stage["seconds"])
    path = [max(times, key=lambda name: times[name][1])]
    while before := [need for need in needs[path[0]] if need in times]:
        path.insert(0, max(before, key=lambda name: times[name][1]))
    parts: list[tuple[str, float, float]] = []
    at = wall[0]

    def part(name: str, end: float, tags: tuple[str, ...]) -> None:
        nonlocal at
        if end > at:
            busy = _covered([(b, e) for tag, _, b, e in spans if tag.startswith(tags)], at, end) if tags else 0.0
            parts.append((name, end - at, end - at - busy))
            at = end

    everything = ("",)  # every tag begins with it
    part("before the stages", times[path[0]][0], everything)
    for name in path:
        part(f"before {name}", times[name][0], ())
        part(name, times[name][1], (name,))
    part("after the stages", wall[1], everything)
    return (wall[1] - wall[0]) - sum(p[2] for p in parts), parts


def _covered(spans: list[tuple[float, float]], start: float, end: float) -> float:
    """Seconds of start…end in which at least one span was open."""
    total, reached = 0.0, start
    for begin, finish in sorted(spans):
        begin, finish = max(begin, reached), min(finish, end)
        if finish > begin:
            total += finish - begin
            reached = finish
    return total
