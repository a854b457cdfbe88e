"""How each job of the other workflows must end, and how one that ended is held against that."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asking import Api, Check


@dataclass(frozen=True)
class Expected:
    """How a job of another run must end."""

    conclusion: str = "failure"
    step: str = ""  # the step that ends it; none after it may have done anything
    says: str = ""  # in an annotation of that job
    file: str = ""  # that the annotation stands beside
    minutes: float = 0  # it must not have taken longer


GREEN = Expected("success")
STAGE = "Run the stage"
EXPECTED = {
    "selftest-platform": {
        "Refused": GREEN,
        "Secret present": GREEN,
        "Secret absent": GREEN,
        "Cache": GREEN,
    },
    "selftest-broken": {
        "bad-dockerfile / Lint": Expected(step=STAGE, says="DL3000", file="tests/selftest/bad-dockerfile/Dockerfile"),
        "failing-test / Test": Expected(step=STAGE, says="test_price"),
        "vulnerable / Scan": Expected(step=STAGE, says="CVE-2024-1135"),
        "ill-stack / Integration": Expected(step=STAGE, says="web"),
        # GitHub calls a job that exceeds its time "cancelled".
        "slow / Test": Expected("cancelled", step=STAGE, minutes=6),
        "verify / Verify": GREEN,
        "other-digest / Publish": Expected(step="Push, and read the digest back", says="swapped or mixed up"),
        "unpublished / Deploy": Expected(step="Deploy", says="cannot be pulled"),
    },
}


def jobs_of(api: Api, run: int | str) -> dict[str, Any]:
    """The jobs of a run's last attempt, by name."""
    return {job["name"]: job for job in api.get(f"/actions/runs/{run}/jobs?per_page=100")["jobs"]}


def judge(jobs: dict[str, Any], expected: dict[str, Expected], api: Api) -> Iterator[Check]:
    """Every job against what is expected of it; none may be missing, none may be more."""
    for name in sorted(jobs.keys() - expected.keys()):
        yield Check(name, "nothing is expected of it: name it in judging.py")
    for name, how in expected.items():
        what = f"{name}: {how.conclusion}{f' at “{how.step}”' if how.step else ''}"
        yield Check(what, "; ".join(_faults(jobs[name], how, api)) if name in jobs else "it did not run")


def _faults(job: Any, how: Expected, api: Api) -> Iterator[str]:
    if job["conclusion"] != how.conclusion:
        yield f"it ended with {job['conclusion']}"
    if how.step:
        steps = [(s["name"], s["conclusion"]) for s in job["steps"]]
        at = next((n for n, (_, end) in enumerate(steps) if end not in ("success", "skipped")), len(steps))
        ended = steps[at][0] if at < len(steps) else "no step"
        if ended != how.step:
            yield f"{ended} ended it"
        # GitHub's own last steps clean up after what was used.
        later = [n for n, end in steps[at + 1 :] if end != "skipped" and not n.startswith(("Post ", "Complete job"))]
        if later:
            yield f"after it there was still: {', '.join(later)}"
    if how.minutes and span(job)[1] - span(job)[0] > how.minutes * 60:
        yield f"it took longer than {how.minutes:g} minutes"
    if how.says:
        notes = api.get(f"/check-runs/{job['check_run_url'].rpartition('/')[2]}/annotations?per_page=100")
        said = [note for note in notes if how.says in f"{note.get('title')} {note.get('message')}"]
        if not said:
            yield f"no annotation says {how.says!r}"
        elif how.file and how.file not in [note["path"] for note in said]:
            yield f"it says so beside {', '.join(note['path'] for note in said)}, not {how.file}"


def span(one: Any) -> tuple[float, float]:
    """When a job or step began and ended."""
    return moment(one["started_at"]), moment(one["completed_at"])


def moment(text: str) -> float:
    """Unix time of what the API writes."""
    return datetime.fromisoformat(text).timestamp()
