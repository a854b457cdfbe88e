"""`make bench-workflows`: the set-up of a runner, and verify.yml under act beside the two commands that it runs.

    python benchmarks/on_a_runner.py [--pairs N] [--output FILE]

Both sides take the sample app from a fresh clone, with nothing to reuse but the engine's layers, Trivy's memory only
and the same vulnerability database; act's start, the stand-ins for GitHub's actions and the set-up count.
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
from pathlib import Path
from typing import Any

from bed import ROOT

sys.path.insert(0, str(ROOT / "tests" / "kit"))

import trivydb
from workflows.harness import provision
from workflows.harness.real import Bench
from workflows.harness.registry import Registry

from slipway.tools import images

SETUP_SECONDS, VERIFY_RATIO = 5.0, 1.3
STAGES = (("lint", "build", "test", "scan"), ("integration",))


def set_up(folder: Path) -> float:
    """Seconds of .github/actions/setup where nothing is there: no uv, an empty cache of packages."""
    path = [f for f in os.environ["PATH"].split(os.pathsep) if not (Path(f) / "uv").exists()]
    environment = {
        **os.environ,
        "PATH": os.pathsep.join(path),
        "GITHUB_PATH": str(folder / "path"),
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
    for stages in STAGES:
        done = subprocess.run([slipway, "run", *stages], cwd=folder, env=environment, capture_output=True, timeout=300)
        if done.returncode:
            raise SystemExit(
                f"bench: slipway run {' '.join(stages)} ended with {done.returncode}:\n{done.stdout.decode()}"
            )
    return time.perf_counter() - begun


def under_act(bench: Bench) -> tuple[float, Path]:
    """Seconds of verify.yml, called by a generated caller; and the repository that it checked out."""
    shop, sha = bench.shop(ROOT)
    inputs = {"image": bench.image, "scan-database": str(bench.database), "cache": "off"}
    run = bench.call("verify", shop, sha, inputs, permissions={"contents": "read"})
    run.check({"call/verify": {"*": "success", "": "success", "4": "skipped", "9": "skipped"}})
    return run.seconds, shop.state / "repos" / bench.name


def measure(pairs: int, folder: Path) -> dict[str, Any]:
    provision.need(provision.go_tool, "act")
    database = trivydb.write(folder / "database", only=())
    registry = Registry(asyncio.run(images.choose(ROOT)).registry)
    bench = Bench(folder / "act", registry, database, 8000)
    setups, ours, peer = [], [], []
    try:
        for number in range(pairs + 1):  # the first round warms up
            here = folder / str(number)
            here.mkdir()
            setup = set_up(here)
            seconds, repository = under_act(bench)
            hand = by_hand(here / f"bench-{secrets.token_hex(3)}", repository, database)
            print(f"bench: set-up {setup:.2f} s, verify.yml {seconds:.2f} s, by hand {hand:.2f} s", file=sys.stderr)
            if number:
                for values, value in zip((setups, ours, peer), (setup, seconds, hand), strict=True):
                    values.append(round(value, 3))
    finally:
        bench.end()
        registry.end()
    ratio = statistics.median(a / b for a, b in zip(ours, peer, strict=True))
    return {
        "results": [
            {
                "id": "set-up",
                "median": statistics.median(setups),
                "limit": SETUP_SECONDS,
                "unit": "seconds",
                "values": setups,
            },
            {
                "id": "verify",
                "ratio": round(ratio, 3),
                "goal": VERIFY_RATIO,
                "at_most": True,
                "ours": ours,
                "peer": peer,
            },
        ],
        "measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "load": os.getloadavg(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "workflows.json")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
    try:
        record = measure(given.pairs, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    given.output.write_text(json.dumps(record, indent=1) + "\n")
    for one in record["results"]:
        print(json.dumps(one))


if __name__ == "__main__":
    main()
