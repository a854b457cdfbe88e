"""Stand-ins for GitHub's own actions, made from the pinned actions' own metadata; the work is done in standin/, or, for
artifacts and caches, by GitHub's own clients (clients/action.mjs) where a service is given that they speak to.

A composite action does not see inputs that its action.yml does not declare. So every `with:` of every file is held
against the pinned metadata before anything runs.
"""

import functools
import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from workflows.harness import provision, yaml_text
from workflows.harness.places import PINS

RUNTIME = Path(__file__).parent / "standin"
CLIENT_ACTIONS = (
    "actions/upload-artifact",
    "actions/download-artifact",
    "actions/cache/restore",
    "actions/cache/save",
)
HEADER = re.compile(r"# (?P<name>\S+)@(?P<commit>[0-9a-f]{40}) # (?P<version>v[0-9.]+)")


@functools.cache
def pins() -> dict[str, tuple[str, str, Path]]:
    """owner/name → the commit and version whose metadata is kept, and the folder."""
    found: dict[str, tuple[str, str, Path]] = {}
    for file in sorted(PINS.rglob("action.yml")):
        header = HEADER.match(file.read_text(encoding="utf-8"))
        assert header, f"{file}: the first line names the action, its commit and version"
        folder = PINS / header["name"].replace("/", "__")
        assert file.is_relative_to(folder), file
        assert found.get(header["name"], (header["commit"],))[0] == header["commit"], file
        found[header["name"]] = (header["commit"], header["version"], folder)
    return found


@functools.cache
def metadata(reference: str) -> dict[str, Any] | None:
    """The pinned action.yml behind a `uses: owner/name[/path]@commit`; None where none is kept for that commit."""
    path, _, ref = reference.partition("@")
    owner, name, *inside = path.split("/")
    commit, _, folder = pins().get(f"{owner}/{name}", ("", "", PINS))
    file = folder.joinpath(*inside) / "action.yml"
    return yaml_text.read(file) if commit == ref and file.exists() else None


def write(target: Path, service: Mapping[str, str] | None = None) -> list[str]:
    """Makes all stand-ins under `target`; what `--local-repository` is told: owner/name@commit=folder.

    `service`: what the runner tells GitHub's clients, which then do the work in the place of their stand-ins.
    """
    mapped = []
    client = _client(target.with_name("clients"), service) if service else None
    for name, (commit, _, folder) in pins().items():
        place = target / folder.name
        for source in folder.rglob("action.yml"):
            inside = source.parent.relative_to(folder)
            made = place / inside / "action.yml"
            made.parent.mkdir(parents=True, exist_ok=True)
            for module in [*RUNTIME.glob("*.py"), Path(__file__).with_name("tokens.py")]:
                shutil.copy(module, made.parent)
            action = f"{name}/{inside}" if inside.parts else name
            by_client = client if action in CLIENT_ACTIONS else None
            made.write_text(_action(yaml_text.read(source), action, by_client), encoding="utf-8")
        mapped.append(f"{name}@{commit}={place}")
    return mapped


def _client(folder: Path, service: Mapping[str, str]) -> dict[str, str]:
    """Put the script beside the packages that it imports; the environment of its step."""
    modules, node = provision.need(provision.clients)
    folder.mkdir(exist_ok=True)
    shutil.copy(provision.CLIENTS / "action.mjs", folder)
    (folder / "node_modules").symlink_to(modules)
    return {**service, "CLIENT_NODE": str(node), "CLIENT_SCRIPT": str(folder / "action.mjs")}


def _action(document: dict[str, Any], action: str, client: Mapping[str, str] | None) -> str:
    script = 'python3 -BES "$GITHUB_ACTION_PATH/standin.py" "$STANDIN_ACTION"'
    step = {
        "id": "do",
        "shell": "bash",
        "env": {"STANDIN_INPUTS": "${{ toJSON(inputs) }}", "STANDIN_ACTION": action, **(client or {})},
        "run": '"$CLIENT_NODE" "$CLIENT_SCRIPT" "$STANDIN_ACTION"' if client else script,
    }
    # act hands what the last inner step wrote on as outputs of every action around it: the last one writes nothing.
    last = {"id": "end", "if": "always()", "shell": "bash", "run": ":"}
    outputs = {n: {"description": n, "value": f"${{{{ steps.do.outputs.{n} }}}}"} for n in document.get("outputs", {})}
    inputs = {
        name: {"default": value["default"]} if value.get("default", "null") != "null" else {}
        for name, value in document["inputs"].items()
    }
    made = {"name": document["name"], "description": "stand-in", "inputs": inputs, "outputs": outputs}
    return yaml.safe_dump({**made, "runs": {"using": "composite", "steps": [step, last]}}, sort_keys=False)


def faults(document: Any, own: Path, where: str, mapped: Mapping[str, Path] | None = None) -> list[str]:
    """What GitHub would refuse or ignore in the `with:` of a file's steps; `own`: the repository that `$/` means.

    `mapped`: owner/name@ref → the folder of a repository that is no pinned action.
    """
    found = []
    for step in _steps(document):
        reference = step.get("uses", "")
        if not reference or reference.startswith(("./", "docker://")):
            continue
        if reference.startswith("$/"):
            file = next((own / reference[2:]).glob("action.y*ml"), None)
            known = yaml_text.read(file) if file else None
        else:
            path, _, ref = reference.partition("@")
            owner, name, *inside = path.split("/")
            folder = (mapped or {}).get(f"{owner}/{name}@{ref}")
            file = next(folder.joinpath(*inside).glob("action.y*ml"), None) if folder else None
            known = yaml_text.read(file) if file else metadata(reference)
        if known is None:
            found.append(f"{where}: {reference}: no metadata is kept for this action at this commit")
            continue
        inputs, given = known.get("inputs") or {}, step.get("with", {})
        names = {name.lower(): name for name in inputs}
        found += [f"{where}: {reference}: undeclared input {n}" for n in given if n.lower() not in names]
        found += [
            f"{where}: {reference}: input {n} is written as {names[n.lower()]}"
            for n in given
            if n.lower() in names and names[n.lower()] != n
        ]
        missing = [n for n, v in inputs.items() if (v or {}).get("required") == "true" and "default" not in v]
        found += [f"{where}: {reference}: input {n} is required" for n in missing if n not in given]
    return found


def _steps(document: Any) -> list[dict[str, Any]]:
    lists = [value for _, key, value in yaml_text.walk(document) if key == "steps" and isinstance(value, list)]
    return [step for steps in lists for step in steps if isinstance(step, dict)]


def put_artifact(
    state: Path, run: str, number: int, name: str, files: Mapping[str, str], *, swapped: bool = False
) -> None:
    """An artifact of an earlier job; `swapped`: its bytes are no longer those whose digest was recorded."""
    place = state / "artifacts" / run / str(number)
    place.mkdir(parents=True)
    with zipfile.ZipFile(place / "a.zip", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    digest = hashlib.sha256((place / "a.zip").read_bytes() + (b"x" if swapped else b"")).hexdigest()
    (place / "meta.json").write_text(json.dumps({"id": number, "name": name, "digest": digest}))
