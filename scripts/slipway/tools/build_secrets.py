"""Secrets of a build: BuildKit gets them by environment or file; no command line, layer or log holds a value."""

import functools
import os
import re
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slipway.errors import NotReady, UsageError

VARIABLE = "BUILD_SECRETS"  # lines name=value: the secret `build-secrets` of the workflows
PRIVATE = "SLIPWAY_SECRET_"  # + number: the variable that BuildKit's client reads a value from
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_HIDDEN = "***"
_SHORTEST = 4  # characters that are hidden: less is no secret, and stands everywhere, as a key file's braces do


@dataclass(frozen=True)
class Secrets:
    """What a build gets. Never printed: the values are not part of its text either."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: Mapping[str, Path] = field(default_factory=dict)

    def options(self) -> list[str]:
        """Settings for bake, which name where a value is and never the value."""
        given = [f"secrets=id={name},env={PRIVATE}{number}" for number, name in enumerate(self.values)]
        return given + [f'secrets=id={name},"src={path}"' for name, path in self.files.items()]

    def environment(self) -> dict[str, str]:
        """The variables that go with the options, for the one process that reads them."""
        return {f"{PRIVATE}{number}": value for number, value in enumerate(self.values.values())}

    def hide(self, text: str) -> str:
        """A text in which no value is left, whole or one of its lines: a RUN may print what it was given."""
        for value in self._texts:
            text = text.replace(value, _HIDDEN)
        return text

    @functools.cached_property
    def _texts(self) -> list[str]:
        whole = [*self.values.values(), *(path.read_text(errors="replace") for path in self.files.values())]
        texts = {text.strip() for value in whole for text in (value, *value.splitlines())}
        return sorted((text for text in texts if len(text) >= _SHORTEST), key=len, reverse=True)  # whole before parts


def take(environ: MutableMapping[str, str] = os.environ) -> dict[str, str]:
    """What BUILD_SECRETS holds, removed from the environment: nothing that is started from here on inherits it.

    Raises:
        UsageError: a line is of another form.
    """
    return parse(environ.pop(VARIABLE, ""))


def parse(text: str) -> dict[str, str]:
    """Read lines name=value; a value is all that follows the first equals sign.

    Raises:
        UsageError: a line is of another form; it is a secret, and therefore not shown.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        name, equals, value = line.rstrip("\r").partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name):
            raise UsageError(f"build-secrets: line {number} is not name=value. Write one secret a line: npm_token=….")
        if not value:
            raise UsageError(
                f"build-secrets: line {number}: {name} has no value. Is the secret that it is made of set "
                "for this repository? Pull requests from forks get none."
            )
        if name in found:
            raise UsageError(f"build-secrets: line {number}: {name} is there already. Keep one of the two.")
        found[name] = value
    return found


def resolve(
    root: Path, wanted: Sequence[str], handed: Mapping[str, str], environ: Mapping[str, str] = os.environ
) -> Secrets:
    """All that was handed over, and what [build] secrets names besides: a variable of that name, or a file.

    Raises:
        NotReady: one is neither here nor there. An empty one would build, and fail later or not at all.
    """
    values, files = dict(handed), dict[str, Path]()
    for entry in wanted:
        name, equals, path = entry.partition("=")
        if name in handed:
            continue
        if equals:
            files[name] = root / Path(path).expanduser()
            if not files[name].is_file():
                raise NotReady(f"the build secret {name} has no file {path}. Put it there, or correct [build] secrets.")
        elif value := environ.get(name):
            values[name] = value
        else:
            raise NotReady(
                f"the build secret {name} is not here. Set the environment variable {name}, or name a file: [build] "
                f'secrets = ["{name}=path"]. In a workflow, pass the line {name}=… in the secret `build-secrets`.'
            )
    return Secrets(values, files)
