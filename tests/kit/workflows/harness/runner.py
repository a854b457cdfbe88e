"""One execution of a workflow by act, by the recipe that was proven: all that it may see is given to it, in one folder.

Host mode merges every variable of this process into every step, and reads files of the developer from several places;
hence an environment from nothing, and every file named. Nothing is downloaded: what is not mapped fails.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflows.harness import dialect, judge, places, plan, provision, standins, tokens, yaml_text
from workflows.harness.service import Service
from workflows.harness.survivors import MARK, end, strays

PASSED = re.compile(
    r"(SSL_CERT_(FILE|DIR)|(PIP|REQUESTS|CURL)_(CERT|CA_BUNDLE)|NODE_EXTRA_CA_CERTS|(HTTPS?|NO)_PROXY)", re.I
)
# act does not wait for the output of a step that fails (host_environment.go: `cmd.Run` fails, return), and on a busy
# machine loses it, 1 in 250 times here; the result is right all the same. So a shell that fails lingers for a moment.
SHELL = """#!/bin/sh
/bin/bash "$@"
code=$?
[ $code = 0 ] || sleep 0.3
exit $code
"""
_two_at_once = threading.BoundedSemaphore(2)


@dataclass
class Run:
    """What one execution left: the judged jobs, and the folder with logs, state and the workspace of a failed job."""

    folder: Path
    plan: plan.Plan
    jobs: dict[str, judge.Outcome]
    exit_code: int
    seconds: float
    stdout: str
    stderr: str
    strays: list[str]

    def check(self, wanted: Mapping[str, str | Mapping[str, str]]) -> None:
        """The complete map of jobs and steps is the wanted one, and nothing outlived the run."""
        wrong = judge.differences(self.jobs, self.plan, wanted)
        assert not wrong, "\n".join([*wrong, *self.tail()])
        assert not self.strays, f"still running after the end: {self.strays}"

    def tail(self, lines: int = 30) -> list[str]:
        """What failed steps printed last, for a failure of a test."""
        said = []
        for key, outcome in self.jobs.items():
            for step, result in outcome.steps.items():
                if result == "failure":
                    text = outcome.text.get(step, "").splitlines()[-lines:]
                    errors = [a.message for a in outcome.annotations if a.step == step]
                    said += [f"--- {key} {step}", *text, *errors]
        return said

    def records(self, name: str) -> list[dict[str, Any]]:
        """A log of the stand-ins: artifacts.jsonl, cache.jsonl, sarif.jsonl, attestations/<hex>.jsonl."""
        file = self.folder / "state" / name
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@dataclass
class Shop:
    """A folder for one run: repositories, mapped copies, state. Give every run its own."""

    folder: Path
    repository: str = "acme/shop"
    kit: Path | None = None  # whose .github is mapped as SELF@COMMIT; default: this repository
    run_id: str = "4711"
    environment: dict[str, str] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)  # folders before the system's on PATH
    mapped: dict[str, Path] = field(default_factory=dict)
    unmapped_labels: frozenset[str] = frozenset()  # runners that act is not told of
    service: Service | None = None  # of artifacts and caches, for GitHub's own clients; without it, stand-ins

    def __post_init__(self) -> None:
        for name in ("home", "state/repos", "repo/.github/workflows", "kit", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "empty").touch()
        shell = self.folder / "shell" / "bash"
        shell.parent.mkdir(exist_ok=True)
        shell.write_text(SHELL)
        shell.chmod(0o755)

    @property
    def state(self) -> Path:
        """What the stand-ins keep: repos, artifacts, cache, attestations."""
        return self.folder / "state"

    def place_kit(self, *, scripts: bool = True) -> None:
        """Maps this repository (or `kit`) in act's dialect: .github, and scripts without what is made there."""
        root = self.kit or places.REPOSITORY
        wrong = [f for file in places.shipped(root) for f in standins.faults(yaml_text.read(file), root, file.name)]
        if wrong:
            raise judge.HarnessError("\n".join(wrong))
        dialect.write(root, self.folder / "kit", act=True)
        if scripts:
            words = [
                "git",
                "-C",
                str(root),
                "ls-files",
                "-coz",
                "--exclude-standard",
                "scripts",
                "images.toml",
                "README.md",
                "LICENSE",
            ]
            listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\0")
            for name in filter(None, listed):
                target = self.folder / "kit" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(FileNotFoundError):  # another process may be editing the tree
                    target.write_bytes((root / name).read_bytes())
                    target.chmod((root / name).stat().st_mode)
        self.mapped[f"{places.SELF}@{places.COMMIT}"] = self.folder / "kit"

    def repository_from(self, source: Path | Mapping[str, str], name: str = "", branch: str = "main") -> str:
        """Makes the git repository that checkout serves, from a folder or from texts; its commit."""
        name = name or self.repository
        target = self.state / "repos" / name
        target.mkdir(parents=True)
        if isinstance(source, Path):
            listed = subprocess.run(
                ["git", "-C", str(source), "ls-files", "-coz", "--exclude-standard"],
                capture_output=True,
                text=True,
                check=True,
            ).stdout.split("\0")
            files: dict[str, bytes] = {n: (source / n).read_bytes() for n in listed if n and (source / n).is_file()}
            modes = {n: (source / n).stat().st_mode for n in files}
        else:
            files, modes = {n: text.encode() for n, text in source.items()}, {}
        for relative, content in files.items():
            file = target / relative
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(modes.get(relative, 0o644))
        return commit(target, branch)

    def caller(self, text: str, name: str = "ci.yml") -> Path:
        """Puts a caller's workflow in place, as act reads it."""
        new = dialect.for_act(text)
        wrong = dialect.proves(text, new, act=True)
        wrong += standins.faults(yaml_text.load(text), self.kit or places.REPOSITORY, name, self.mapped)
        if wrong:
            raise judge.HarnessError("; ".join(wrong))
        file = self.folder / "repo" / ".github" / "workflows" / name
        file.write_text(new, encoding="utf-8")
        return file

    def run(
        self,
        workflow: Path,
        event: str,
        payload: Mapping[str, Any],
        sha: str,
        *,
        permissions: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        timeout: float = 300,
        during: Callable[[subprocess.Popen[str], Path], None] | None = None,
    ) -> Run:
        """Executes one workflow for one event; `during` may signal the process while it runs."""
        folder = self.folder
        (folder / "event.json").write_text(json.dumps(payload))
        self._map_standins()
        document = yaml_text.read(workflow)
        read = plan.read(workflow, workflow.parents[2], self.mapped)
        token = tokens.make(dict(permissions or {}), self.repository)
        given = {"GITHUB_REPOSITORY": self.repository, "SHA_REF": sha, "GITHUB_RUN_ID": self.run_id}
        given |= {"STANDIN_STATE": str(self.state), "RUNNER_ENVIRONMENT": "github-hosted", **self.environment}
        command = [str(provision.need(provision.go_tool, "act")), event, "-C", str(workflow.parents[2])]
        command += [
            "-W",
            str(workflow.relative_to(workflow.parents[2])),
            "-e",
            str(folder / "event.json"),
            "--json",
            "-v",
        ]
        command += [word for label in self._labels(document) for word in ("-P", f"{label}=-self-hosted")]
        command += ["--no-skip-checkout", "--pull=false", "--no-cache-server", "--action-offline-mode"]
        command += ["--container-daemon-socket", "-", "--concurrent-jobs", "1"]
        command += ["--action-cache-path", str(folder / "cache")]
        for kind in ("env", "secret", "var", "input"):
            command += [f"--{kind}-file", str(folder / "empty")]
        command += [w for n, v in {"GITHUB_TOKEN": token, **(secrets or {})}.items() for w in ("-s", f"{n}={v}")]
        command += [w for n, v in (variables or {}).items() for w in ("--var", f"{n}={v}")]
        command += [w for n, v in given.items() for w in ("--env", f"{n}={v}")]
        command += [w for name, place in self.mapped.items() for w in ("--local-repository", f"{name}={place}")]
        with _two_at_once:
            started = time.monotonic()
            stdout, stderr, code = _execute(command, folder, self._environment(), timeout, during)
            seconds = time.monotonic() - started
        (folder / "stdout.jsonl").write_text(stdout)
        (folder / "stderr.txt").write_text(stderr)
        jobs = judge.judge(read, stdout, stderr, code)
        return Run(folder, read, jobs, code, seconds, stdout, stderr, strays(folder))

    def _map_standins(self) -> None:
        if (self.folder / "standins").exists():
            return
        attempt = self.environment.get("GITHUB_RUN_ATTEMPT", "1")
        told = self.service.environment(self.run_id, attempt) if self.service else None
        for line in standins.write(self.folder / "standins", told):
            name, _, place = line.partition("=")
            self.mapped[name] = Path(place)

    def _labels(self, document: Any) -> list[str]:
        """Every runner label that the files may name; one that act is not told of would silently not run."""
        roots = self.mapped.values()
        files = [document] + [yaml_text.read(f) for root in roots for f in root.glob(".github/workflows/*.y*ml")]
        found = {value for one in files for _, key, value in yaml_text.walk(one) if key == "runs-on"}
        named = {value for value in found if isinstance(value, str) and "${{" not in value}
        supported = {f"ubuntu-{release}{arm}" for release in ("24.04", "26.04") for arm in ("", "-arm")}
        return sorted((named | supported) - self.unmapped_labels)

    def _environment(self) -> dict[str, str]:
        home = str(self.folder / "home")
        system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        kept = {name: value for name, value in os.environ.items() if PASSED.fullmatch(name)}
        return kept | {
            "PATH": ":".join([*self.path, str(self.folder / "shell"), system]),
            "HOME": home,
            "XDG_CONFIG_HOME": f"{home}/.config",
            "XDG_CACHE_HOME": f"{home}/.cache",
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.folder / "tmp"),
            MARK: str(self.folder),
        }


