"""Finds and reads files once: those of the project, and the kit's own that a caller names by OWNER/slipway."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from slipway.workflows import FOLDER, reader, references, remote
from slipway.workflows.model import Action, Call, Job, Source, Workflow
from slipway.workflows.reader import Mapping, Scalar
from slipway.workflows.references import Reference
from slipway.workflows.rules import REFUSED, Problem, problem, refused

KIT = "slipway"  # the repository's name, whoever owns it


@dataclass(frozen=True)
class File:
    """A file that was read: what it is, unless it could not be parsed, and what is wrong with it as YAML."""

    source: Source
    content: Workflow | Action | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Unread:
    """A call that leads to another repository: nothing can be said about it here."""

    file: str
    job: Job
    uses: Scalar


class Library:
    """All files that a check has read."""

    def __init__(self, project: Path, kit: Path | None, *, same_owner: bool = False):
        self.project, self.kit, self._same_owner = project, kit, same_owner
        self.own = remote.find(project)
        self._files: dict[Path, File] = {}
        self._calls: dict[Path, list[Call | Problem | Unread]] = {}

    def file(self, path: Path, repository: Path) -> File:
        """The file at a path, read once."""
        path = path.resolve()
        if path not in self._files:
            self._files[path] = self._read(Source(self._name(path), path, repository))
        return self._files[path]

    def calls(self, workflow: Workflow) -> list[Call | Problem | Unread]:
        """What each calling job of a workflow leads to."""
        known = self._calls.get(workflow.source.path)
        if known is None:
            pairs = [(job, job.uses) for job in workflow.jobs.values() if job.uses]
            known = self._calls[workflow.source.path] = [self._call(workflow, job, uses) for job, uses in pairs]
        return known

    def found(self, workflow: Workflow) -> Iterator[Call]:
        """The calls whose callee could be read."""
        yield from (call for call in self.calls(workflow) if isinstance(call, Call))

    def problems(self) -> Iterator[Problem]:
        """What is wrong as YAML with any file that was read."""
        for file in self._files.values():
            yield from file.problems

    def action(self, source: Source, uses: str) -> Action | None:
        """The action that a step uses, where it lies here. `./` is the checkout: the project's own, as a rule."""
        where = self._place(source, uses)
        if where is None:
            return None
        repository, path = where
        for name in ("action.yml", "action.yaml"):
            file = (repository / path / name).resolve()
            if file.is_file() and file.is_relative_to(repository):
                content = self.file(file, repository).content
                return content if isinstance(content, Action) else None
        return None

    def _place(self, source: Source, uses: str) -> tuple[Path, str] | None:
        """The repository here that a reference leads to, and the path in it."""
        reference = references.parse(uses)
        if reference.kind == "here":
            return source.repository, reference.path
        if reference.kind == "remote" and self._is_own(reference):
            return self.own.folder if self.own else self.project, reference.path
        if reference.kind == "remote" and self.kit and reference.repository.lower() == KIT:
            return self.kit, reference.path
        return None

    def _is_own(self, reference: Reference) -> bool:
        here = (self.own.owner, self.own.name) if self.own else None
        return (reference.owner.lower(), reference.repository.lower()) == here

    def owner(self, uses: str) -> Literal["same", "other", "unknown"]:
        """Return whether a reference leads to a repository of the same owner, as far as the git remote says who that
        is. An enterprise may own both all the same, which no file says."""
        reference = references.parse(uses)
        if reference.kind != "remote" or self._same_owner:
            return "same"
        if self.own is None:
            return "unknown"
        return "same" if reference.owner.lower() == self.own.owner else "other"

    def is_kit(self, source: Source, uses: str) -> bool:
        """Return whether a reference leads to the kit: OWNER/slipway, or a path in the kit's own files."""
        reference = references.parse(uses)
        if reference.kind == "remote":
            return reference.repository.lower() == KIT
        return reference.kind == "here" and source.repository == self.kit

    def _call(self, workflow: Workflow, job: Job, uses: Scalar) -> Call | Problem | Unread:
        name, reference = workflow.source.name, references.parse(uses.text)
        if reference.kind == "expression":
            said = "A template expression is not allowed in this context"
            fix = "write the reference out; to choose between workflows, write one job for each, with `if:`"
            return problem("call-reference", name, uses, "an expression in `uses`", refused(said), fix)
        folder, _, file = reference.path.rpartition("/")
        if reference.kind in ("malformed", "image") or folder != FOLDER or not file.endswith((".yml", ".yaml")):
            why = f"{REFUSED}: a job calls a file directly in {FOLDER}, of another repository with an @ref"
            fix = f"uses: ./{FOLDER}/<file>.yml, or OWNER/REPOSITORY/{FOLDER}/<file>.yml@<40 hex>"
            return problem("call-reference", name, uses, f"'{uses.text}' is not the reference of a workflow", why, fix)
        where = self._place(workflow.source, uses.text)
        if where is None or not (where[0] / FOLDER).is_dir():
            return Unread(name, job, uses)
        repository, path = where
        target = repository / path
        if not target.is_file():
            there = sorted(p.name for p in (repository / FOLDER).iterdir() if p.suffix in (".yml", ".yaml"))
            message = f"there is no {path} in {'this kit' if repository == self.kit else 'this repository'}"
            fix = f"correct the name; there are: {', '.join(there) or 'none'}"
            why = f"{REFUSED}: the called workflow is not found at that commit"
            return problem("call-not-found", name, uses, message, why, fix)
        content = self.file(target, repository).content
        return Call(workflow, job, uses, content) if isinstance(content, Workflow) else Unread(name, job, uses)

    def _read(self, source: Source) -> File:
        try:
            text = source.path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            at = Scalar("", "string", 1, 1)
            why = f"{REFUSED}: workflow files are UTF-8"
            wrong = problem("yaml-syntax", source.name, at, f"not UTF-8: {error.reason}", why, "save it as UTF-8")
            return File(source, None, (wrong,))
        tree, mistakes = reader.read(text)
        problems = tuple(_explain(source.name, mistake) for mistake in mistakes)
        if tree is not None and not isinstance(tree, Mapping):
            said, why = "the file is not a mapping", f"{REFUSED}: a workflow is a mapping of `on`, `jobs` and so on"
            problems += (problem("yaml-syntax", source.name, tree, said, why, "see docs/reference/check.md"),)
        if not isinstance(tree, Mapping):
            return File(source, None, problems)
        action = source.path.name in ("action.yml", "action.yaml") and tree.get("jobs") is None
        return File(source, Action(source, tree) if action else Workflow(source, tree), problems)

    def _name(self, path: Path) -> str:
        for folder, prefix in ((self.project, ""), (self.kit, "kit:"), (Path.cwd(), "")):
            if folder and path.is_relative_to(folder):
                return prefix + path.relative_to(folder).as_posix()
        return str(path)


def _explain(file: str, mistake: reader.Mistake) -> Problem:
    at = Scalar("", "string", mistake.line, mistake.column)
    if mistake.rule == "duplicate-key":
        return problem("duplicate-key", file, at, mistake.message, refused(f"{mistake.message}"), "keep one of the two")
    why = f"{REFUSED}: the file cannot be read"
    return problem("yaml-syntax", file, at, mistake.message, why, "correct the YAML here, or just above")
