"""Small projects, and the real command in them."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.tools.docker import project_id
from support.machine import MARK, REPOSITORY, SESSION, docker, free_port, until
from support.texts import CHECK, DOCKERFILE, INTEGRATION, SERVER, SETTINGS, STACK


@dataclass
class Done:
    """A command that has ended, and what its run left on record."""

    code: int
    out: str
    err: str
    seconds: float
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.out + self.err

    def stage(self, name: str) -> dict[str, Any]:
        return next((s for s in self.record["stages"] if s["name"] == name), {"status": "absent"})

    def statuses(self) -> dict[str, str]:
        return {s["name"]: s["status"] for s in self.record["stages"]}

    def rules(self, stage: str) -> list[str]:
        return [f["rule"] for f in self.stage(stage)["findings"] if f.get("blocking", True)]


class Running:
    """A run under way, started as a terminal starts it, its events read as they come."""

    def __init__(self, project: "Project", args: tuple[str, ...], environment: Mapping[str, str]):
        self.project = project
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            project.command(*args, "--json"),
            env=project.environment | dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.events: list[dict[str, Any]] = []
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.append(line)
            self.events.append(json.loads(line))

    def seen(self, stage: str, kind: str = "stage-started", text: str = "") -> None:
        """Wait until an event came."""

        def found() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode} before: {self._lines[-3:]}")
            return any(e["kind"] == kind and e["stage"] == stage and text in e.get("text", "") for e in self.events[:])

        until(found, f"{kind} {stage} {text}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, seconds: float = 40) -> Done:
        """Wait for the end."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._reader.join(5)
        assert self.process.stderr
        err = self.process.stderr.read()
        done = Done(self.process.returncode, "".join(self._lines), err, time.monotonic() - self.begun)
        return self.project.look(done)


