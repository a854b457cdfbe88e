"""`make bench`: Slipway beside what people write by hand, in one run, in turn, on this machine.

    python benchmarks/run.py [--pairs N] [--only G1,G5…] [--default-checks] [--output FILE]

Method and goals: benchmarks/README.md.
"""

import argparse
import json
import os
import platform
import re
import secrets
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import scan
from bed import HERE, Bed
from chain import explained
from goals import GOALS, Figures, limits, table

from machine import Failed, said
from slipway.errors import SlipwayError
from slipway.pipeline.graph import STAGES

START = """
import http.client, subprocess, sys, time
begun = time.perf_counter()
server = subprocess.Popen(["gunicorn", "--config", "/app/gunicorn.conf.py"], cwd="/app", stdout=subprocess.DEVNULL)
while True:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=5)
        connection.request("GET", "/livez")
        if connection.getresponse().status == 200:
            break
    except OSError:
        pass
    if server.poll() is not None or time.perf_counter() - begun > 120:
        sys.exit("gunicorn did not answer")
    time.sleep(0.002)
print("seconds", time.perf_counter() - begun)
server.kill()
"""


class Bench:
    """The measurements. Each takes its turns in rounds; the first round warms up and is not counted."""

    def __init__(self, bed: Bed, pairs: int, wanted: set[str]) -> None:
        self.bed, self.pairs, self.wanted = bed, pairs, wanted
        self.figures = {name: Figures(GOALS[name]) for name in GOALS if name in wanted}
        self.measured: dict[str, list[float]] = {"help": [], "memory": [], "views": []}
        self.load: list[tuple[str, list[float]]] = []

    def rounds(self, name: str, turn: Callable[[bool], None]) -> None:
        """One round that does not count, then the pairs."""
        for number in range(self.pairs + 1):
            self.load.append((name, [round(value, 2) for value in os.getloadavg()]))
            begun = time.perf_counter()
            turn(number > 0)
            _say(f"{name}: {'round ' + str(number) if number else 'warm-up'}, {time.perf_counter() - begun:.0f} s")

    def add(self, name: str, ours: float, peer: float, counted: bool) -> None:
        if counted and name in self.figures:
            self.figures[name].add(ours, peer)

    def want(self, *names: str) -> bool:
        return bool(self.wanted & set(names))

    def slipway(self, *arguments: str, memory: bool = False) -> float:
        seconds, peak = self.bed.run(self.bed.slipway, "run", *arguments, memory=memory)
        if memory:
            self.measured["memory"].append(peak)
        return seconds

    def stage(self, name: str) -> float:
        return float(next(s["seconds"] for s in self.bed.result()["stages"] if s["name"] == name))

    def measure(self) -> None:
        self.slipway()  # builds everything once, whatever is asked for: later parts need the image
        if self.want("G1", "G2", "G3"):
            self.rounds("G1 G2 G3", self._whole)
        if self.want("G4", "G4-careful"):
            self.rounds("G4", self._changed)
        if self.want("G5"):
            self.rounds("G5", self._image)
        if self.want("G6"):
            self.rounds("G6", self._build)
        if self.want("G7"):
            self.rounds("G7", self._overhead)
        if self.want("G8"):
            self.rounds("G8", lambda counted: self._healthy(counted, "G8", "checks-5s.yml"))
        if self.want("G8-default"):
            self.rounds("G8-default", lambda counted: self._healthy(counted, "G8-default", "checks-30s.yml"))
        if self.want("G12"):
            self._without_bytecode()
            self.rounds("G12", self._start)
        for name in ("scan", "scan-kept"):
            if self.want(name):
                self.rounds(name, partial(self._scan, name))
        for number in range(self.pairs + 1):
            seconds, _ = self.bed.run(self.bed.slipway, "--help")
            views = scan.views() if self.want("scan") else 0.0
            self.measured["help"] += [seconds] if number else []
            self.measured["views"] += [views] if number and views else []

    def _scan(self, name: str, counted: bool) -> None:
        ours, peer = scan.pair(self.bed, kept=name == "scan-kept")
        self.add(name, ours, peer, counted)

    def _whole(self, counted: bool) -> None:
        # One round of four in turn: the same run of the script is the pair of two of ours.
        seed = self.bed.pipeline("seed") if self.want("G1", "G3") else 1.0
        fresh = self.slipway("--fresh", memory=True)
        careful = self.bed.pipeline("careful") if self.want("G2") else 1.0
        again = self.slipway()
        passed = {stage["name"] for stage in self.bed.result()["stages"] if stage["status"] == "passed"}
        if passed - {"publish", "deploy"}:
            raise Failed(f"nothing had changed, and yet these stages ran again: {', '.join(passed)}")
        self.add("G1", fresh, seed, counted)
        self.add("G2", fresh, careful, counted)
        self.add("G3", again, seed, counted)

    def _changed(self, counted: bool) -> None:
        seconds = {}
        for side in ("seed", "ours", "careful"):
            if side == "ours" or self.want("G4" if side == "seed" else "G4-careful"):
                self.bed.change(side)
                seconds[side] = self.slipway() if side == "ours" else self.bed.pipeline(side)
        for name, side in (("G4", "seed"), ("G4-careful", "careful")):
            if side in seconds:
                self.add(name, seconds["ours"], seconds[side], counted)

    def _image(self, counted: bool) -> None:
        self.bed.change("seed")
        peer = self.bed.pipeline("seed", "build")
        self.bed.change("ours")
        whole = self.slipway("build")
        self.add("G5", self.stage("build"), peer, counted)
        self._more("G5", "whole_command", whole, counted)

    def _build(self, counted: bool) -> None:
        whole = self.slipway("build", "--fresh")
        ours = self.stage("build")
        bed = self.bed
        secret = ["--secret", f"id=ca,src={os.environ['SSL_CERT_FILE']}"] if os.environ.get("SSL_CERT_FILE") else []
        peer, _ = bed.run(
            "docker", "buildx", "build", "--target", "runtime", "--provenance=false", *secret,
            "--build-arg", f"PYTHON_IMAGE={bed.images['PYTHON_IMAGE']}",
            "--output", f"type=oci,dest={bed.folder / 'bare-layout'},tar=false", ".",
        )  # fmt: skip
        self.add("G6", ours, peer, counted)
        self._more("G6", "whole_command", whole, counted)

    def _overhead(self, counted: bool) -> None:
        trace = self.bed.folder / "trace.json"
        begun = time.monotonic()
        self.bed.run(self.bed.venv / "bin" / "python", HERE / "traced.py", trace, "run", "--fresh")
        ended = time.monotonic()
        needs = {stage.name: stage.needs for stage in STAGES}
        chain, parts = explained((begun, ended), json.loads(trace.read_bytes()), self.bed.result()["stages"], needs)
        self.add("G7", ended - begun, chain, counted)
        if counted:
            shown = [{"part": name, "seconds": round(all_, 3), "own": round(own, 3)} for name, all_, own in parts]
            self.figures["G7"].more.setdefault("chains", []).append(shown)

    def _healthy(self, counted: bool, name: str, checks: str) -> None:
        seconds: list[float] = []
        for more in ((), ("--file", HERE / "peers" / checks)):
            options = ("--file", "docker-compose.test.yml", *more)
            stack: list[str | Path] = ["docker", "compose", "--project-name", f"{self.bed.name}-healthy", *options]
            image = {"SLIPWAY_IMAGE": self.bed.result()["image"]["reference"]}
            try:
                seconds.append(self.bed.run(*stack, "up", "--detach", "--wait", env=image)[0])
            finally:
                self.bed.run(*stack, "down", "--volumes", "--timeout", "0", env=image)
        self.add(name, seconds[0], seconds[1], counted)

    def _without_bytecode(self) -> None:
        self.tag = {"ours": f"{self.bed.name}:ours", "peer": f"{self.bed.name}:no-bytecode"}
        self.bed.run("docker", "tag", self.bed.result()["image"]["reference"], self.tag["ours"])
        self.bed.run(
            "docker", "build", "--provenance=false", "--file", HERE / "peers" / "no-bytecode.Dockerfile",
            "--build-arg", f"IMAGE={self.tag['ours']}", "--tag", self.tag["peer"], self.bed.folder / "wheels",
        )  # fmt: skip

    def _start(self, counted: bool) -> None:
        seconds: list[float] = []
        for image in self.tag.values():
            begun = self.bed.log.stat().st_size
            self.bed.run(
                "docker", "run", "--rm", "--name", f"{self.bed.name}-start", "--network", "none", "--read-only",
                "--tmpfs", "/tmp",
                "--env", f"SECRET_KEY={secrets.token_urlsafe(48)}", "--env", "DATABASE_URL=postgresql://app@127.0.0.1/app",
                "--entrypoint", "python", image, "-c", START,
            )  # fmt: skip
            with self.bed.log.open("rb") as log:
                log.seek(begun)
                seconds.append(float(re.findall(rb"^seconds (\S+)", log.read(), re.MULTILINE)[-1]))
        self.add("G12", seconds[0], seconds[1], counted)

    def _more(self, name: str, key: str, value: float, counted: bool) -> None:
        if counted:
            self.figures[name].more.setdefault(key, []).append(round(value, 3))

    # What came of it

    def record(self) -> dict[str, Any]:
        return {
            "results": [f.record() for f in self.figures.values() if f.ours],
            "limits": limits(self.measured),
            "versions": versions(self.bed),
            "load": self.load,
        }

    def table(self) -> str:
        return table(list(self.figures.values()), self.measured)


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def versions(bed: Bed) -> dict[str, Any]:
    """What was measured, with what, on what."""
    about = Path("/proc/cpuinfo")
    cpu = re.search(r"model name\s*: (.*)", about.read_text()) if about.exists() else None
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "slipway": said("git", "describe", "--always", "--dirty"),
        "measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": f"{os.cpu_count()} x {cpu[1] if cpu else platform.processor()}, {memory:.0f} GB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "uv": said(bed.uv, "--version"),
        "engine": said("docker", "version", "--format", "{{.Server.Version}}"),
        "client": said("docker", "version", "--format", "{{.Client.Version}}"),
        "buildx": said("docker", "buildx", "version"),
        "compose": said("docker", "compose", "version", "--short"),
        "trivy": said(str(bed.trivy), "--version"),
        "hadolint": said(str(bed.hadolint), "--version"),
        "scanners": bed.scanners,
        "pytest": bed.pytest,
        "images": dict(bed.images),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Slipway beside what people write by hand.")
    add = parser.add_argument
    add("--pairs", type=int, default=5, help="counted rounds (default 5)")
    add("--only", default="", metavar="G1,G5", help="these goals alone; results.json then stays as it is")
    add("--default-checks", action="store_true", help="G8 also against Docker's default of 30 s (7 minutes more)")
    add("--all-tests", action="store_true", help="also the integration tests that stop and start containers")
    add("--output", type=Path, help="where the figures go (default: benchmarks/results.json)")
    given = parser.parse_args()
    wanted = set(filter(None, given.only.split(","))) or set(GOALS) - {"G8-default"}
    if given.default_checks:
        wanted.add("G8-default")
    if unknown := wanted - set(GOALS):
        parser.error(f"no such goal: {', '.join(sorted(unknown))}. There are: {', '.join(GOALS)}.")
    output = given.output or (None if given.only else HERE / "results.json")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.perf_counter()
    bed = Bed(given.all_tests)
    bench = Bench(bed, given.pairs, wanted)
    try:
        _say(f"setting up in {bed.folder}")
        bed.set_up()
        bench.measure()
        record = bench.record() | {"seconds": round(time.perf_counter() - begun)}
        print(bench.table())
        if output:
            output.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        return 0
    except (Failed, SlipwayError) as error:
        print(f"{bench.table()}\nbench: {error}\nbench: not finished, so nothing is recorded", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted; nothing is recorded", file=sys.stderr)
        return 130
    finally:
        _say("removing all that was started")
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        bed.take_down()
        _say(f"{time.perf_counter() - begun:.0f} s in all")


if __name__ == "__main__":
    sys.exit(main())
