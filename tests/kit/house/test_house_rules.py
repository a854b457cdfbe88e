"""The rules of the house (docs: DESIGN's "Inside scripts/slipway"), read from the source itself."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
KIT = ROOT / "scripts" / "slipway"
MODULES = sorted(p for p in KIT.rglob("*.py") if "__pycache__" not in p.parts)

# Imports run downwards: a room may use those on lower floors and itself, nothing else.
FLOORS = (
    {"errors", "mistakes", "options"},
    {"variables"},
    {"image", "policy", "config"},
    {"github"},
    {"tools"},
    {"deploy", "workflows"},
    {"stages"},
    {"pipeline"},
    {"doctor", "scaffold"},
    {"report"},
    {"adopt", "ci", "db", "delivery", "look"},
    {"cli"},
    {"__main__"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def room(path: Path) -> str:
    """The room that a module stands in."""
    first = path.relative_to(KIT).parts[0]
    return first.removesuffix(".py")


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def walked(path: Path) -> tuple[ast.AST, ...]:
    """Every node of a module: several rules look at each."""
    return tuple(ast.walk(tree(path)))


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Our own modules that one imports, wherever in it, as dotted names with their lines."""
    for node in walked(path):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: relative import"
            if node.module == "slipway":
                yield from ((f"slipway.{alias.name}", node.lineno) for alias in node.names)
            elif node.module and node.module.startswith("slipway."):
                yield node.module, node.lineno
        elif isinstance(node, ast.Import):
            yield from ((a.name, node.lineno) for a in node.names if a.name.split(".")[0] == "slipway")


def nodes(*exempt: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node of every module outside the rooms (or modules) exempt, with the place to name in a failure."""
    for path in MODULES:
        if room(path) not in exempt and str(path.relative_to(KIT)) not in exempt:
            for node in walked(path):
                yield f"{path.relative_to(KIT)}:{getattr(node, 'lineno', 0)}", node


def test_imports_run_downwards() -> None:
    wrong = []
    for path in MODULES:
        own = room(path)
        for name, line in imported(path):
            other = name.split(".")[1]
            assert own != "plugin", "the plugin runs in the project's environment, which has no slipway"
            if other not in ("__version__", own) and FLOOR[other] >= FLOOR[own]:
                wrong.append(f"{path.relative_to(KIT)}:{line} imports {name}")
    assert not wrong


def test_process_is_the_ground_floor() -> None:
    assert not list(imported(KIT / "tools" / "process.py"))


def test_reports_are_imported_by_the_commands_alone() -> None:
    users = {room(p) for p in MODULES for name, _ in imported(p) if name.startswith("slipway.report")}
    assert users <= {"adopt", "ci", "cli", "db", "delivery", "look", "report"}


def test_no_module_is_longer_than_300_lines() -> None:
    lengths = {str(p.relative_to(KIT)): len(p.read_text(encoding="utf-8").splitlines()) for p in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > 300} == {}


def starts_a_process(node: ast.AST) -> bool:
    names = {a.name.split(".")[0] for a in node.names} if isinstance(node, ast.Import) else set()
    names |= {str(node.module).split(".")[0]} if isinstance(node, ast.ImportFrom) else set()
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    starters = r"(os|asyncio|loop)\.((create_)?subprocess_\w+|system|popen|posix_spawnp?|fork\w*|(exec|spawn)[lv]p?e?)"
    return bool(names & {"subprocess", "pty", "multiprocessing"} or re.fullmatch(starters, called))


def test_processes_start_in_one_place() -> None:
    """tools/process.py alone starts processes; the pytest plugin stands by itself in another environment."""
    assert [at for at, node in nodes("plugin", "tools/process.py") if starts_a_process(node)] == []
    assert any(starts_a_process(node) for node in ast.walk(tree(KIT / "tools" / "process.py")))


# Loops of threads, which no signal reaches, and the one place where a command's own loop starts.
LOOPS = {"tools/interrupts.py", "tools/provision.py", "deploy/fakes/container.py"}


def test_commands_end_in_order() -> None:
    """`asyncio.run` dies of SIGTERM and of a second SIGINT: commands use `interrupts.run`."""
    found = {
        str(path.relative_to(KIT))
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "asyncio.run"
    }
    assert found == LOOPS


def test_no_shell() -> None:
    shells = {"/bin/sh", "sh", "bash", "/bin/bash"}
    keyword = [at for at, node in nodes() if isinstance(node, ast.keyword) and node.arg == "shell"]
    named = [at for at, node in nodes() if isinstance(node, ast.Constant) and str(node.value) in shells]
    assert keyword + named == []


def test_only_github_knows_the_runner() -> None:
    assert [at for at, n in nodes("github") if isinstance(n, ast.Constant) and "GITHUB_" in str(n.value)] == []


def test_only_the_command_line_and_reports_print() -> None:
    rooms = ("adopt", "ci", "cli", "db", "delivery", "look", "report")
    calls = [(at, node.func) for at, node in nodes(*rooms) if isinstance(node, ast.Call)]
    names = [(at, getattr(func, "id", getattr(func, "attr", ""))) for at, func in calls]
    assert [at for at, name in names if name in ("print", "echo", "secho")] == []


def undocumented(body: list[ast.stmt], where: str, known: set[str]) -> Iterator[str]:
    """Public functions and classes without a docstring; `known` are methods that a protocol documents."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node) and node.name not in known:
                yield f"{where}{node.name} (line {node.lineno})"
            if isinstance(node, ast.ClassDef):
                yield from undocumented(node.body, f"{where}{node.name}.", known)


def test_every_public_function_says_what_it_does() -> None:
    protocols = {KIT / "deploy" / "target.py", KIT / "deploy" / "fakes" / "platform.py"}
    classes = [n for path in protocols for n in tree(path).body if isinstance(n, ast.ClassDef)]
    shapes = [n for n in classes if any(ast.unparse(base) == "Protocol" for base in n.bases)]
    methods = {m.name for n in shapes for m in n.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef)}
    # A stage's `run` and `key` are documented once, by the shape in stages/base.py.
    known = {"stages": {"run", "key"}, "deploy": methods}
    missing = []
    for path in MODULES:
        own = set() if path in protocols else known.get(room(path), set())
        missing += [f"{path.relative_to(KIT)}: {m}" for m in undocumented(tree(path).body, "", own)]
    assert not missing, "\n".join(missing)


def test_every_module_says_what_it_is_for() -> None:
    silent = [p for p in MODULES if tree(p).body and not ast.get_docstring(tree(p))]
    assert silent == []
