"""What is measured on: copies of the project in a folder of their own, a registry and ports of their own.

Everything that a benchmark starts is removed again, also at Ctrl-C: containers, networks, volumes, images, folders.
What stays is BuildKit's layer cache, which cannot be removed piece by piece; the engine's own collector does that.
"""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from machine import LIMIT, ROOT, Failed, answers, end, free_ports, remove, rows, watch
from slipway.errors import NotReady
from slipway.tools import database, docker, images, provision, registry

HERE = Path(__file__).resolve().parent
CHANGED = "app/__init__.py"  # the file of which a comment changes
# What the tutorial's image cannot pass, however well it serves: it runs as root, carries pip, digests no file and
# has no health check or label of its own. All three sides leave these out, so that all do the same work.
IMAGE_TESTS = (
    "test_container.py::test_not_root_and_nothing_to_write_to",
    "test_container.py::test_what_ships_has_no_tools_to_build_with",
    "test_container.py::test_the_health_check_fails_when_the_app_is_ill_and_only_then",
    "test_page.py::test_static_files_are_digested_compressed_and_kept",
    "test_page.py::test_the_image_knows_what_it_is",
)
# These wait for containers to stop and start, the same seconds on every side: with them the tests are measured more
# than the pipeline. Part of it by --all-tests only.
SLOW_TESTS = ("test_container.py", "test_without_database.py")


