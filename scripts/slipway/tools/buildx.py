"""Builds by `docker buildx bake`: what would be built, the build itself, and what it is doing now."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.errors import Broken, SlipwayError
from slipway.policy.finding import Finding
from slipway.tools.build_secrets import Secrets
from slipway.tools.docker import docker
from slipway.tools.process import Finished

# Since 0.20 buildx asks before a bake file reads or writes outside its own folder, as ours does: the layout, the layer
# cache and the certificates lie elsewhere. What a run may read is the project's own decision (its bake file and
# slipway.toml), and nobody sits at a runner to answer. This is buildx's documented way to switch the question off.
ALLOWED = {"BUILDX_BAKE_ENTITLEMENTS_FS": "0"}


@dataclass(frozen=True)
class Bake:
    """A bake file (or a definition of our own) and the variables that it reads."""

    root: Path
    file: Path | None
    definition: str = ""  # JSON, where there is no file
    variables: Mapping[str, str] = field(default_factory=dict)

    def source(self) -> list[str]:
        """The options that name it."""
        return ["--file", str(self.file) if self.file else "-"]

    async def plan(self, *targets: str) -> dict[str, Any]:
        """What bake understood: target → settings. Bake ignores unknown keys silently, so this is what counts."""
        done = await docker(
            "buildx", "bake", *self.source(), "--print", *targets,
            cwd=self.root, env=ALLOWED | dict(self.variables), stdin=self.definition or None,
        )  # fmt: skip
        if not done.ok:
            raise SlipwayError(explain(done))
        return dict(json.loads(done.out).get("target", {}))


@dataclass
class Progress:
    """Reads BuildKit's raw progress: counts steps, tells the current one, writes a log that people can read."""

    log: Path
    doing: Callable[[str], None]
    hide: Callable[[str], str] = lambda text: text  # takes secrets out of what a step prints
    steps: set[str] = field(default_factory=set)
    cached: set[str] = field(default_factory=set)
    other: list[str] = field(default_factory=list)
    _done: set[tuple[str, str]] = field(default_factory=set)
    _begun: dict[str, bytes] = field(default_factory=dict)  # step -> the line that it has not ended yet
    _object: list[str] = field(default_factory=list)

    def line(self, line: str) -> None:
        """Take one line. Objects are printed over many lines, indented but for the first and last brace; all else is
        text for people, also what only looks like an object."""
        if self._object and line[:1] not in ("", " ", "\t", "}"):
            self._say(self._object)
            self._object = []
        if not self._object and not line.startswith("{"):
            return self._say([line])
        self._object.append(line)
        if line.startswith("}") or (line.startswith("{") and line.rstrip().endswith("}")):
            lines, self._object = self._object, []
            try:
                self._take(json.loads("\n".join(lines)))
            except (ValueError, AttributeError, TypeError):
                self._say(lines)

    def _say(self, lines: list[str]) -> None:
        for line in (self.hide(li) for li in lines if li.strip()):
            self.other.append(line)
            self._write(line + "\n")

    def _take(self, event: dict[str, Any]) -> None:
        for vertex in event.get("vertexes") or []:
            digest, name = vertex.get("digest", ""), vertex.get("name", "")
            if name.startswith("[") and "[internal]" not in name:
                self.steps.add(digest)
                if vertex.get("cached"):
                    self.cached.add(digest)
            if vertex.get("error"):
                self._end(digest, f"{name}: {vertex['error']}")
            elif vertex.get("completed"):
                self._end(digest, f"{name}{' CACHED' if vertex.get('cached') else ''}")
            elif vertex.get("started") and "[internal]" not in name:
                self.doing(self.hide(name))
        for entry in event.get("logs") or []:
            self._take_output(entry.get("vertex", ""), base64.b64decode(entry.get("data", "")))

    def _end(self, step: str, line: str) -> None:
        """Write the line of a step that ended. BuildKit 0.25 and later say it again for each stage that uses it."""
        if begun := self._begun.pop(step, b""):
            self._write(begun.decode(errors="replace") + "\n")
        if (step, line) not in self._done:
            self._done.add((step, line))
            self._write(line + "\n")

    def _take_output(self, step: str, data: bytes) -> None:
        """Write what a step printed by whole lines: it comes in pieces, and a secret may be cut by the end of one."""
        whole, newline, rest = (self._begun.pop(step, b"") + data).rpartition(b"\n")
        if newline:
            self._write((whole + newline).decode(errors="replace"))
        if rest:
            self._begun[step] = rest

    def rest(self) -> None:
        """Write what steps had printed of lines that they never ended."""
        while self._begun:
            _, data = self._begun.popitem()
            self._write(data.decode(errors="replace") + "\n")

    def _write(self, text: str) -> None:
        try:
            with self.log.open("a", encoding="utf-8", errors="replace") as sink:
                sink.write(self.hide(text))
        except OSError:
            pass  # a full disk must not hide the build's own error


