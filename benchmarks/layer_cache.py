"""The build of the sample app on a machine that has nothing: cold, and after a source change with the cache restored.

A runner is a fresh machine each job, so each build gets an engine of its own. The base image comes from a registry on
loopback that writes down what it was asked for; packages come from where they always do.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bed import CHANGED

from machine import ROOT

sys.path.insert(0, str(ROOT / "tests" / "kit"))

from support import Engine
from workflows.harness import tokens
from workflows.harness.registry import Registry

from slipway.tools import images

GOAL = 1 / 3
BASE = "public/python"


def measure(folder: Path) -> dict[str, Any]:
    """Seconds of the build stage, and what of the base image was pulled, for a pull request and for the main branch."""
    chosen = asyncio.run(images.choose(ROOT))
    registry = Registry(chosen.registry)
    project, cache = folder / "project", folder / "cache"
    _call("git", "clone", "--quiet", str(ROOT), str(project))
    try:
        base, layers = _serve(registry, chosen.variables["PYTHON_IMAGE"], folder / "config")
        named = (project / "images.toml").read_text()
        (project / "images.toml").write_text(re.sub(r"(?m)^PYTHON_IMAGE = .*", f'PYTHON_IMAGE = "{base}"', named))
        cold, first = _build(project, registry, layers, SLIPWAY_BUILD_CACHE_TO=str(cache))
        warm, second = _build(project, registry, layers, SLIPWAY_BUILD_CACHE_FROM=str(cache))
    finally:
        registry.end()
    return {
        "id": "cache", "ratio": round(warm / cold, 3), "goal": round(GOAL, 3), "at_most": True,
        "cold": round(cold, 3), "warm": round(warm, 3), "base": {"cold": first, "warm": second},
    }  # fmt: skip


def _build(project: Path, registry: Registry, layers: set[str], **cache: str) -> tuple[float, dict[str, int]]:
    """One build on an engine of its own, after a change to one source file."""
    shutil.rmtree(project / ".slipway", ignore_errors=True)
    with (project / CHANGED).open("a") as file:
        file.write(f"# {time.time_ns()}\n")
    registry.requests.clear()
    with _machine() as engine:
        _call("slipway", "run", "build", "-C", str(project), **engine.environment, **cache)
    stages = json.loads((project / ".slipway/latest/result.json").read_bytes())["stages"]
    asked = registry.pulled(BASE)
    pulled = sum(one.removeprefix("blobs/") in layers for one in asked)
    print(f"bench: build {stages[0]['seconds']:.1f} s, {pulled} of {len(layers)} base layers pulled", file=sys.stderr)
    return stages[0]["seconds"], {"layers": pulled, "manifest and configuration": len(asked) - pulled}


@contextmanager
def _machine() -> Iterator[Engine]:
    """An engine of its own whose builds are let out to the network for as long as it lives."""
    engine = Engine(store=True, network=True)
    out = ("-s", engine.subnet, "!", "-o", engine.bridge, "-j", "MASQUERADE")
    rules = [("nat", "POSTROUTING", out)]
    rules += [("filter", "FORWARD", (way, engine.subnet, "-j", "ACCEPT")) for way in ("-s", "-d")]
    made: list[tuple[str, str, tuple[str, ...]]] = []
    try:
        for table, chain, rule in rules:
            _call("iptables", "-t", table, "-I", chain, *rule)
            made.append((table, chain, rule))
        yield engine
    finally:
        for table, chain, rule in made:
            _call("iptables", "-t", table, "-D", chain, *rule)
        engine.end()


def _serve(registry: Registry, image: str, config: Path) -> tuple[str, set[str]]:
    """Put a base image into the registry: its pinned name, and its layers."""
    name = f"{registry.host}/{BASE}:3.13"
    docker = ("docker", "--config", str(config))
    _call(*docker, "login", registry.host, "-u", "bench", "-p", tokens.make({"packages": "write"}))
    _call("docker", "tag", image, name)
    _call(*docker, "push", "--quiet", name)
    digest = json.loads(_call("docker", "image", "inspect", name))[0]["Id"]
    _call("docker", "rmi", name)
    raw = _call("docker", "buildx", "imagetools", "inspect", "--raw", f"{registry.host}/{BASE}@{digest}")
    return f"{name}@{digest}", {layer["digest"] for layer in json.loads(raw)["layers"]}


def _call(*command: str, **environment: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, **environment, "PATH": path}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
