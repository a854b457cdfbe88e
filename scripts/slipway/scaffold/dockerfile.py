"""Writes a Dockerfile for a project that has none: slim by digest, not root, a test stage, a health check, gunicorn."""

import re
from pathlib import Path

from slipway.scaffold import templates
from slipway.scaffold.flask_app import LIVE
from slipway.scaffold.survey import INTEGRATION, PINNED_PYTHON, Survey
from slipway.tools.environments import PYTEST

# The base image of new Dockerfiles; the one that images.toml of the kit names.
PYTHON_IMAGE = (
    "docker.io/library/python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285"
)
# What the build's own stages install; it is in no image that ships. gunicorn: where the project names no server.
PINS = {"uv": "0.13.8", "poetry": "2.5.1", "pdm": "2.28.0", "poetry-plugin-export": "1.9.0", "gunicorn": "27.0.1"}
# manager → what is installed to read its lock, the option for what ships, and the one that adds a group
EXPORTS = {"poetry": ("poetry poetry-plugin-export", "--only main", "--with"), "pdm": ("pdm", "--prod", "--group")}
CA = "/etc/ssl/certs/ca-certificates.crt"
MOUNT_CA = f"--mount=type=secret,id=ca,target={CA}"
# Never part of what ships: what tools, people and other deployments need.
LEFT_OUT = {
    "tests", "test", "docs", "doc", "venv", "env", "node_modules", "__pycache__", "instance", "secrets", "examples",
    "benchmarks", "infra", "k8s", "helm", "terraform", "reports", "htmlcov", "build", "dist", "requirements", "scripts",
    "setup.py", "conftest.py", "noxfile.py", "tasks.py", "fabfile.py", "manage_dev.py",
}  # fmt: skip
PYTEST_FILES = ("pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini", "conftest.py")


def write(survey: Survey) -> str:
    """The Dockerfile of a project.

    Args:
        survey: with an app and a known package manager.
    """
    assert survey.app
    folder = survey.app.folder
    environment, install = _install(survey)
    return templates.fill(
        "Dockerfile",
        image=PYTHON_IMAGE if survey.python == PINNED_PYTHON else image(survey.python),
        path="" if folder == "." else f" PYTHONPATH=/app/{folder}",
        ca=CA,
        environment=environment,
        install=install,
        copy="\n".join(_copies(entries(survey))),
        instance=_instance(survey),
        test=_test(survey) if survey.tests else "",
        health_says=_health_says(survey),
        health=_probe(survey.source.first(LIVE)),
        target=survey.app.target,
    )


def image(python: str) -> str:
    """The official image of another Python, by tag: its digest is not known here."""
    return f"docker.io/library/python:{python}-slim-trixie"


def entries(survey: Survey) -> list[str]:
    """The names in the project's folder that the app is made of; folders end in a slash."""
    found = []
    for path in sorted(survey.root.iterdir()):
        name = path.name
        if path.is_symlink() or name.startswith(".") or name in LEFT_OUT or name.endswith(".egg-info"):
            continue
        if path.is_dir() and not (path / "pyvenv.cfg").exists() and any(path.iterdir()):
            found.append(f"{name}/")
        elif (
            (path.suffix == ".py" and not re.match(r"test_|gunicorn\.conf", name))
            or name == "alembic.ini"
            or (path.suffix == ".json" and not name.startswith("package"))
        ):
            found.append(name)
    return ["gunicorn.conf.py", *found]


def _copies(names: list[str]) -> list[str]:
    files = [name for name in names if not name.endswith("/")]
    return [f"COPY {' '.join(files)} ./", *(f"COPY {name} {name}" for name in names if name.endswith("/"))]


def _install(survey: Survey) -> tuple[str, str]:
    """Variables of the stage that installs, and its instructions."""
    beside = "" if "gunicorn" in survey.packages else _beside(f"gunicorn=={PINS['gunicorn']}")
    if survey.manager == "uv":
        variables = (
            " \\\n    UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy"
        )
        steps = "uv sync --quiet --locked --no-default-groups --no-install-project"
        return variables, _tool("uv") + _run(["pyproject.toml", "uv.lock"], steps + beside)
    if survey.manager in EXPORTS:
        tools, shipped, _ = EXPORTS[survey.manager]
        steps = f"{_exported(survey.manager, shipped)} \\\n    && python -m venv --without-pip /venv"
        steps += _beside("--require-hashes --requirement /tmp/lock.txt")
        return "", _tool(tools) + _run(["pyproject.toml", f"{survey.manager}.lock"], steps + beside)
    if survey.manager == "pyproject":
        steps = "uv venv --quiet /venv \\\n    && uv pip install --quiet --python /venv --requirements pyproject.toml"
        return " UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy", _tool("uv") + _run(["pyproject.toml"], steps + beside)
    steps = f"python -m venv --without-pip /venv \\\n    && {_pip(f'--requirement {survey.requirements}')}"
    return "", _run(_included(survey.root, survey.requirements), steps + beside)


