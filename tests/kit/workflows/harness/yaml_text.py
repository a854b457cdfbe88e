"""Workflow files as plain text values: every scalar stays what was written, so `on` is a key and `false` a word."""

from pathlib import Path
from typing import Any

import yaml

LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # ten times faster, where PyYAML was built with libyaml


def load(text: str) -> Any:
    """A YAML text as dicts, lists and strings."""
    return yaml.load(text, Loader=LOADER)


def read(path: Path) -> Any:
    """A YAML file as dicts, lists and strings."""
    return load(path.read_text(encoding="utf-8"))


def walk(value: Any, path: tuple[str, ...] = ()):
    """Every (path, key, value) of a mapping anywhere in a document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield path, key, inner
            yield from walk(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from walk(inner, (*path, str(number)))


def uses(document: Any) -> list[str]:
    """Every `uses:` of a workflow or an action."""
    return [value for _, key, value in walk(document) if key == "uses" and isinstance(value, str)]


def is_called(document: Any) -> bool:
    """Whether a workflow is there to be called, and for nothing else."""
    return set(document["on"]) == {"workflow_call"} if isinstance(document["on"], dict) else False


def permissions(document: Any, job: Any) -> dict[str, str]:
    """What a job's token may do, by the one block that counts."""
    block = job.get("permissions", document.get("permissions", {}))
    return dict(block) if isinstance(block, dict) else {"*": block}
