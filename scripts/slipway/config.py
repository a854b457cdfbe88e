"""slipway.toml and the environment, as frozen and validated settings.

Every key has a default: a repository with only a Dockerfile and a folder of tests needs no file at all. A variable
`SLIPWAY_<TABLE>_<KEY>` (SLIPWAY_SCAN_DATABASE, SLIPWAY_DEPLOY_STAGING_SERVICE) wins over the file.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from slipway import mistakes, variables
from slipway.errors import UsageError
from slipway.variables import LOCAL_URL

FILE = "slipway.toml"
Duration = Annotated[str, Meta(pattern=r"^[1-9][0-9]*(s|m|h)$", examples=["90s", "15m", "48h"])]
UrlPath = Annotated[str, Meta(pattern=r"^(/.*)?$", examples=["/readyz"])]
Port = Annotated[int, Meta(ge=1, le=65535)]
BuildSecret = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*(=.+)?$")]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """A table of slipway.toml: unknown keys are errors, underscores are written as dashes."""


class ImageTable(Table, frozen=True):
    """[image]: what the image is called and for which platforms."""

    name: Annotated[str, Meta(description="repository without tag; default: localhost:5001/<folder>")] = ""
    platforms: Annotated[tuple[str, ...], Meta(description="default: the engine's own")] = ()


class BuildTable(Table, frozen=True):
    """[build]: what is built, from what."""

    dockerfile: Annotated[str, Meta(description="path of the Dockerfile")] = "Dockerfile"
    context: Annotated[str, Meta(description="folder that the build sees, as .dockerignore leaves it")] = "."
    bake: Annotated[str, Meta(description="bake file, used where it exists")] = "docker-bake.hcl"
    target: Annotated[str, Meta(description="bake target, or Dockerfile stage where there is no bake file")] = ""
    secrets: Annotated[
        tuple[BuildSecret, ...],
        Meta(
            description="secrets of the build: `npm_token` is the variable of that name, `pip_conf=path` a file",
            examples=["npm_token", "pip_conf=~/.config/pip/pip.conf"],
        ),
    ] = ()
    timeout: Annotated[Duration, Meta(description="a longer build is ended")] = "30m"
    cache_from: Annotated[str, Meta(description="folder with a layer cache to read; missing is no error")] = ""
    cache_to: Annotated[str, Meta(description="folder that gets this build's layer cache, replaced whole")] = ""


class LintTable(Table, frozen=True):
    """[lint]: how strict the linters are."""

    threshold: Annotated[
        Literal["error", "warning", "info", "style"], Meta(description="hadolint level that fails")
    ] = "warning"
    dockerfiles: Annotated[
        tuple[str, ...], Meta(description="further Dockerfiles to lint; `build.dockerfile` always is")
    ] = ()
    trusted_registries: Annotated[
        tuple[str, ...], Meta(description="registries that a base image may come from; empty: any")
    ] = ()


class TestTable(Table, frozen=True):
    """[test]: the unit tests."""

    target: Annotated[str, Meta(description="Dockerfile target that runs the unit tests")] = "test"
    tests: Annotated[str, Meta(description="folder of the unit tests; default: tests/unit, else tests")] = ""
    command: Annotated[str, Meta(description="what to run instead of the image's own command")] = ""
    timeout: Annotated[Duration, Meta(description="a longer run of the tests is ended: exit code 7")] = "10m"


class IntegrationTable(Table, frozen=True):
    """[integration]: the tests of the running stack."""

    compose: Annotated[str, Meta(description="the stack that the tests run against")] = "docker-compose.test.yml"
    tests: Annotated[str, Meta(description="their folder; the stage is skipped without it")] = "tests/integration"
    timeout: Annotated[Duration, Meta(description="a longer run of the tests is ended: exit code 7")] = "10m"


class ScanTable(Table, frozen=True):
    """[scan]: what stops an image, and the data that it is scanned with."""

    fail_on: Annotated[
        Literal["CRITICAL", "HIGH", "MEDIUM", "LOW"], Meta(description="least severity that stops an image")
    ] = "HIGH"
    unfixed: Annotated[Literal["report", "fail"], Meta(description="what a finding without a fix does")] = "report"
    gate: Annotated[
        Literal["all", "new"],
        Meta(description="'new': what the default branch has already is listed and does not stop"),
    ] = "all"
    baseline: Annotated[
        str,
        Meta(description="file with what the default branch has; default: .slipway/baseline.json, on a runner none"),
    ] = ""
    packages: Annotated[
        str, Meta(description="file that says which Python packages the image must hold: 'auto', 'none' or its name")
    ] = "auto"
    system_packages: Annotated[
        int, Meta(ge=0, description="fewer packages of the operating system mean that their list was cut")
    ] = 10
    database: Annotated[str, Meta(description="'auto', or a folder, OCI layout or registry reference")] = "auto"
    database_age: Annotated[Duration, Meta(description="an older database is stale")] = "48h"
    timeout: Annotated[Duration, Meta(description="a longer scan is ended, and proves nothing: exit code 4")] = "10m"


class PublishTable(Table, frozen=True):
    """[publish]: the registry of local runs, and who signs what a workflow publishes."""

    registry_port: Annotated[Port, Meta(description="port of the local registry on 127.0.0.1")] = 5001
    signer: Annotated[
        str, Meta(description="workflow that signs; default: the publish.yml that the project's workflows call")
    ] = ""


class DeployTable(Table, frozen=True):
    """[deploy.<environment>]: where it runs, and how it is proven to."""

    target: Annotated[
        Literal["compose", "render", "railway", "command"],
        Meta(description="kind of place: docker compose here or on `host`, Render, Railway, or a command of your own"),
    ] = "compose"
    url: Annotated[
        str, Meta(description=f"where the app answers; default: what the platform says, else {LOCAL_URL}")
    ] = ""
    host: Annotated[
        str, Meta(description="compose: engine of another machine", examples=["ssh://deploy@shop.example"])
    ] = ""
    command: Annotated[str, Meta(description="command: what deploys SLIPWAY_IMAGE; exit code 0: it runs")] = ""
    platform_environment: Annotated[
        str, Meta(description="Railway: id of the environment; default: the project token's")
    ] = ""
    pre_deploy: Annotated[
        str, Meta(description="Render, Railway: command that runs before a new version takes traffic")
    ] = ""
    api: Annotated[str, Meta(description="Render, Railway: another address of the API")] = ""
    deadline: Annotated[Duration, Meta(description="how long a platform may take until it calls a deploy live")] = "20m"
    compose: Annotated[str, Meta(description="compose file; without one, the image runs by itself")] = (
        "docker-compose.yml"
    )
    service: Annotated[
        str, Meta(description="compose: the service that is the app (default: web); Render, Railway: its id")
    ] = ""
    migrate: Annotated[str, Meta(description="one-shot service that runs before a new version takes traffic")] = (
        "migrate"
    )
    health: Annotated[UrlPath, Meta(description="path that must answer 200; default: / below 500")] = ""
    version: Annotated[UrlPath, Meta(description="path that answers JSON with the commit baked in")] = ""
    secrets: Annotated[
        Literal["require", "generate"],
        Meta(description="a compose secret whose file is missing: an error, or a strong random one is made"),
    ] = "require"
    checks: Annotated[int, Meta(ge=1, le=20, description="answers in a row that count as live")] = 3
    timeout: Annotated[Duration, Meta(description="how long a new version may take to answer right")] = "2m"

    @property
    def address(self) -> str:
        """Where the app answers, as far as that is known before anybody was asked."""
        return self.url or (LOCAL_URL if self.target in ("compose", "command") and not self.host else "")

    def __post_init__(self) -> None:
        if self.target == "render" and self.service and not self.service.startswith("srv-"):
            raise ValueError(f'`service` "{self.service}" is not the id of a service of Render, such as srv-…')
        if self.target == "command" and not self.command:
            raise ValueError("`command` is missing: what deploys the image")
        if self.host and (self.target != "compose" or not self.host.startswith(("ssh://", "unix://", "tcp://"))):
            raise ValueError(
                f'`host` "{self.host}" is not an engine of target compose, such as ssh://deploy@shop.example'
            )
        if self.host and not self.url:
            raise ValueError("`url` is missing: where the app on `host` answers")
        if not self.url:
            return
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # half an IPv6 address, a port beyond 65535
            usable = False
        if not usable:
            raise ValueError(f'`url` "{self.url}" is not a URL such as http://127.0.0.1:8000')


class Settings(Table, frozen=True):
    """The whole of slipway.toml."""

    image: ImageTable = ImageTable()
    build: BuildTable = BuildTable()
    lint: LintTable = LintTable()
    test: TestTable = TestTable()
    integration: IntegrationTable = IntegrationTable()
    scan: ScanTable = ScanTable()
    publish: PublishTable = PublishTable()
    deploy: dict[str, DeployTable] = msgspec.field(default_factory=dict)

    def environment(self, name: str | None = None) -> tuple[str, DeployTable]:
        """Return the deploy environment called `name`; without a name the only one, otherwise `local`.

        Raises:
            UsageError: there is none of that name, or its platform's service is not named.
        """
        if name is None:
            name = next(iter(self.deploy)) if len(self.deploy) == 1 else "local"
        if name == "local" and name not in self.deploy:
            return name, DeployTable()
        if name not in self.deploy:
            known = ", ".join(sorted({*self.deploy, "local"}))
            raise UsageError(
                f"no environment {name!r} in {FILE}. There are: {known}. Add [deploy.{name}] or choose one."
            )
        found = self.deploy[name]
        # Only now: a service that a variable of the workflow names is unknown wherever nothing is deployed to it.
        if found.target in ("render", "railway") and not found.service:
            raise UsageError(
                f"{FILE}: [deploy.{name}] has no `service`: the id of the service on {found.target.capitalize()}. "
                f"Write it there, or set {variables.name('deploy', name, 'service')}."
            )
        return name, found


def seconds(duration: str) -> float:
    """Seconds in a duration such as 90s, 15m or 48h."""
    return float(int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]])


def load(root: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings of the project in `root`.

    Raises:
        UsageError: naming file, line and fix.
    """
    path = root / FILE
    text = ""
    if path.exists():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{FILE} cannot be read: {error}. Make it a readable UTF-8 file.") from error
    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = line[1] if line else str(text.count("\n") + 1)
        raise UsageError(f"{FILE}:{where}: not valid TOML: {error}. See https://toml.io for the syntax.") from error
    chosen = variables.lay(tables, Settings, DeployTable, environ)
    try:
        return msgspec.convert(tables, Settings)
    except msgspec.ValidationError as error:
        raise UsageError(mistakes.explain(error, FILE, text, tables, Settings, chosen)) from error
