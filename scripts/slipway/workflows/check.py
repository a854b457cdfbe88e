"""All rules over some files, and over what they call as far as GitHub would refuse the caller for it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from slipway.errors import UsageError
from slipway.workflows import (
    FOLDER,
    concurrency,
    contexts,
    default_files,
    engine,
    graph,
    interface,
    outputs,
    permissions,
    privileges,
    references,
    runners,
    shape,
    sharing,
    triggers,
)
from slipway.workflows.library import Library, Unread
from slipway.workflows.model import Action, Workflow
from slipway.workflows.permissions import Default
from slipway.workflows.rules import Problem


class Report(Struct, frozen=True):
    """What a check found."""

    problems: list[Problem]
    files: list[str]  # that were asked for
    unread: list[str]  # calls that lead to other repositories: file:line, reference
    notes: list[Problem] = []  # what a setting decides that no file says: never red
    actionlint: str = ""  # the version that ran as well; empty where it was not found


def installed_kit() -> Path | None:
    """The folder of the kit that this command belongs to, where its workflows lie beside it."""
    kit = Path(__file__).resolve().parents[3]
    return kit if (kit / FOLDER).is_dir() else None


def check(project: Path, files: Iterable[Path], kit: Path | None, default: Default) -> Report:
    """Check files of a project; without files, all that it has.

    Raises:
        UsageError: there is nothing to check.
    """
    library, paths = opened(project, files, kit, default)
    return judge(library, paths, default)


def opened(project: Path, files: Iterable[Path], kit: Path | None, default: Default) -> tuple[Library, list[Path]]:
    """Return what files are read from, and the paths to check.

    Raises:
        UsageError: there is nothing to check.
    """
    project = project.resolve()
    paths = [path.resolve() for path in files] or default_files(project)
    if not paths:
        raise UsageError(
            f"{project} has no files in {FOLDER} or .github/actions. Name files, or another project with -C."
        )
    return Library(project, kit.resolve() if kit else None, same_owner=default.same_owner), paths


def read(library: Library, path: Path) -> Workflow | Action | None:
    """Return the content of a file to check."""
    return library.file(path, _repository(path, library.project)).content


def judge(library: Library, paths: list[Path], default: Default) -> Report:
    """Apply every rule to the files."""
    problems: list[Problem] = []
    unread: dict[str, None] = {}
    for path in paths:
        content = read(library, path)
        if isinstance(content, Workflow):
            problems += _workflow(content, library, default)
            unread |= dict.fromkeys(_unread(content, library))
        elif content:
            problems += _action(content, library)
    problems += sharing.check(_started(library, paths), library)
    problems += library.problems()
    unique = {(p.file, p.line, p.column, p.rule, p.message): p for p in problems}
    ordered = sorted(unique.values(), key=place)
    return Report(
        [p for p in ordered if not p.note],
        [library.file(path, library.project).source.name for path in paths],
        list(unread),
        [p for p in ordered if p.note],
    )


def _started(library: Library, paths: list[Path]) -> Iterator[Workflow]:
    """Return the workflows among the files to check."""
    for path in paths:
        content = read(library, path)
        if isinstance(content, Workflow):
            yield content


def place(found: Problem) -> tuple[str, int, int, str]:
    """Return what findings are sorted by."""
    return found.file, found.line, found.column, found.rule


def _repository(path: Path, project: Path) -> Path:
    """The folder that holds the `.github` of a file; for a file elsewhere the project."""
    return next((folder.parent for folder in path.parents if folder.name == ".github"), project)


def _workflow(workflow: Workflow, library: Library, default: Default) -> Iterator[Problem]:
    for one in _tree(workflow, library, []):
        yield from _refusals(one, library)
    yield from graph.calls(workflow, library)
    yield from permissions.check(workflow, library, default)
    yield from concurrency.check(workflow, library)
    yield from outputs.check(workflow, library)
    yield from interface.undeclared(
        workflow, (pair for node in workflow.evaluated() for pair in contexts.conditions(node))
    )
    yield from references.unpinned(workflow)
    yield from triggers.check(workflow, library)
    yield from runners.check(workflow, library)
    yield from privileges.check(workflow, library, default)
    yield from engine.check(workflow)


def _refusals(workflow: Workflow, library: Library) -> Iterator[Problem]:
    """What GitHub refuses in one file, for itself and for all that call it."""
    yield from shape.check(workflow)
    yield from graph.needs(workflow)
    yield from contexts.check(workflow)
    yield from interface.defaults(workflow)
    yield from (call for call in library.calls(workflow) if isinstance(call, Problem))
    for call in library.found(workflow):
        yield from interface.check(call)


def _action(action: Action, library: Library) -> Iterator[Problem]:
    yield from contexts.check(action)
    yield from outputs.check(action, library)
    yield from references.unpinned(action)


def _tree(workflow: Workflow, library: Library, seen: list[Workflow]) -> Iterator[Workflow]:
    """A workflow and all that it calls, directly or not, each once."""
    if workflow in seen:
        return
    seen.append(workflow)
    yield workflow
    for call in library.found(workflow):
        yield from _tree(call.callee, library, seen)


def _unread(workflow: Workflow, library: Library) -> Iterator[str]:
    nameless = "" if library.own else " (no git remote says which repository this is)"
    for one in _tree(workflow, library, []):
        for call in library.calls(one):
            if isinstance(call, Unread):
                yield f"{call.file}:{call.uses.line} {call.uses.text}{nameless}"
