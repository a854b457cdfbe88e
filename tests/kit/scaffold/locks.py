"""Lock files of Poetry and PDM, made from uv's: their own tools ask the index in ways that a mirror may not answer."""

import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

from slipway.scaffold.dockerfile import PINS

HASH = {
    "poetry": "from poetry.factory import Factory; print(Factory().create_poetry().locker._get_content_hash())",
    "pdm": "from pdm.core import Core; print('sha256:' + Core().create_project('.').pyproject.content_hash('sha256'))",
}
HEAD = {
    "poetry": '[metadata]\nlock-version = "2.1"\npython-versions = "^3.11"\ncontent-hash = "{}"\n',
    "pdm": '[metadata]\ngroups = ["default", "dev"]\nstrategy = ["inherit_metadata"]\nlock_version = "4.5.0"\n'
    'content_hash = "{}"\n\n[[metadata.targets]]\nrequires_python = ">=3.11"\n',
}
NAMES = {"poetry": ("main", "dev"), "pdm": ("default", "dev")}


def run(root: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(root: Path, tool: str, main: list[str], dev: list[str]) -> None:
    """Write poetry.lock or pdm.lock for these requirements; the project's pyproject.toml names the same."""
    scratch = root / "scratch"
    scratch.mkdir()
    groups = f"[dependency-groups]\ndev = {json.dumps(dev)}\n"
    project = f'[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = {json.dumps(main)}\n'
    (scratch / "pyproject.toml").write_text(project + groups)
    run(scratch, "uv", "lock", "--quiet")
    packages = {p["name"]: p for p in tomllib.loads((scratch / "uv.lock").read_text())["package"]}
    own = packages.pop("x")
    shipped = _closure(packages, own["dependencies"])
    # Not `uvx`: the set-up puts `uv` alone on PATH.
    words = ("--quiet", "--from", f"{tool}=={PINS[tool]}", "python", "-c", HASH[tool])
    content = run(root, "uv", "tool", "run", *words).strip()
    text = "".join(
        _entry(tool, package, NAMES[tool][0 if name in shipped else 1])
        for name, package in packages.items()
        if name in shipped or name in _closure(packages, own["dev-dependencies"]["dev"])
    )
    head = HEAD[tool].format(content)
    (root / f"{tool}.lock").write_text(text + head if tool == "poetry" else f"{head}\n{text}")
    for path in sorted(scratch.iterdir()):
        path.unlink()
    scratch.rmdir()


def _closure(packages: dict[str, Any], wanted: list[dict[str, Any]]) -> set[str]:
    found: set[str] = set()
    todo = [w["name"] for w in wanted]
    while todo:
        name = todo.pop()
        if name not in found and name in packages:
            found.add(name)
            todo += [d["name"] for d in packages[name].get("dependencies", []) if "win32" not in d.get("marker", "")]
    return found


def _entry(tool: str, package: dict[str, Any], group: str) -> str:
    files = [package["sdist"], *package["wheels"]] if "sdist" in package else package["wheels"]
    listed = "".join(f'    {{file = "{f["url"].rpartition("/")[2]}", hash = "{f["hash"]}"}},\n' for f in files)
    about = 'description = ""\noptional = false\npython-versions = ">=3.9"\n' if tool == "poetry" else 'summary = ""\n'
    return (
        f'[[package]]\nname = "{package["name"]}"\nversion = "{package["version"]}"\n{about}'
        f'groups = ["{group}"]\nfiles = [\n{listed}]\n\n'
    )