@dataclass
class Project:
    """A small project in a folder of its own."""

    root: Path
    environment: dict[str, str]
    port: int  # of the deployed app
    registry_port: int
    running: list[Any] = field(default_factory=list)  # each with the process that it started

    @classmethod
    def make(
        cls,
        folder: Path,
        images: Mapping[str, str],
        registry_port: int,
        database: Path,
        files: Mapping[str, str | None],
    ) -> "Project":
        """Write the default files, and those given: name → text, or None for a file that is not to be."""
        # A name of its own: names of images and of compose projects come from the folder's.
        root = folder / f"t-{SESSION}-{secrets.token_hex(2)}"
        root.mkdir(parents=True)
        scratch = Path(tempfile.mkdtemp(prefix="sw-"))
        port = free_port()
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "SLIPWAY_", "MAKE")) and k != "CI"}
        if "SLIPWAY_CACHE" in os.environ:
            keep["SLIPWAY_CACHE"] = os.environ["SLIPWAY_CACHE"]
        if "SLIPWAY_OFFLINE" in os.environ:
            keep["SLIPWAY_OFFLINE"] = os.environ["SLIPWAY_OFFLINE"]
        environment = keep | {
            "TMPDIR": str(scratch),
            MARK: root.name,
            "SLIPWAY_PORT": str(port),
            "SLIPWAY_PUBLISH_REGISTRY_PORT": str(registry_port),
            "SLIPWAY_SCAN_DATABASE": str(database),
        }
        project = cls(root, environment, port, registry_port)
        project.write("Dockerfile", DOCKERFILE.format(**images))
        # The same name as in the repository: the registry's image may be a stand-in here.
        shutil.copy(REPOSITORY / "images.toml", root)
        defaults = {
            "server.py": SERVER, "mode.txt": "well", "check.py": CHECK, "checks.txt": "pass", "slipway.toml": SETTINGS,
            "note.txt": root.name,  # in the context, so that no two projects have the same version, and digest
            ".dockerignore": "*\n!server.py\n!check.py\n!*.txt\n",
        }  # fmt: skip
        for name, text in (defaults | dict(files)).items():
            if text is not None:
                project.write(name, text)
            else:
                (root / name).unlink(missing_ok=True)
        return project

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text, f"{old!r} is not in {name}"
        self.write(name, text.replace(old, new))

    def with_integration(self) -> "Project":
        self.write("docker-compose.test.yml", STACK)
        self.write("tests/integration/test_health.py", INTEGRATION)
        return self

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "slipway", *args, "-C", str(self.root)]

    def run(self, *args: str, timeout: float = 120, **environment: str) -> Done:
        """`slipway run …` to its end."""
        return self.call("run", *args, timeout=timeout, **environment)

    def call(self, *args: str, timeout: float = 120, **environment: str) -> Done:
        """`slipway …` to its end."""
        begun = time.monotonic()
        ended = subprocess.run(
            self.command(*args), env=self.environment | environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout, check=False, cwd=self.root.parent,
        )  # fmt: skip
        return self.look(Done(ended.returncode, ended.stdout, ended.stderr, time.monotonic() - begun))

    def start(self, *args: str, **environment: str) -> Running:
        """`slipway run … --json`, under way."""
        self.running.append(Running(self, ("run", *args), environment))
        return self.running[-1]

    def look(self, done: Done) -> Done:
        # Ours; what a service's own says stands indented, among the last lines of a log.
        assert "\nTraceback" not in f"\n{done.text}", done.text
        assert "internal error" not in done.text, done.text
        with contextlib.suppress(OSError):
            done.record = json.loads((self.root / ".slipway/latest/result.json").read_bytes())
        return done

    @property
    def compose_project(self) -> str:
        return f"slipway-{project_id(self.root)}-local"

    @property
    def repository(self) -> str:
        return f"localhost:{self.registry_port}/{self.root.name}"

    def log(self, stage: str) -> str:
        return (self.root / f".slipway/latest/{stage}.log").read_text(errors="replace")

    def services(self) -> dict[str, str]:
        """The deployed project's containers: service → image."""
        listing = docker(
            "ps", "-a", "--filter", f"label=com.docker.compose.project={self.compose_project}", "--format",
            '{{.Label "com.docker.compose.service"}} {{.Image}} {{.State}}',
        ).stdout  # fmt: skip
        return {row.split(" ")[0]: row.split(" ", 1)[1] for row in listing.splitlines()}

    def deployed(self) -> str:
        """The digest that runs, as the engine says, or an empty string."""
        box = docker("ps", "-q", "--filter", f"label=com.docker.compose.project={self.compose_project}").stdout.split()
        if not box:
            return ""
        return docker("inspect", "--format", "{{.Config.Image}}", box[0]).stdout.strip().rpartition("@")[2]

    def get(self, path: str) -> Any:
        """What the deployed app answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def tags(self) -> list[str]:
        """The tags that the local registry holds for this project."""
        try:
            url = f"http://127.0.0.1:{self.registry_port}/v2/{self.root.name}/tags/list"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return list(json.load(answer)["tags"] or [])
        except OSError:
            return []

    def nothing_out(self) -> None:
        """Nothing was published and nothing runs."""
        assert self.tags() == []
        assert self.services() == {}

    def run_logs(self) -> list[Path]:
        """What stages wrote; empty where none was started."""
        return list((self.root / ".slipway/runs").glob("*/*.log"))

    def run_ids(self) -> list[str]:
        return [p.name for p in (self.root / ".slipway/runs").glob("*")]

    def left(self) -> list[str]:
        """What runs left behind that a deploy does not leave on purpose."""
        found = [f"process {pid}: {line}" for pid, line in survivors(self.root.name)]
        for kind, listing in (
            ("container", ("ps", "-a", "--format", "{{.Names}} {{.Labels}}")),
            ("network", ("network", "ls", "--format", "{{.Name}} {{.Labels}}")),
            ("volume", ("volume", "ls", "--format", "{{.Name}} {{.Labels}}")),
        ):
            rows = docker(*listing).stdout.splitlines()
            found += [f"{kind} {row}" for row in rows for name in self.run_ids() if name in row]
        scratch = Path(self.environment["TMPDIR"])
        found += [f"file {p}" for p in scratch.iterdir() if not p.match("uv-*.lock")]  # uv keeps those by design
        state = self.root / ".slipway"
        half = [*state.glob(".latest-*"), *state.glob("reuse/*.[0-9]*"), *state.glob("latest/.result.json")]
        half += list((state / "layout/ingest").glob("*"))
        return found + [f"half-written {p}" for p in half]

    def end(self) -> list[str]:
        """Remove what this project has; returns what its runs should not have left."""
        for one in self.running:
            if one.process.poll() is None:
                one.process.kill()
                one.process.wait()
        left = self.left() if (self.root / ".slipway").exists() else []
        label = f"label=com.docker.compose.project={self.compose_project}"
        if ids := docker("ps", "-aq", "--filter", label).stdout.split():
            docker("rm", "-fv", *ids)
        for kind in ("network", "volume"):
            if ids := docker(kind, "ls", "-q", "--filter", label).stdout.split():
                docker(kind, "rm", *ids)
        shutil.rmtree(self.environment["TMPDIR"], ignore_errors=True)
        return left

    @staticmethod
    def remove_images(*patterns: str) -> None:
        """Remove images by name: by their id, the same image of another session's project would go too."""
        filters = [word for p in patterns for word in ("--filter", f"reference={p}")]
        row = "{{.Repository}} {{.Tag}} {{.Digest}}"
        listing = docker("image", "ls", "--digests", "--no-trunc", "--format", row, *filters).stdout
        rows = [line.split(" ") for line in listing.splitlines()]
        if names := [f"{name}@{digest}" if tag == "<none>" else f"{name}:{tag}" for name, tag, digest in rows]:
            docker("rmi", *names, timeout=900)  # an engine that has seen much needs seconds for each


def survivors(mark: str) -> list[tuple[int, str]]:
    """Processes that carry the mark of a test in their environment, zombies left out."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}\0".encode() in (folder / "environ").read_bytes() + b"\0":
                found.append((int(folder.name), (folder / "cmdline").read_text().replace("\0", " ").strip()))
        except OSError:
            continue
    return found
