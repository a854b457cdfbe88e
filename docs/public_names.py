"""Makes docs/reference/public-names.md from the code and the workflows.

uv run --project scripts python docs/public_names.py
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import click
import msgspec
import yaml

from slipway.cli import main as cli
from slipway.config import DeployTable, Settings
from slipway.deploy.target import Result
from slipway.errors import ExitCode
from slipway.pipeline.result import Event, Kind, RunResult, RunStatus
from slipway.report.schema import schema
from slipway.stages.base import Status

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docs" / "reference" / "public-names.md"
HEAD = """# Public names

Every name that a project, a workflow or a program that reads our output may rely on. Within version 1 a name is added,
never renamed or removed; anything that is not listed here may change. Made by `docs/public_names.py`; the tests compare
this page with the code.
"""
# Read by the kit's own scripts, before there is a `slipway`, or handed to what a project brings along.
VARIABLES = {
    "SLIPWAY_PORT": "port of `[deploy.local]`",
    "SLIPWAY_INSTALL": "`never`: install no package of the distribution",
    "SLIPWAY_OFFLINE": "`1`: use stand-ins for base images without asking a registry",
    "SLIPWAY_CACHE": "folder of downloaded tools and the vulnerability database",
    "SLIPWAY_IMAGE": "handed to compose files and deploy commands: the image by digest",
    "SLIPWAY_DIGEST": "handed to deploy commands: its digest",
    "SLIPWAY_ENVIRONMENT": "handed to deploy commands: the name of the environment",
    "SLIPWAY_ACTION": "handed to deploy commands: `deploy` or `rollback`",
    "SLIPWAY_COMPOSE_FILE": "handed to integration tests: the compose file",
    "SLIPWAY_COMPOSE_PROJECT": "handed to integration tests: the compose project",
}


def commands(group: click.Group, path: str = "slipway") -> Iterator[tuple[str, click.Command]]:
    """Yield every command that the help lists, with its path."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group) and not command.hidden:
            yield from commands(command, f"{path} {name}")
        elif not command.hidden:
            yield f"{path} {name}", command


def option(one: click.Option) -> str:
    """Return an option as it is typed, with the words that it takes."""
    words = " / ".join([*one.opts, *one.secondary_opts])
    if isinstance(one.type, click.Choice):
        words += f" {'|'.join(map(str, one.type.choices))}"
    elif not one.is_flag:
        words += f" {one.metavar or one.type.name.upper()}"
    return f"`{words}`" + (f" ({one.envvar})" if one.envvar else "")


def command_lines() -> Iterator[str]:
    """Yield a line a command: arguments, then options."""
    for path, command in sorted(commands(cli)):
        shown = [p for p in command.params if not getattr(p, "hidden", False)]
        arguments = [str(p.metavar or p.human_readable_name) for p in shown if isinstance(p, click.Argument)]
        options = [option(p) for p in shown if isinstance(p, click.Option)]
        yield f"- `{' '.join([path, *arguments])}`: {', '.join(options)}"


def setting_lines() -> Iterator[str]:
    """Yield a line a table of slipway.toml."""
    for field in msgspec.structs.fields(Settings):
        table = DeployTable if get_origin(field.type) is dict else field.type
        name = "deploy.<environment>" if table is DeployTable else field.encode_name
        yield f"- `[{name}]`: {listed(key.encode_name for key in msgspec.structs.fields(table))}"


def workflow_lines() -> Iterator[str]:
    """Yield the inputs, secrets and outputs of every workflow and action that others may call."""
    for file in sorted((ROOT / ".github").glob("workflows/*.yml")) + sorted(
        (ROOT / ".github").glob("actions/*/action.yml")
    ):
        document: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        triggers = document.get(True) or document.get("on")  # YAML 1.1 reads `on` as a truth
        called = (
            triggers.get("workflow_call") if isinstance(triggers, dict) else document if "runs" in document else None
        )
        if called is not None:
            parts = [f"{kind}: {listed(called[kind])}" for kind in ("inputs", "secrets", "outputs") if called.get(kind)]
            yield f"- `{file.relative_to(ROOT)}`: {'; '.join(parts) or 'no inputs'}"


def result_lines() -> Iterator[str]:
    """Yield the fields of result.json and of the events; what `facts` holds is no part of it."""
    found: dict[str, Iterable[str]] = {}
    for kind in (RunResult, Event):
        definitions = msgspec.json.decode(schema(kind, ""))["$defs"]
        found |= {name: one["properties"] for name, one in definitions.items() if "properties" in one}
    for name in sorted(found):
        yield f"- {name}: {listed(found[name])}"


def word_lines() -> Iterator[str]:
    """Yield the words of outcomes."""
    yield f"- a run: {listed(get_args(RunStatus))}"
    yield f"- a stage: {listed(get_args(Status))}"
    yield f"- a deploy (`result`): {listed([*(one.word for one in Result), 'removed'])}"
    yield f"- an event (`kind`): {listed(kind.value for kind in Kind)}"
    codes = [f"{code.value} {code.name.lower()}" for code in ExitCode]
    yield f"- exit codes: {listed(codes)}"


def listed(names: Iterable[Any]) -> str:
    """Return names as code, in the order given."""
    return ", ".join(f"`{name}`" for name in names)


def page() -> str:
    """Return the whole page."""
    sections = {
        "Commands and options": command_lines(),
        "slipway.toml": setting_lines(),
        "Environment variables": [
            "- `SLIPWAY_<TABLE>_<KEY>`: any key of slipway.toml",
            *(f"- `{name}`: {about}" for name, about in VARIABLES.items()),
        ],
        "Workflows and actions": workflow_lines(),
        "result.json and events": result_lines(),
        "Words of outcomes": word_lines(),
    }
    return "\n".join([HEAD, *("\n".join([f"## {name}", "", *lines, ""]) for name, lines in sections.items())])


def variables() -> set[str]:
    """Return every variable of ours that the kit's files name, except those of a key of slipway.toml or an option."""
    texts = [
        file.read_text(encoding="utf-8")
        for folder in ("scripts/slipway", "scripts/machine", "scripts/offline")
        for file in (ROOT / folder).rglob("*.py")
    ]
    named = set(re.findall(r"\bSLIPWAY_[A-Z_]*[A-Z]\b(?!_)", "\n".join(texts)))
    tables = {f"SLIPWAY_{field.name.upper()}_" for field in msgspec.structs.fields(Settings)}
    options = {str(p.envvar) for _, command in commands(cli) for p in command.params if getattr(p, "envvar", None)}
    return {name for name in named if not any(name.startswith(table) for table in tables)} - options


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
