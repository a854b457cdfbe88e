"""Docker's own configuration for one job: the user's, with our credentials added.

Builders, contexts, proxies, plugins and credential helpers of a runner that lasts stay usable. The user's own folder is
only read, so no other job finds our credentials.
"""

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from slipway.errors import NotReady, UsageError
from slipway.tools.docker import docker

FILE = "config.json"


def credentials(text: str) -> list[tuple[str, str, str]]:
    """Read `registry=user:token` lines.

    Raises:
        UsageError: a line is of another form; the line itself is a secret and not shown.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        registry, equals, login = line.strip().partition("=")
        user, colon, token = login.partition(":")
        if not (registry and equals and user and colon and token):
            raise UsageError(f"registry-auth: line {number} is not registry=user:token. Write one registry a line.")
        found.append((registry, user, token))
    return found


async def login(folder: Path, wanted: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """Log in to registries, and return the environment in which docker has these credentials and the user's settings.

    Args:
        folder: of this job alone; an earlier login of the job may have made it.
        wanted: registry, user and token.

    Raises:
        NotReady: a registry refuses its credential, or the user's configuration cannot be read.
    """
    settings = _users()
    for registry, name, token in wanted:
        stored = await _stored(registry, name, token)
        settings["auths"] = {**settings.get("auths", {}), **stored}
        # An empty helper means this file: `credsStore` and other helpers hold for the other registries alone.
        # https://github.com/docker/cli/blob/v29.4.2/cli/config/configfile/file.go, getConfiguredCredentialStore
        ours = dict.fromkeys([*stored, registry], "")
        settings["credHelpers"] = {**settings.get("credHelpers", {}), **ours}
    return _write(folder, settings)


def anonymous(folder: Path) -> dict[str, str]:
    """Return the environment in which docker has the user's settings and no credential.

    Raises:
        NotReady: the user's configuration cannot be read.
    """
    return _write(folder, _without_credentials(_users()))


async def _stored(registry: str, user: str, token: str) -> dict[str, Any]:
    """Log in where no helper would take the token, and return the entry that docker wrote for it."""
    with tempfile.TemporaryDirectory() as empty:
        environment = _write(Path(empty), _without_credentials(_users()))
        done = await docker(
            "login", registry, "--username", user, "--password-stdin", stdin=token, timeout=60, env=environment
        )
        if not done.ok:
            raise NotReady(f"{registry} refuses the credential of {user}: {done.last_line()}")
        return dict(json.loads((Path(empty) / FILE).read_bytes())["auths"])


def _without_credentials(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in ("auths", "credsStore", "credHelpers")}


def _folder() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def _users() -> dict[str, Any]:
    """Read the user's configuration; empty where there is none."""
    file = _folder() / FILE
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise NotReady(f"{file} cannot be read: {error}. Correct it, or move it away.") from error
    if not isinstance(found, dict):
        raise NotReady(f"{file} is not a JSON object. Correct it, or move it away.")
    return found


def _write(folder: Path, settings: dict[str, Any]) -> dict[str, str]:
    """Write a configuration, beside links to the user's folders: builders, contexts, plugins."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    user = _folder()
    for entry in user.iterdir() if user.is_dir() and not user.samefile(folder) else ():
        if entry.is_dir() and not (folder / entry.name).exists():
            (folder / entry.name).symlink_to(entry.resolve())
    fresh = folder / f".{FILE}"
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(settings, indent=1))
    fresh.replace(folder / FILE)
    return {"DOCKER_CONFIG": str(folder)}