class Bed:
    """The copies `ours`, `seed` and `careful`, and how to run something in them."""

    def __init__(self, all_tests: bool) -> None:
        tests = "tests/integration"
        left_out = [f"--deselect={tests}/{name}" for name in IMAGE_TESTS]
        left_out += [] if all_tests else [f"--ignore={tests}/{name}" for name in SLOW_TESTS]
        self.pytest = " ".join(left_out)
        self.folder = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
        self.name = f"bench-{secrets.token_hex(3)}"
        self.log = self.folder / "commands.log"
        self.registry_port, *app_ports = free_ports(4)
        self.registry = f"localhost:{self.registry_port}"
        self.ports = dict(zip(("ours", "seed", "careful"), app_ports, strict=True))
        self.path = {side: self.folder / f"{self.name}-{side}" for side in self.ports}
        self.uv = os.environ.get("UV") or shutil.which("uv") or "uv"
        self.venv = self.folder / "venv"
        self.slipway = self.venv / "bin" / "slipway"
        self._changes = 0

    # Running things

    def run(
        self, *command: str | Path, side: str = "ours", env: Mapping[str, str] | None = None, memory: bool = False
    ) -> tuple[float, float]:
        """Run one command to its end; seconds, and the peak memory (MB) of that very process where it is asked for.

        Raises:
            Failed: with the last lines that it said.
        """
        words = [os.fspath(word) for word in command]
        with self.log.open("ab") as log:
            log.write(f"\n$ {' '.join(words)}\n".encode())
            log.flush()
            start, begun = log.tell(), time.perf_counter()
            process = subprocess.Popen(
                words, cwd=self.path[side], env={**os.environ, **self.env(side), **(env or {})},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
            try:
                peak = watch(process, begun) if memory else 0.0
                process.wait(LIMIT)
            except BaseException:
                end(process)
                raise
            seconds = time.perf_counter() - begun
        if process.returncode:
            said = self.log.read_bytes()[start:].decode(errors="replace").strip().splitlines()[-15:]
            raise Failed(f"{' '.join(words)} ended with {process.returncode}:\n  " + "\n  ".join(said))
        return seconds, peak

    def env(self, side: str) -> dict[str, str]:
        """The variables of one side."""
        common = {
            **self.images,
            "PYTEST_ADDOPTS": self.pytest,
            "SLIPWAY_PORT": str(self.ports[side]),
            "SLIPWAY_PUBLISH_REGISTRY_PORT": str(self.registry_port),
            "UV": self.uv,
        }
        if side == "ours":
            return common
        return common | {
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",  # else each build is another image, and each deploy a restart
            "CHECKS": str(HERE / "peers" / ("checks-5s.yml" if side == "seed" else "checks-1s.yml")),
            "HADOLINT": str(self.hadolint),
            "NAME": self.path[side].name,
            "PYTHON": str(self.tests_venv / "bin" / "python"),
            "PYTHONPATH": str(self.path["ours"] / "scripts" / "slipway" / "plugin"),
            "REGISTRY": self.registry,
            "SCANNERS": self.scanners,
            "TRIVY": str(self.trivy),
            "TRIVY_CACHE": str(self.folder / f"trivy-{side}"),
            "WHEELS": str(self.folder / "wheels"),
        }

    images: Mapping[str, str] = {}
    tests_venv = Path()
    hadolint = trivy = Path()
    scanners = ""

    def pipeline(self, side: str, *arguments: str) -> float:
        """The seconds of a peer's script."""
        return self.run("bash", HERE / "peers" / side / "pipeline.sh", *arguments, side=side)[0]

    def result(self) -> dict[str, Any]:
        """result.json of our last run."""
        return dict(json.loads((self.path["ours"] / ".slipway" / "latest" / "result.json").read_bytes()))

    def change(self, side: str) -> None:
        """Change one source file as nobody has before: a comment, so that it still works. Not timed."""
        self._changes += 1
        file = self.path[side] / CHANGED
        lines = [line for line in file.read_text().splitlines() if not line.startswith("# change ")]
        file.write_text("\n".join([*lines, f"# change {self.name} {self._changes}"]) + "\n")

    # Setting up

    def set_up(self) -> None:
        """Make everything that is not timed."""
        for side, path in self.path.items():
            _copy(path)
            if side == "seed":
                self._seed(path)
            _commit(path)
        chosen, self.hadolint, self.trivy, data = asyncio.run(_tools(self.path["ours"], self.folder / "tools.log"))
        self.images, self.scanners = chosen, "vuln,secret" if data else "secret"
        for side in ("seed", "careful"):
            (self.folder / f"trivy-{side}").mkdir()
            if data:
                shutil.copytree(data / "db", self.folder / f"trivy-{side}" / "db")
        (self.path["careful"] / ".slipway").mkdir()
        self.tests_venv = self.folder / "tests-venv"
        for venv, *options in (
            (self.venv, "--project", self.path["ours"] / "scripts", "--no-dev"),
            (self.tests_venv, "--only-group", "integration"),
        ):
            into = {"UV_PROJECT_ENVIRONMENT": str(venv)}
            self.run(self.uv, "sync", "--quiet", "--locked", "--compile-bytecode", *options, env=into)
        secret = ["--secret", f"id=ca,src={os.environ['SSL_CERT_FILE']}"] if os.environ.get("SSL_CERT_FILE") else []
        self.run(
            "docker", "build", "--file", HERE / "peers/seed/wheels.Dockerfile", *secret,
            "--build-arg", f"PYTHON_IMAGE={self.images['PYTHON_IMAGE']}",
            "--output", f"type=local,dest={self.folder / 'wheels'}", self.path["seed"],
        )  # fmt: skip
        # With the labels by which `slipway run` knows its own: one registry for all three, none started by a run.
        self.run(
            "docker", "run", "--detach", "--init", "--name", f"{self.name}-registry", "--label", registry.ROLE,
            "--publish", f"127.0.0.1:{self.registry_port}:5000", self.images["REGISTRY_IMAGE"],
        )  # fmt: skip
        answers(self.registry_port)

    def _seed(self, path: Path) -> None:
        for file in ("Dockerfile", ".dockerignore"):
            shutil.copy(HERE / "peers" / "seed" / file, path / file)
        self.run(
            self.uv, "export", "--quiet", "--locked", "--no-default-groups", "--group", "test", "--no-hashes",
            "--no-emit-project", "--output-file", "requirements.txt", side="seed",
        )  # fmt: skip

    # Taking down

    def take_down(self) -> None:
        """Remove all that was started, whatever state it is in."""
        runs = {path.name for path in self.path["ours"].glob(".slipway/runs/*")}
        ours = {f"slipway-test-{run}" for run in runs}

        def is_ours(project: str, run: str = "") -> bool:
            return project in ours or run in runs or self.name in project

        project = '{{.Label "com.docker.compose.project"}}'
        boxes = rows("ps", "--all", "--format", f'{{{{.ID}}}}|{project}|{{{{.Label "slipway.run"}}}}|{{{{.Names}}}}')
        remove("rm -fv", [box[0] for box in boxes if is_ours(box[1], box[2]) or self.name in box[3]])
        for kind, name, removal in (("network", "ID", "network rm"), ("volume", "Name", "volume rm -f")):
            found = rows(kind, "ls", "--format", f"{{{{.{name}}}}}|{project}")
            remove(removal, [row[0] for row in found if is_ours(row[1])])
        tags = rows("image", "ls", "--digests", "--format", "{{.Repository}}|{{.Tag}}|{{.Digest}}")
        mine = [tag for tag in tags if self.name in tag[0] or tag[0].startswith(f"{self.registry}/")]
        remove("rmi -f", [f"{name}@{digest}" if tag == "<none>" else f"{name}:{tag}" for name, tag, digest in mine])
        shutil.rmtree(self.folder, ignore_errors=True)


def _copy(path: Path) -> None:
    """The project as it is in the working tree: what git knows, and what is new and not ignored."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file() and not name.startswith("benchmarks/"):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path / name)
    (path / "secrets").mkdir(mode=0o700)
    for name in ("secret_key", "db_password"):
        (path / "secrets" / name).write_text(secrets.token_urlsafe(48))
        (path / "secrets" / name).chmod(0o644)


def _commit(path: Path) -> None:
    git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false"]
    for arguments in ("init --quiet --initial-branch=main", "add --all", "commit --quiet --message copy"):
        subprocess.run([*git, *arguments.split()], cwd=path, check=True, capture_output=True, timeout=60)


async def _tools(root: Path, log: Path) -> tuple[Mapping[str, str], Path, Path, Path | None]:
    await docker.engine()
    chosen = await images.choose(root)
    hadolint, trivy = await provision.tool("hadolint"), await provision.tool("trivy")
    setting = os.environ.get("SLIPWAY_SCAN_DATABASE", "auto")
    try:
        data = (await database.find(setting, ROOT, log, 48.0)).cache
    except NotReady:
        data = None
    return chosen.variables, hadolint, trivy, data
