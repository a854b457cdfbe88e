"""What a repository is like: its app, packages, Python, Dockerfile, stack and tests, as far as its files tell."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from slipway.scaffold import flask_app
from slipway.scaffold.flask_app import App, Source

Manager = Literal["uv", "poetry", "pdm", "pip", "pyproject", "pipenv", ""]
PINNED_PYTHON = "3.13"  # the one that images.PYTHON_IMAGE names by digest
PYTHONS = ("3.13", "3.14", "3.12", "3.11")  # still maintained, the pinned one first
COMPOSE = (
    "docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml",
)  # fmt: skip
TEST_FILES = (
    "requirements-test.txt", "requirements-tests.txt", "requirements-dev.txt", "dev-requirements.txt",
    "requirements/test.txt", "requirements/dev.txt",
)  # fmt: skip
REQUIREMENTS = ("requirements.txt", "requirements/production.txt", "requirements/prod.txt", "requirements/base.txt")
GROUPS = ("test", "tests", "dev")
INTEGRATION = "tests/integration"


@dataclass(frozen=True)
class Survey:
    """What was found in one project."""

    root: Path  # the project
    top: Path  # the repository that holds it
    source: Source
    app: App | None
    manager: Manager
    requirements: str  # the file that pip installs by
    packages: frozenset[str]  # that the project names, canonical
    python: str  # minor version for the image
    python_why: str  # what asks for it; empty where nothing does
    tests: str  # folder of the unit tests; "." where they lie beside the app
    integration: bool
    test_group: str  # dependency group with pytest
    test_file: str  # requirements file with pytest
    dockerfile: str
    compose: str
    services: Mapping[str, Any] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()  # files that could not be read

    @property
    def inside(self) -> str:
        """The project's folder in its repository; empty where it is the repository."""
        return "" if self.root == self.top else self.root.relative_to(self.top).as_posix()


def survey(root: Path) -> Survey:
    """Look at a project. Reads files; starts nothing."""
    reader = _Reader(root)
    source = flask_app.read(root)
    project = reader.toml("pyproject.toml")
    manager, requirements = _manager(root, project)
    dockerfile = "Dockerfile" if (root / "Dockerfile").is_file() else ""
    compose = next((name for name in COMPOSE if (root / name).is_file()), "")
    tests = next((name for name in ("tests/unit", "tests", "test", ".") if _has_tests(root, name)), "")
    group, file = _test_packages(root, project, manager)
    python, why = _python(reader, project)
    return Survey(
        root=root,
        top=_top(root),
        source=source,
        app=flask_app.choose(source.apps, list(_stated(reader, dockerfile))),
        manager=manager,
        requirements=requirements,
        packages=frozenset(_packages(reader, project, requirements)),
        python=python,
        python_why=why,
        tests=tests,
        integration=_has_tests(root, INTEGRATION),
        test_group=group,
        test_file=file,
        dockerfile=dockerfile,
        compose=compose,
        services=reader.services(compose) if compose else {},
        troubles=tuple(reader.troubles),
    )


def others(root: Path) -> list[str]:
    """Folders below `root` that look like Flask projects of their own: for a repository with many."""
    marks = {"pyproject.toml", *REQUIREMENTS}
    folders = {path.parent for mark in marks for path in root.glob(f"*/{mark}")}
    folders |= {path.parent for mark in marks for path in root.glob(f"*/*/{mark}")}
    return [f.relative_to(root).as_posix() for f in sorted(folders) if flask_app.read(f).apps]


class _Reader:
    """Reads files of a project; what cannot be read is said, and counts as absent."""

    def __init__(self, root: Path):
        self.root = root
        self.troubles: list[str] = []

    def text(self, name: str) -> str:
        path = self.root / name
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def toml(self, name: str) -> dict[str, Any]:
        try:
            return tomllib.loads(self.text(name))
        except tomllib.TOMLDecodeError as error:
            self.troubles.append(f"{name}: not valid TOML: {error}")
            return {}

    def services(self, name: str) -> dict[str, Any]:
        try:
            content = yaml.safe_load(self.text(name))
        except yaml.YAMLError as error:
            self.troubles.append(f"{name}: not valid YAML: {' '.join(str(error).split())[:120]}")
            return {}
        services = content.get("services") if isinstance(content, dict) else None
        return {k: v for k, v in services.items() if isinstance(v, dict)} if isinstance(services, dict) else {}