def commit(folder: Path, branch: str = "main", message: str = "one") -> str:
    """Commits all of a folder, making it a git repository first where it is none; the new commit."""
    author = ["-c", "user.name=dev", "-c", "user.email=dev@example.com", "-c", f"init.defaultBranch={branch}"]
    quiet = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *author, *words], env=quiet, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    if not (folder / ".git").exists():
        git("init", "-q")
    git("add", "-A", "-f")
    git("commit", "-q", "--allow-empty", "-m", message)
    return git("rev-parse", "HEAD")


def _execute(
    command: list[str],
    folder: Path,
    environment: dict[str, str],
    timeout: float,
    during: Callable[[subprocess.Popen[str], Path], None] | None,
) -> tuple[str, str, int]:
    out, err = folder / "stdout.raw", folder / "stderr.raw"
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            text=True, start_new_session=True,
        )  # fmt: skip
        try:
            if during:
                during(process, out)
            code = process.wait(timeout)
        except BaseException as error:
            for sign in (signal.SIGINT, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                    break
            end(strays(folder))
            if isinstance(error, subprocess.TimeoutExpired):
                raise judge.HarnessError(f"act did not end within {timeout} s; its log: {out}") from None
            raise
    return out.read_text(errors="replace"), err.read_text(errors="replace"), code
