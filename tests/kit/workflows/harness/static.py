"""The static tools, each over the `.github` of a folder: what they find, as lines; empty when they find nothing."""

import functools
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import yaml
from click.testing import CliRunner, Result
from workflows.harness import dialect, places, provision, standins, yaml_text

from slipway.cli import main
from slipway.workflows import check
from slipway.workflows.permissions import Default


class CannotCheck(Exception):
    """A tool that did not check: never the same as one that found nothing."""


@contextmanager
def bare_copy(root: Path) -> Iterator[Path]:
    """The shipped bytes of `.github` alone, so that no test corpus or configuration beside it is taken in."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(root / ".github", Path(folder) / ".github")
        yield Path(folder)


def zizmor(root: Path) -> list[str]:
    """zizmor, the strictest persona, with no configuration and no ignore comment honoured."""
    options = ["--offline", "--persona=auditor", "--no-config", "--no-ignores", "--strict-collection", "--no-progress"]
    with bare_copy(root) as copy:
        command = [str(provision.need(provision.python_tool, "zizmor")), *options, "--format", "json", str(copy)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        raise CannotCheck(f"zizmor: {done.stderr.strip()[-600:]}") from None
    return sorted(f"{one['ident']} {one['determinations']['severity']}: {_place(one)}" for one in found)


def _place(finding: dict[str, Any]) -> str:
    location = finding["locations"][0]
    path = str(location["symbolic"]["key"].get("Local", {}).get("given_path", ""))
    line = location["concrete"]["location"]["start_point"]["row"] + 1
    return f"{path.partition('.github/')[2]}:{line}"


def schemas(root: Path) -> list[str]:
    """GitHub's own schemas of workflows, actions and Dependabot's file, by check-jsonschema."""
    kinds = {
        "vendor.github-workflows": places.workflow_files(root),
        "vendor.github-actions": places.action_files(root),
        "vendor.dependabot": sorted((root / ".github").glob("dependabot.y*ml")),
    }
    found = []
    for schema, files in kinds.items():
        if files:
            # Its command, in this process: a process of its own takes a second to load.
            words = ["--builtin-schema", schema, "--output-format", "json", *map(str, files)]
            found += _schema_errors(CliRunner().invoke(check_jsonschema.main, words, catch_exceptions=False))
    return found


def _schema_errors(done: Result) -> list[str]:
    try:
        said = json.loads(done.stdout)
    except ValueError:
        raise CannotCheck(f"check-jsonschema: {done.stdout[-300:]}{done.stderr[-300:]}") from None
    errors = [f"{Path(e['filename']).name} {e['path']}: {e['message']}" for e in said.get("errors", [])]
    errors += [f"{Path(e['filename']).name}: {e['message']}" for e in said.get("parse_errors", [])]
    if done.exit_code and not errors:
        raise CannotCheck(f"check-jsonschema ended {done.exit_code}: {done.stdout[-300:]}")
    return errors


@functools.cache
def _schema(name: str) -> Any:
    folder = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor"
    schema = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return jsonschema.validators.validator_for(schema)(schema)


def schema_by_library(file: Path) -> list[str]:
    """The same schemas without a process: for thousands of mutants."""
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), Loader=_Yaml12)
    except yaml.YAMLError as error:
        return [f"{file.name}: {error}"]
    name = "github-workflows" if file.parent.name == "workflows" else "github-actions"
    return [f"{file.name}: {error.message[:200]}" for error in _schema(name).iter_errors(document)]


class _Yaml12(yaml.SafeLoader):
    """`on` is a key, not a truth; a key twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise yaml.YAMLError(f"a key twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep=deep)


_Yaml12.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if first not in "yYnNoO" or tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


# What GitHub has and actionlint 1.7.12 (of March 2026, the newest on 30 November 2026) does not know, by name:
# the runners of Ubuntu 26.04 (changelog of 17 September 2026) and `queue` of a concurrency group (of 7 May 2026).
NEWER_THAN_ACTIONLINT = re.compile(
    r'label "ubuntu-26\.04(-arm)?" is unknown\.|unexpected key "queue" for "concurrency" section\.'
)


def actionlint(root: Path) -> list[str]:
    """actionlint on the dialect copy; pins point at the pinned metadata, so that inputs and outputs are checked too."""
    with dialect_copy(root) as copy:
        _pins_as_folders(copy)
        # Without a repository around it, every check across files is silently off.
        subprocess.run(["git", "init", "-q", str(copy)], check=True, capture_output=True)
        program = str(provision.need(provision.go_tool, "actionlint"))
        command = [program, "-no-color", "-shellcheck=", "-pyflakes=", "-format", "{{json .}}"]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode not in (0, 1):
        raise CannotCheck(f"actionlint ended {done.returncode}: {done.stderr[-600:]}")
    found = [error for error in json.loads(done.stdout) if not NEWER_THAN_ACTIONLINT.match(error["message"])]
    return [f"{Path(e['filepath']).name}:{e['line']}: {e['message']}" for e in found]


def workflow_parser(root: Path) -> list[str]:
    """GitHub's own parser on the dialect copy, with the called files beside it."""
    folder = provision.need(provision.workflow_parser)
    with dialect_copy(root) as copy:
        names = [str(file.relative_to(copy)) for file in places.workflow_files(copy)]
        command = [provision.node(), "--no-warnings", str(folder / "check.mjs"), str(copy), *names]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise CannotCheck(f"workflow-parser: {done.stderr[-600:]}")
    return [f"{Path(e['file']).name}: {e['message']}" for e in json.loads(done.stdout)]


@contextmanager
def dialect_copy(root: Path) -> Iterator[Path]:
    """`.github` in the dialect of the static tools."""
    with tempfile.TemporaryDirectory() as folder:
        dialect.write(root, Path(folder), act=False)
        yield Path(folder)


def _pins_as_folders(copy: Path) -> None:
    """`owner/name[/path]@commit` becomes `./.pins/owner__name[/path]`, holding the pinned action.yml."""
    shutil.copytree(places.PINS, copy / ".pins")
    for file in (copy / ".pins").rglob("action.yml"):
        runs = yaml_text.read(file)["runs"]
        for script in (runs[key] for key in ("main", "pre", "post") if key in runs):
            (file.parent / script).parent.mkdir(parents=True, exist_ok=True)
            (file.parent / script).touch()
    for file in places.shipped(copy):
        text = file.read_text(encoding="utf-8")
        for name, (commit, _, folder) in standins.pins().items():
            for reference in {u for u in yaml_text.uses(yaml_text.load(text)) if u.endswith(f"@{commit}")}:
                inside = reference.removesuffix(f"@{commit}").removeprefix(name)
                text = text.replace(reference, f"./.pins/{folder.name}{inside}")
        file.write_text(text, encoding="utf-8")


def slipway_check(root: Path) -> list[str]:
    """Our own check of calls: what GitHub would refuse at start-up, permissions above all."""
    with bare_copy(root) as copy:
        done = CliRunner().invoke(main, ["check", "--json", "-C", str(copy)], catch_exceptions=False)
    if done.exit_code not in (0, 1):
        raise CannotCheck(f"slipway check ended {done.exit_code}: {done.stderr[-600:]}")
    found = json.loads(done.stdout)["check"]["problems"]
    if bool(found) != bool(done.exit_code):
        raise CannotCheck(f"slipway check ended {done.exit_code} with {len(found)} findings")
    return [f"{one['rule']}: {one['file']}:{one['line']}: {one['message']}" for one in found]


def slipway_check_by_library(root: Path) -> list[str]:
    """The same check without its command, which only one thread at a time may use here: for the mutants."""
    with bare_copy(root) as copy:
        report = check.check(copy, (), check.installed_kit(), Default("read"))
    return [f"{one.rule}: {one.file}:{one.line}: {one.message}" for one in report.problems]


ALL = {
    "zizmor": zizmor,
    "schemas": schemas,
    "actionlint": actionlint,
    "workflow-parser": workflow_parser,
    "slipway check": slipway_check,
}
BUILT = ("actionlint", "workflow-parser")  # by Go and npm, on first use
