"""Finds the Flask app in a repository by reading its source: nothing of it is imported or run."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Folders that hold no app that is served.
SKIP = {
    "tests", "test", "docs", "doc", "examples", "migrations", "alembic", "node_modules", "venv", "env", "build", "dist",
    "site-packages", "__pycache__", "static", "templates",
}  # fmt: skip
LARGEST = 1_000_000  # bytes
# The usual names of the module that is served, best first.
NAMES = ("wsgi", "app", "main", "application", "__init__", "server", "api", "run")
LIVE = (
    "/livez", "/healthz", "/health", "/healthcheck", "/health-check", "/_health", "/up", "/ping", "/_status", "/status",
)  # fmt: skip
READY = ("/readyz", "/ready")
VERSION = "/version"
TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*(?:\([^\s\"']*\))?")
_CLASSES = {"Flask", "APIFlask"}
_VERBS = {"route", "get", "post", "put", "patch", "delete"}


@dataclass(frozen=True)
class App:
    """A Flask app: where it is, and what gunicorn must be told."""

    module: str  # dotted, from `folder`
    attribute: str  # app, or create_app()
    file: str  # from the project
    folder: str = "."  # that imports begin in: ".", "src", "app"
    line: int = 0
    needs: tuple[str, ...] = ()  # arguments without a default that a factory wants

    @property
    def target(self) -> str:
        """What gunicorn serves."""
        return f"{self.module}:{self.attribute}"


@dataclass(frozen=True)
class Source:
    """What the project's source says."""

    apps: tuple[App, ...] = ()  # best first
    routes: frozenset[str] = frozenset()
    instance: bool = False  # whether it speaks of Flask's instance folder, to write into it

    def first(self, paths: Sequence[str]) -> str:
        """The first of some paths that is a route, as it is written there; empty without one."""
        return next((route for path in paths for route in (path, f"{path}/") if route in self.routes), "")


@dataclass(frozen=True)
class _Module:
    path: Path  # from the project
    tree: ast.Module

    def top(self) -> Iterator[ast.stmt]:
        """Statements that run at import, but not where the file is the program."""
        todo = list(self.tree.body)
        while todo:
            one = todo.pop(0)
            yield one
            if isinstance(one, ast.If) and "__main__" not in ast.unparse(one.test):
                todo = [*one.body, *one.orelse, *todo]
            elif isinstance(one, ast.Try | ast.With):
                todo = [*one.body, *todo]


def read(root: Path) -> Source:
    """Read all source of a project."""
    modules = list(_modules(root))
    factories = {f.name for m in modules for f in m.top() if isinstance(f, ast.FunctionDef) and _makes(f, _CLASSES)}
    found = [(one, made) for m in modules for one, made in _apps(root, m, factories)]
    found.sort(key=lambda pair: _rank(*pair))
    routes = frozenset(route for m in modules for route in _routes(m.tree))
    attributes = (n.attr for m in modules for n in ast.walk(m.tree) if isinstance(n, ast.Attribute))
    return Source(tuple(app for app, _ in found), routes, "instance_path" in attributes)


def choose(apps: Sequence[App], stated: Sequence[str]) -> App | None:
    """The app that a project names itself (its Procfile, its Dockerfile), else the likeliest."""
    for name in stated:
        module, _, attribute = name.partition(":")
        for app in apps:
            full = f"{app.folder.replace('/', '.')}.{app.module}".removeprefix("..")
            if app.attribute == attribute and module in (app.module, full):
                return app
    return apps[0] if apps else None


def _modules(root: Path) -> Iterator[_Module]:
    todo = [root]
    while todo:
        for path in sorted(todo.pop().iterdir()):
            if path.is_symlink() or path.name.startswith("."):
                continue
            if path.is_dir() and path.name not in SKIP and not (path / "pyvenv.cfg").exists():
                todo.append(path)
            elif path.suffix == ".py" and path.stat().st_size < LARGEST:
                try:
                    yield _Module(path.relative_to(root), ast.parse(path.read_bytes()))
                except (SyntaxError, ValueError):
                    continue  # not Python of today: nothing that gunicorn could serve


def _apps(root: Path, module: _Module, factories: set[str]) -> Iterator[tuple[App, str]]:
    folder, name = _import_root(root, module)
    for one in module.top():
        if isinstance(one, ast.FunctionDef) and one.name in factories and _makes(one, _CLASSES):
            arguments = [a.arg for a in (*one.args.posonlyargs, *one.args.args)]
            wanted = arguments[: len(arguments) - len(one.args.defaults)]
            pairs = zip(one.args.kwonlyargs, one.args.kw_defaults, strict=True)
            wanted += [a.arg for a, default in pairs if default is None]
            yield App(name, f"{one.name}()", str(module.path), folder, one.lineno, tuple(wanted)), "factory"
        for target, value in _assigned(one):
            if called := _called(value):
                kind = "instance" if called in _CLASSES else "made" if called in factories else ""
                if kind:
                    yield App(name, target, str(module.path), folder, one.lineno), kind


def _assigned(one: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(one, ast.Assign):
        yield from ((target.id, one.value) for target in one.targets if isinstance(target, ast.Name))
    elif isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
        yield one.target.id, one.value


def _called(value: ast.expr | None) -> str:
    """The last name of what is called: Flask for both `Flask(…)` and `flask.Flask(…)`."""
    if not isinstance(value, ast.Call):
        return ""
    return value.func.id if isinstance(value.func, ast.Name) else getattr(value.func, "attr", "")


def _makes(function: ast.FunctionDef, classes: set[str]) -> bool:
    return any(_called(node) in classes for node in ast.walk(function) if isinstance(node, ast.Call))


def _import_root(root: Path, module: _Module) -> tuple[str, str]:
    """The folder that imports begin in, and the module's name from there."""
    folder = module.path.parent
    while folder != Path() and ((root / folder / "__init__.py").exists() or _imports(module.tree, folder.name)):
        folder = folder.parent
    parts = module.path.with_suffix("").relative_to(folder).parts
    return str(folder), ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _imports(tree: ast.Module, name: str) -> bool:
    """Whether a file imports from its own folder by name, or relatively: a package, though nothing marks it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == name):
            return True
        if isinstance(node, ast.Import) and any(a.name.split(".")[0] == name for a in node.names):
            return True
    return False


def _rank(app: App, kind: str) -> tuple[int, int, int, str]:
    stem = Path(app.file).stem
    order = {"instance": 0, "factory": 1, "made": 2}[kind] + (3 if app.needs else 0)
    known = NAMES.index(stem) if stem in NAMES else len(NAMES)
    # A wsgi.py is there to be served; else what can be served without arguments, under the likeliest name.
    return (0 if stem == "wsgi" else 1 + (known == len(NAMES)) + (2 if app.needs else 0), order, known, app.file)


def _routes(tree: ast.Module) -> Iterator[str]:
    """The paths of a file's views, with the prefix of a blueprint that names one itself."""
    prefixes = {
        target: keyword.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt)
        for target, value in _assigned(node)
        if isinstance(value, ast.Call) and _called(value) == "Blueprint"
        for keyword in value.keywords
        if keyword.arg == "url_prefix"
        and isinstance(keyword.value, ast.Constant)
        and isinstance(keyword.value.value, str)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
            continue
        path, on = node.args[0], node.func.value
        prefix = prefixes.get(on.id, "") if isinstance(on, ast.Name) else ""
        text = path.value if isinstance(path, ast.Constant) else None
        if node.func.attr in {*_VERBS, "add_url_rule"} and isinstance(text, str):
            yield str(prefix) + text
