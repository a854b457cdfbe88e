"""`make bench-workflows`: what only a runner does.

    python benchmarks/on_a_runner.py [--only set-up verify cache] [--pairs N] [--output FILE]

set-up: the action, where nothing is there. verify: verify.yml under act beside the two commands that it runs; both take
the sample app from a fresh clone, with nothing to reuse but the engine's layers, Trivy's memory only and the same
vulnerability database; act's start, the stand-ins for GitHub's actions and the set-up count. cache: layer_cache.py.
What is not measured keeps the figures of the last time.
"""

import argparse
import asyncio
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import layer_cache

from machine import ROOT

sys.path.insert(0, str(ROOT / "tests" / "kit"))

import trivydb
from workflows.harness import provision
from workflows.harness.real import VERIFIED, Bench
from workflows.harness.registry import Registry

from slipway.tools import images

SETUP_SECONDS, VERIFY_RATIO = 5.0, 1.3
STAGES = (("lint", "build", "test", "scan"), ("--until", "integration"))


def set_up(folder: Path) -> float:
    """Seconds of .github/actions/setup where nothing is there: no uv, an empty cache of packages."""
    path = [f for f in os.environ["PATH"].split(os.pathsep) if not (Path(f) / "uv").exists()]
    environment = {
        **os.environ,
        "PATH": os.pathsep.join(path),
        "GITHUB_PATH": str(folder / "path"),
        "RUNNER_ENVIRONMENT": "github-hosted",  # whose engine is looked at
        "RUNNER_TEMP": str(folder),
        "UV_CACHE_DIR": str(folder / "cache"),
    }
    begun = time.perf_counter()
    subprocess.run([sys.executable, ROOT / ".github/actions/setup/setup.py"], env=environment, check=True, timeout=120)
    seconds = time.perf_counter() - begun
    subprocess.run(
        [folder / "slipway/venv/bin/slipway", "--version"], check=True, stdout=subprocess.DEVNULL, timeout=30
    )
    return seconds


def by_hand(folder: Path, repository: Path, database: Path) -> float:
    """Seconds of the two commands in a fresh clone."""
    subprocess.run(["git", "clone", "--quiet", repository, folder], check=True, timeout=60)
    environment = {**os.environ, "CI": "true", "SLIPWAY_SCAN_DATABASE": str(database)}
    slipway = Path(sys.executable).parent / "slipway"
    begun = time.perf_counter()
    for wanted in STAGES:
        done = subprocess.run([slipway, "run", *wanted], cwd=folder, env=environment, capture_output=True, timeout=300)
        if done.returncode:
            raise SystemExit(
                f"bench: slipway run {' '.join(wanted)} ended with {done.returncode}:\n{done.stdout.decode()}"
            )
    return time.perf_counter() - begun


def under_act(bench: Bench) -> tuple[float, Path]:
    """Seconds of verify.yml, called by a generated caller; and the repository that it checked out."""
    shop, sha = bench.shop(ROOT)
    inputs = {"image": bench.image, "scan-database": str(bench.database), "cache": "off"}
    run = bench.call("verify", shop, sha, inputs, permissions={"contents": "read"})
    run.check({"call/verify": VERIFIED | {"verify/restored": "skipped", "verify/saved": "skipped"}})
    return run.seconds, shop.state / "repos" / bench.name


def set_ups(pairs: int, folder: Path) -> dict[str, Any]:
    """The first round warms up."""
    values = []
    for number in range(pairs + 1):
        (folder / str(number)).mkdir(parents=True)
        values.append(round(set_up(folder / str(number)), 3))
        print(f"bench: set-up {values[-1]:.2f} s", file=sys.stderr)
    middle = statistics.median(values[1:])
    return {"id": "set-up", "median": middle, "limit": SETUP_SECONDS, "unit": "seconds", "values": values[1:]}


def verify(pairs: int, folder: Path) -> dict[str, Any]:
    """In turn; the first round warms up."""
    provision.need(provision.go_tool, "act")
    folder.mkdir()
    database = trivydb.write(folder / "database", only=())
    registry = Registry(asyncio.run(images.choose(ROOT)).registry)
    bench = Bench(folder / "act", registry, database, 8000)
    ours, peer = [], []
    try:
        for number in range(pairs + 1):
            seconds, repository = under_act(bench)
            hand = by_hand(folder / str(number) / f"bench-{secrets.token_hex(3)}", repository, database)
            print(f"bench: verify.yml {seconds:.2f} s, by hand {hand:.2f} s", file=sys.stderr)
            if number:
                ours.append(round(seconds, 3))
                peer.append(round(hand, 3))
    finally:
        bench.end()
        registry.end()
    ratio = round(statistics.median(a / b for a, b in zip(ours, peer, strict=True)), 3)
    return {"id": "verify", "ratio": ratio, "goal": VERIFY_RATIO, "at_most": True, "ours": ours, "peer": peer}


MEASURES: dict[str, Callable[[int, Path], dict[str, Any]]] = {
    "set-up": set_ups,
    "verify": verify,
    "cache": lambda _, folder: layer_cache.measure(folder),
}


def measure(names: Sequence[str], pairs: int, folder: Path) -> list[dict[str, Any]]:
    """Each with its own moment and the load before it."""
    found = []
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        moment = {"measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "load": os.getloadavg()}
        found.append(MEASURES[name](pairs, folder / name) | moment)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "workflows.json")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
    try:
        results = measure(given.only, given.pairs, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    earlier = json.loads(given.output.read_text())["results"] if given.output.exists() else []
    record = {one["id"]: one for one in (*earlier, *results)}
    given.output.write_text(json.dumps({"results": list(record.values())}, indent=1) + "\n")
    for one in results:
        print(json.dumps(one))


if __name__ == "__main__":
    main()