async def bake(
    source: Bake,
    target: str,
    *settings: str,
    secrets: Secrets,
    metadata: Path | None,
    progress: Progress,
    timeout: float,
) -> Finished:
    """Build one target. BuildKit's own provenance and SBOM stay off: they change the digest.

    Args:
        settings: `key=value` pairs for `--set`, relative to the target.
        secrets: they go to buildx alone, and no value onto its command line.
        metadata: file for what was built; removed first, since a failed build leaves an older one in place.
    """
    options = [word for s in (*settings, *secrets.options()) for word in ("--set", f"{target}.{s}")]
    if metadata:
        metadata.unlink(missing_ok=True)
        options += ["--metadata-file", str(metadata)]
    try:
        return await docker(
            "buildx", "bake", *source.source(), "--progress=rawjson", "--provenance=false", "--sbom=false",
            *options, target,
            cwd=source.root, env=ALLOWED | dict(source.variables) | secrets.environment(),
            stdin=source.definition or None, on_line=progress.line, timeout=timeout,
        )  # fmt: skip
    finally:
        progress.rest()


def explain(done: Finished, other: list[str] | None = None) -> str:
    """The decisive words of a failed build, out of pages of them."""
    if done.timed_out:
        return "the build took longer than its time limit ([build] timeout) and was ended"
    lines = other if other is not None else done.err.splitlines()
    for line in reversed(lines):
        found = re.search(r"ERROR: (?:target \S+: )?(?:failed to solve: )?(.*)", line)
        if found:
            return found[1]
    return next((line.strip() for line in reversed(lines) if line.strip()), done.last_line())


# What is said where the checks are not known: by buildx before 0.15, and by an engine whose BuildKit is older than its
# buildx (a hosted one would fetch a newer Dockerfile frontend, where a registry is in reach).
_NO_CHECKS = ("unknown flag: --call", "unsupported request frontend.lint")


async def knows_checks() -> bool:
    """Whether buildx knows BuildKit's own checks. Asked of buildx: one that was built by hand has no version."""
    return "--call" in (await docker("buildx", "build", "--help")).out


async def check(root: Path, dockerfile: Path, log: Path) -> list[Finding] | None:
    """Return what BuildKit's own checks find in a Dockerfile, or None where buildx or the engine does not know them."""
    done = await docker(
        # Given from outside, the configuration of the checks beats a `# check=skip=…` of the Dockerfile.
        "buildx", "build", "--call", "check,format=json", "--build-arg", "BUILDKIT_DOCKERFILE_CHECK=error=false",
        "--file", dockerfile, ".", cwd=root, timeout=120, log=log,
    )  # fmt: skip
    if not done.ok and any(words in done.err for words in _NO_CHECKS):
        return None
    try:
        warnings = json.loads(done.out).get("warnings") or []
    except ValueError as error:
        raise Broken(f"BuildKit's checks said something that is not a report: {done.last_line()[:200]}") from error
    return [
        Finding(
            rule=str(w.get("ruleName")),
            severity="MEDIUM",
            message=str(w.get("detail") or w.get("description")),
            file=dockerfile.name,
            line=int((((w.get("location") or {}).get("ranges") or [{}])[0].get("start") or {}).get("line") or 0),
            fix=str(w.get("url") or ""),
        )
        for w in warnings
    ]