def _exported(manager: str, groups: str) -> str:
    """The lock as pip reads it, with its hashes: pip alone speaks to the index then."""
    if manager == "poetry":
        return f"poetry check --lock --quiet && poetry export --output /tmp/lock.txt {groups}"
    return f"pdm lock --check && pdm export --output /tmp/lock.txt {groups}"


def _pip(words: str) -> str:
    return f"pip --python /venv/bin/python install --no-cache-dir {words}"


def _beside(words: str) -> str:
    return f" \\\n    && {_pip(words)}"


def _tool(names: str) -> str:
    words = " ".join(f"{name}=={PINS[name]}" for name in names.split())
    return f"RUN {MOUNT_CA} \\\n    pip install --no-cache-dir {words}\n"


def _run(files: list[str], steps: str) -> str:
    mounts = [f"--mount=type=bind,source={name},target={name}" for name in files]
    return "RUN " + " \\\n    ".join([*mounts, MOUNT_CA, steps])


def _included(root: Path, name: str, seen: tuple[str, ...] = ()) -> list[str]:
    """A requirements file and those that it takes in by -r and -c."""
    found = [name]
    text = (root / name).read_text(encoding="utf-8", errors="replace")
    for other in re.findall(r"(?m)^\s*(?:-r|-c|--requirement|--constraint)[ =]*(\S+)", text):
        path = (Path(name).parent / other).as_posix()
        if path not in (*seen, *found) and (root / path).is_file():
            found += _included(root, path, (*seen, *found))
    return list(dict.fromkeys(found))


def _test(survey: Survey) -> str:
    group, file = survey.test_group, survey.test_file
    if survey.manager == "uv" and group:
        steps = f"uv sync --quiet --locked --no-default-groups --group {group} --no-install-project --inexact"
        run = _run(["pyproject.toml", "uv.lock"], steps)
    elif survey.manager in EXPORTS and group:
        steps = _exported(survey.manager, f"{EXPORTS[survey.manager][2]} {group}")
        steps += _beside("--require-hashes --requirement /tmp/lock.txt")
        run = _run(["pyproject.toml", f"{survey.manager}.lock"], steps)
    elif file:
        run = _run(_included(survey.root, file), _pip(f"--requirement {file}"))
    else:
        run = _run([], _pip(f"pytest=={pytest_version()}"))
    own = [name for name in PYTEST_FILES if (survey.root / name).is_file()]
    if survey.tests == ".":
        files = [*own, *sorted(path.name for path in survey.root.glob("test_*.py"))]
        copy, tests = f"{' '.join(files)} ./", ", ".join(f'"{name}"' for name in files if name.startswith("test_"))
    else:
        copy = f"{survey.tests}/ {survey.tests}/"
        copy = f"{' '.join(own)} ./\nCOPY {copy}" if own else copy
        tests = f'"{survey.tests}"'
        if survey.integration and INTEGRATION.startswith(f"{survey.tests}/"):
            tests += f', "--ignore={INTEGRATION}"'
    return templates.fill(
        "test-stage", install=f"{run} \\\n    && install -d -m 1777 /reports", files=copy, tests=tests
    )


def pytest_version() -> str:
    """The pytest that the kit pins for projects that name none."""
    found = re.search(r"(?m)^pytest==(\S+)", PYTEST.read_text(encoding="utf-8"))
    assert found
    return found[1]


def _instance(survey: Survey) -> str:
    """The instance folder, where the app writes into it: all else is root's."""
    assert survey.app
    folder = "" if survey.app.folder == "." else f"{survey.app.folder}/"
    return f" \\\n    && install -d -o 10001 -g 10001 {folder}instance" if survey.source.instance else ""


def _health_says(survey: Survey) -> str:
    if path := survey.source.first(LIVE):
        return f"{path} must answer 200. Without a shell or curl; -I -S: ten times less work than an HTTP library."
    return "No health path was found: whatever / answers below 500 counts. Without a shell or curl."


def _probe(path: str) -> str:
    """A health check as one line of Python, to stand in a JSON string in a Dockerfile."""
    healthy = "s.recv(12)[9:] == b'200'" if path else "b'2' <= s.recv(12)[9:10] < b'5'"
    request = f"GET {path or '/'} HTTP/1.0\\\\r\\\\nHost: localhost\\\\r\\\\n\\\\r\\\\n"
    return (
        "import os, socket; s = socket.create_connection(('127.0.0.1', int(os.environ['PORT'])), 2); "
        f"s.sendall(b'{request}'); raise SystemExit(not {healthy})"
    )