def _top(root: Path) -> Path:
    """The folder that holds .git, else the project itself."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def _manager(root: Path, project: Mapping[str, Any]) -> tuple[Manager, str]:
    requirements = next((name for name in REQUIREMENTS if (root / name).is_file()), "")
    locks: dict[str, Manager] = {
        "uv.lock": "uv", "poetry.lock": "poetry", "pdm.lock": "pdm",
    }  # fmt: skip
    if project and (lock := next((name for name in locks if (root / name).is_file()), "")):
        return locks[lock], requirements
    if requirements:
        return "pip", requirements
    if project.get("project", {}).get("dependencies"):
        return "pyproject", ""
    return ("pipenv", "") if (root / "Pipfile").is_file() else ("", "")


def _packages(reader: _Reader, project: Mapping[str, Any], requirements: str) -> Iterator[str]:
    """The names of what the project itself asks for."""
    lines = [*project.get("project", {}).get("dependencies", [])]
    lines += reader.text(requirements).splitlines() if requirements else []
    yield from _named(lines)
    poetry = project.get("tool", {}).get("poetry", {}).get("dependencies", {})
    yield from (canonicalize_name(name) for name in poetry)


def _named(lines: list[Any]) -> Iterator[str]:
    for line in lines:
        words = re.sub(r"(^|\s)#.*| --.*", "", str(line)).strip().rstrip("\\")
        try:
            yield canonicalize_name(Requirement(words).name)
        except InvalidRequirement:
            continue  # options, paths, groups


def _test_packages(root: Path, project: Mapping[str, Any], manager: Manager) -> tuple[str, str]:
    """The group, or else the file, that brings pytest."""
    groups: dict[str, list[Any]] = dict(project.get("dependency-groups", {}))
    if manager == "poetry":
        own = project.get("tool", {}).get("poetry", {}).get("group", {})
        groups |= {name: list(group.get("dependencies", {})) for name, group in own.items()}
    if manager == "pdm":
        groups |= project.get("tool", {}).get("pdm", {}).get("dev-dependencies", {})
    if manager in ("uv", "poetry", "pdm"):
        return next((name for name in GROUPS if "pytest" in _group(groups, name)), ""), ""
    files = [name for name in TEST_FILES if (root / name).is_file()]
    return "", next((f for f in files if re.search(r"(?im)^\s*pytest\b", (root / f).read_text(errors="replace"))), "")


def _group(groups: Mapping[str, list[Any]], name: str, depth: int = 0) -> set[str]:
    found: set[str] = set()
    for entry in groups.get(name, []):
        if isinstance(entry, dict) and depth < 5:
            found |= _group(groups, str(entry.get("include-group")), depth + 1)
        else:
            found |= set(_named([entry]))
    return found


def _python(reader: _Reader, project: Mapping[str, Any]) -> tuple[str, str]:
    """The minor version that the image gets, and the file that asks for it."""
    exact = {".python-version": r"^\s*(?:cpython-?)?(3\.\d+)", "runtime.txt": r"^\s*python-(3\.\d+)"}
    for name, pattern in exact.items():
        if found := re.search(pattern, reader.text(name)):
            return found[1], name
    wanted = project.get("project", {}).get("requires-python", "")
    poetry = project.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python", "")
    if not wanted and (found := re.match(r"[\^~](3\.\d+)", str(poetry))):
        wanted = f">={found[1]}" if str(poetry).startswith("^") else f"=={found[1]}.*"
    try:
        allowed = SpecifierSet(str(wanted or poetry))
    except InvalidSpecifier:
        return PINNED_PYTHON, ""
    fitting = next((v for v in PYTHONS if allowed.contains(f"{v}.99")), "")
    return (fitting, "pyproject.toml" if fitting != PINNED_PYTHON else "") if fitting else (PINNED_PYTHON, "")


def _stated(reader: _Reader, dockerfile: str) -> Iterator[str]:
    """What the project itself says is served: Procfile, uWSGI's ini, Dockerfile, FLASK_APP."""
    served = re.compile(rf"gunicorn\b.*?[\s\"'\[]({flask_app.TARGET.pattern})")
    for name in ("Procfile", dockerfile):
        if name:
            yield from (found[1] for found in served.finditer(reader.text(name)))
    ini = dict(re.findall(r"(?m)^\s*(module|callable)\s*=\s*(\S+)", reader.text("uwsgi.ini")))
    if module := ini.get("module"):
        yield module if ":" in module else f"{module}:{ini.get('callable', 'app')}"
    for name in (".flaskenv", dockerfile):
        if name and (found := re.search(r"FLASK_APP[= ][\"']?([\w.:]+)", reader.text(name))):
            said = found[1].removesuffix(".py").replace("/", ".")
            yield said if ":" in said else f"{said}:app"


def _has_tests(root: Path, name: str) -> bool:
    """Whether a folder holds test files; unit tests are those that are not in the folder of the integration tests."""
    paths = (root / name).glob("test_*.py" if name == "." else "**/test_*.py")
    return any(name == INTEGRATION or not path.is_relative_to(root / INTEGRATION) for path in paths)
