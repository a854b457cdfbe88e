"""Makes the stack of the integration tests, and that of a deploy, from a compose file that the project has already.

Nothing of theirs is changed. Taken over: the app's environment, and the services beside it. Not taken over: what would
make two runs collide or test another image (fixed ports, names, `build`), bind mounts, the development server.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

# kind of image → its health check, and where its data lie
KNOWN: dict[str, tuple[list[str], str]] = {
    "postgres": (["CMD-SHELL", "pg_isready --quiet --host=127.0.0.1 --username=$${POSTGRES_USER:-postgres}"],
                 "/var/lib/postgresql"),
    "postgis": (["CMD-SHELL", "pg_isready --quiet --host=127.0.0.1 --username=$${POSTGRES_USER:-postgres}"],
                "/var/lib/postgresql/data"),
    "redis": (["CMD", "redis-cli", "ping"], "/data"),
    "valkey": (["CMD", "valkey-cli", "ping"], "/data"),
    "mysql": (["CMD", "mysqladmin", "ping", "--silent"], "/var/lib/mysql"),
    "mariadb": (["CMD", "healthcheck.sh", "--connect", "--innodb_initialized"], "/var/lib/mysql"),
    "mongo": (["CMD", "mongosh", "--quiet", "--eval", "db.adminCommand('ping')"], "/data/db"),
    "rabbitmq": (["CMD", "rabbitmq-diagnostics", "--quiet", "check_running"], "/var/lib/rabbitmq"),
    "memcached": (["CMD-SHELL", "bash -c '</dev/tcp/127.0.0.1/11211'"], ""),
}  # fmt: skip
CHECK = {"interval": "5s", "timeout": "3s", "retries": 5, "start_period": "60s", "start_interval": "250ms"}
APP_NAMES = ("web", "app", "api", "flask", "server", "backend")
KEPT = ("image", "command", "entrypoint", "environment", "user", "healthcheck", "shm_size", "tmpfs")
HEAD = "# Made by `slipway init`{of}; yours from here on. "


@dataclass(frozen=True)
class Stack:
    """What a compose file says of the app and of what it needs."""

    name: str = "web"  # the service that is the app
    app: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    said: tuple[str, ...] = ()  # what was not taken over, and what is left to do


def read(services: Mapping[str, Any]) -> Stack:
    """Tell the app from what stands beside it."""
    built = [name for name, service in services.items() if "build" in service]
    own = [name for name in built if name in APP_NAMES] or built
    ours = [n for n, s in services.items() if "SLIPWAY_IMAGE" in str(s.get("image", ""))]
    name = next(iter([*ours, *own]), "web")
    others, said = {}, []
    for other, service in services.items():
        if other == name:
            continue
        if "build" in service or "image" not in service:
            said.append(f"service {other} is not in the stack of the tests: it is built here; add it by hand if needed")
            continue
        others[other] = {k: service[k] for k in KEPT if k in service}
        kind = _kind(service)
        if kind in KNOWN:
            others[other]["healthcheck"] = service.get("healthcheck") or {"test": KNOWN[kind][0], **CHECK}
        elif "healthcheck" not in service:
            said.append(f"service {other}: no health check is known for {service['image']}; give it one")
    app = services.get(name, {})
    if "env_file" in app:
        said.append(f"service {name}: its env_file is not taken over; write what the tests need as `environment`")
    return Stack(name, app, others, tuple(said))


def test_file(stack: Stack, port: int, of: str, checked: bool) -> str:
    """docker-compose.test.yml: nothing that lasts, no fixed port, the built image and no other.

    Args:
        port: that the app listens on in its container.
        of: name of the compose file that it was made from; empty: none.
        checked: the image has a health check of its own.
    """
    app = {
        "image": "${SLIPWAY_IMAGE:?names the image to test, by digest}", "pull_policy": "never", "init": True,
        **_app(stack, checked, port), "ports": [f"127.0.0.1::{port}"],
    }  # fmt: skip
    services = {stack.name: app, **{name: dict(s) | _forgets(s) for name, s in stack.others.items()}}
    why = "The stack of tests/integration: it lasts as long as they do.\n"
    return HEAD.format(of=f" from {of}" if of else "") + why + _dump({"services": services})


def deploy_file(stack: Stack, port: int, of: str, checked: bool) -> str:
    """docker-compose.deploy.yml: the same with data that last, on the port that the settings name."""
    app = {
        "image": "${SLIPWAY_IMAGE:?names the image to deploy, by digest}", "init": True,
        **_app(stack, checked, port), "ports": [f"127.0.0.1:${{SLIPWAY_PORT:-8000}}:{port}"],
        "restart": "unless-stopped",
    }  # fmt: skip
    volumes: dict[str, None] = {}
    services: dict[str, Any] = {stack.name: app}
    for name, service in stack.others.items():
        services[name] = dict(service) | {"restart": "unless-stopped"}
        if place := _data(service):
            volumes[name] = None
            services[name]["volumes"] = [f"{name}:{place}"]
    content = {"services": services} | ({"volumes": volumes} if volumes else {})
    why = f"What `slipway run` brings up; {of} stays as it is, for development.\n"
    return HEAD.format(of=f" from {of}") + why + _dump(content)


def _app(stack: Stack, checked: bool, port: int) -> dict[str, Any]:
    kept = {k: stack.app[k] for k in ("environment", "secrets", "user") if k in stack.app}
    command = stack.app.get("command")
    said = command if isinstance(command, str) else " ".join(map(str, command or []))
    if command and not re.search(r"\bflask\b.*\brun\b|\.py\b|--reload|--debug", said):
        kept["command"] = command
    if stack.others:
        kept["depends_on"] = {
            name: {"condition": "service_healthy" if "healthcheck" in service else "service_started"}
            for name, service in stack.others.items()
        }
    if not checked:
        probe = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        kept["healthcheck"] = {"test": ["CMD", "python", "-c", probe], **CHECK}
    return kept


def _kind(service: Mapping[str, Any]) -> str:
    return re.split("[:@]", str(service.get("image", "")).rpartition("/")[2])[0]


def _data(service: Mapping[str, Any]) -> str:
    """Where a service's data lie. Since 18 Postgres keeps them by version, and refuses the old place."""
    kind = _kind(service)
    version = re.search(r":(\d+)", str(service.get("image", "")).rpartition("/")[2])
    if kind == "postgres" and version and int(version[1]) < 18:
        return "/var/lib/postgresql/data"
    return KNOWN[kind][1] if kind in KNOWN else ""


def _forgets(service: Mapping[str, Any]) -> dict[str, Any]:
    """Data in memory: gone with the tests."""
    place = _data(service)
    given = service.get("tmpfs", [])
    return {"tmpfs": [*([given] if isinstance(given, str) else given), place]} if place else {}


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


def _dump(content: Mapping[str, Any]) -> str:
    text = yaml.dump(content, Dumper=_Plain, sort_keys=False, width=118, default_flow_style=False)
    return re.sub(r": null$", ":", "\n" + text, flags=re.M)


def needs(packages: frozenset[str]) -> Iterator[str]:
    """Services that a project's packages speak to, for a project whose files name none."""
    known = {
        "Postgres": {"psycopg", "psycopg2", "psycopg2-binary", "asyncpg", "pg8000"},
        "Redis": {"redis", "flask-caching", "celery", "rq"},
        "MySQL": {"mysqlclient", "pymysql", "mysql-connector-python"},
        "MongoDB": {"pymongo", "flask-pymongo", "mongoengine"},
    }
    yield from (name for name, ways in known.items() if ways & packages)
