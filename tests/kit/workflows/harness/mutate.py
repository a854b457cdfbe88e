"""Every line that guards something, deleted in turn; and who notices.

A mutant is a shipped file less one line, or less one pair of a `{…}` on a line. Prose is left alone: descriptions and
comments (a comment that zizmor asks for is on a line that is deleted anyway). Killed by, the cheapest first: the schema
and the inputs of actions, the golden table, a static tool, an execution whose trace is another. The first that notices
ends the search, so a mutant costs an execution (half a second) only where nothing that merely reads YAML sees it.
"""

import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml
from workflows.harness import golden, judge, places, scenarios, standins, static, traces, yaml_text
from workflows.harness.scenarios import Scenario

PROSE = re.compile(r"^\s*(#|$|description:)")
TRACES = places.HERE / "traces"
TOOLS = {
    "slipway check": static.slipway_check_by_library,
    "actionlint": static.actionlint,
    "zizmor": static.zizmor,
}


@dataclass(frozen=True)
class Mutant:
    """A file that lost something."""

    file: str  # relative to .github
    line: int
    lost: str
    text: str

    @property
    def name(self) -> str:
        """Where and what, stable against lines that move."""
        return f"{self.file}: {self.lost}"


def mutants(file: Path, root: Path = places.REPOSITORY) -> list[Mutant]:
    """All mutants of a file."""
    text = file.read_text(encoding="utf-8")
    lines = text.split("\n")
    name = str(file.relative_to(root / ".github"))
    made = [
        Mutant(name, number, line.strip(), "\n".join(lines[: number - 1] + lines[number:]))
        for number, line in enumerate(lines, 1)
        if not PROSE.match(line)
    ]
    return made + [Mutant(name, number, lost, new) for number, lost, new in _pairs(text)]


def _pairs(text: str) -> Iterator[tuple[int, str, str]]:
    """Each pair of a flow mapping that has several, taken out."""

    def visit(node: yaml.Node) -> Iterator[tuple[yaml.Node, yaml.Node, yaml.MappingNode, int]]:
        if isinstance(node, yaml.MappingNode):
            for number, (key, value) in enumerate(node.value):
                if node.flow_style and len(node.value) > 1:
                    yield key, value, node, number
                yield from visit(value)
        elif isinstance(node, yaml.SequenceNode):
            for one in node.value:
                yield from visit(one)

    for key, value, parent, number in visit(yaml.compose(text, Loader=yaml.SafeLoader)):
        if key.value in ("description", "name"):
            continue
        last = number == len(parent.value) - 1
        begin = parent.value[number - 1][1].end_mark.index if last else key.start_mark.index
        end = value.end_mark.index if last else parent.value[number + 1][0].start_mark.index
        lost = text[key.start_mark.index : value.end_mark.index]
        yield key.start_mark.line + 1, f"{lost} (of {parent.start_mark.line + 1})", text[:begin] + text[end:]


class Court:
    """Judges mutants in a copy of `.github` of its own."""

    def __init__(self, folder: Path, root: Path = places.REPOSITORY) -> None:
        self.folder = folder
        self.root = folder / "root"
        shutil.copytree(root / ".github", self.root / ".github")
        self.golden = golden.table(root)
        self.runs = 0

    def killer(self, mutant: Mutant) -> str:
        """Who notices the mutant; empty when nobody does."""
        file = self.root / ".github" / mutant.file
        shipped = file.read_text(encoding="utf-8")
        file.write_text(mutant.text, encoding="utf-8")
        try:
            return self._killer(mutant, file)
        finally:
            file.write_text(shipped, encoding="utf-8")

    def _killer(self, mutant: Mutant, file: Path) -> str:
        if static.schema_by_library(file):
            return "schema"
        if standins.faults(yaml_text.read(file), self.root, file.name):
            return "inputs of the pinned actions"
        if self._golden_differs():
            return "golden table"
        for name, tool in TOOLS.items():
            try:
                if tool(self.root):
                    return name
            except (static.CannotCheck, ValueError):
                return name
        for scenario in _scenarios(mutant.file):
            self.runs += 1
            try:
                run = traces.execute(scenario, self.folder / str(self.runs), self.root)
                found = traces.trace(run)
            except (judge.HarnessError, KeyError, ValueError, TypeError):
                return "execution"
            finally:
                shutil.rmtree(self.folder / str(self.runs), ignore_errors=True)
            if found != (TRACES / f"{scenario.name}.txt").read_text(encoding="utf-8"):
                return "execution"
        # Two seconds: asked when all else is silent.
        return "workflow-parser" if static.workflow_parser(self.root) else ""

    def _golden_differs(self) -> bool:
        try:
            return golden.table(self.root) != self.golden
        except (KeyError, ValueError, TypeError, AttributeError):
            return True


def _scenarios(file: str) -> list[Scenario]:
    """Those that run a file, the telling ones first."""
    name = Path(file).stem
    users = {
        "actions/setup/action.yml": lambda one: one.name == "publish-tags-only",
        "actions/deploy/action.yml": lambda one: one.workflow == "actions/deploy",
        "actions/verify/action.yml": lambda one: one.workflow in ("actions/verify", "verify", "build"),
    }
    chosen = [one for one in scenarios.of() if users.get(file, lambda one: one.workflow == name)(one)]
    return sorted(chosen, key=lambda one: ("all-set" not in one.name, "default" not in one.name))


def judge_all(file: Path, folder: Path) -> dict[Mutant, str]:
    """The killer of each mutant of a file; two at a time."""
    made = mutants(file)
    # The file itself must pass everything, or every mutant would look killed.
    whole = Mutant(made[0].file, 0, "nothing", file.read_text(encoding="utf-8"))
    if noticed := Court(folder / "whole").killer(whole):
        raise AssertionError(f"{made[0].file} as it is shipped is objected to by: {noticed}")
    courts = threading.local()
    number = iter(range(100))

    def one(mutant: Mutant) -> str:
        if not hasattr(courts, "mine"):
            courts.mine = Court(folder / str(next(number)))
        return courts.mine.killer(mutant)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(made, pool.map(one, made), strict=True))
