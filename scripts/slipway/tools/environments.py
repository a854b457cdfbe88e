"""The Python environment of the integration tests: the project's own packages, never the kit's."""

import hashlib
import os
import re
import tomllib
from pathlib import Path
from typing import Any

from slipway.errors import SlipwayError
from slipway.tools.provision import uv

PYTEST = Path(__file__).with_name("integration.txt")  # pytest, pytest-docker, httpx by hash


async def integration(root: Path, state: Path, log: Path) -> Path:
    """The interpreter of an up-to-date environment.

    Takes the group `integration` of a uv project, or `dev` where it has pytest-docker; else requirements-test.txt, else
    pytest, pytest-docker and httpx. Made again only when those files change.

    Raises:
        SlipwayError: the packages cannot be had.
    """
    home = Path(os.environ.get("RUNNER_TEMP") or state) / "integration-venv"
    python = home / "bin" / "python"
    group = _group(root)
    sources = [root / "pyproject.toml", root / "uv.lock"] if group else [_requirements(root)]
    stamp = hashlib.sha256(b"".join(p.read_bytes() for p in sources if p.is_file()) + group.encode()).hexdigest()
    note = home / "slipway-stamp"
    if python.exists() and note.is_file() and note.read_text() == stamp:
        return python
    if group:
        locked = ["--locked"] if (root / "uv.lock").is_file() else []
        steps = [["sync", "--quiet", *locked, "--only-group", group, "--no-install-project", "--no-python-downloads"]]
    else:
        steps = [
            ["venv", "--quiet", "--allow-existing", "--no-python-downloads", str(home)],
            ["pip", "install", "--quiet", "--python", str(python), "--requirements", str(sources[0])],
        ]
    for step in steps:
        done = await uv(*step, cwd=root, env={"UV_PROJECT_ENVIRONMENT": str(home)}, timeout=300, log=log)
        if not done.ok:
            raise SlipwayError(f"the integration tests' packages cannot be had: {done.last_line()}")
    note.write_text(stamp)
    return python


def _group(root: Path) -> str:
    path = root / "pyproject.toml"
    try:
        groups = tomllib.loads(path.read_text(encoding="utf-8")).get("dependency-groups", {}) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SlipwayError(f"pyproject.toml is not valid TOML: {error}.") from error
    if "integration" in groups:
        return "integration"
    # A `dev` without pytest-docker is for other tests: these would not even be collected with it.
    return "dev" if _names(groups, "dev", "pytest-docker") else ""


def _names(groups: dict[str, Any], group: str, package: str, depth: int = 0) -> bool:
    """Whether a group, or one that it includes, asks for a package."""
    for entry in groups.get(group, []):
        if isinstance(entry, dict):
            if depth < 5 and _names(groups, str(entry.get("include-group")), package, depth + 1):
                return True
        elif re.match(rf"{package}(?![\w.-])", str(entry)):
            return True
    return False


def _requirements(root: Path) -> Path:
    own = root / "requirements-test.txt"
    return own if own.is_file() else PYTEST
