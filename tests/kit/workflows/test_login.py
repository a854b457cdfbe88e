"""`slipway ci login` on a runner whose user has settings of his own: real docker, a registry that checks tokens."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import docker
from workflows.harness import tokens
from workflows.harness.registry import Registry

pytestmark = pytest.mark.engine
Words = Callable[..., "subprocess.CompletedProcess[str]"]
# Answers for the registry's other name alone, and writes down what it was asked.
HELPER = """
log = open({log!r}, "a")
print(sys.argv[1], sys.stdin.read().strip(), file=log)
if sys.argv[1] == "get":
    print(json.dumps({{"ServerURL": "x", "Username": "dev", "Secret": {secret!r}}}))
"""


class User:
    """A user's folder, and a job that logs in after it was made."""

    def __init__(self, folder: Path, path: str) -> None:
        self.config, self.temp, self.variables = folder / "user", folder / "temp", folder / "variables"
        self.environment = {**os.environ, "DOCKER_CONFIG": str(self.config), "PATH": path}
        self.environment |= {"RUNNER_TEMP": str(self.temp), "GITHUB_ENV": str(self.variables), "HOME": str(folder)}
        self.config.mkdir()
        self.set()

    def set(self, **settings: object) -> None:
        """Write the user's config.json."""
        (self.config / "config.json").write_text(json.dumps(settings))

    def docker(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run docker in the environment that the steps have by now."""
        return subprocess.run(
            ["docker", *words], env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )

    def login(self, auth: str) -> "subprocess.CompletedProcess[str]":
        """Run the step, and give the variables that it sets to the steps that follow."""
        command = [sys.executable, "-m", "slipway", "ci", "login"]
        environment = {**self.environment, "REGISTRY_AUTH": auth}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        lines = iter(self.variables.read_text().splitlines() if self.variables.exists() else [])
        for line in lines:
            name, _, end = line.partition("<<")
            self.environment[name] = "\n".join(iter(lines.__next__, end))
        return done


@pytest.fixture
def user(tmp_path: Path, program: Callable[[str, str], Path], registry: Registry) -> Iterator[User]:
    secret = tokens.make({"packages": "read"})
    code = HELPER.format(log=str(tmp_path / "asked"), secret=secret)
    helper = program("docker-credential-users", code)
    yield User(tmp_path, f"{helper.parent}{os.pathsep}{os.environ['PATH']}")


def asked(user: User) -> str:
    file = user.config.parent / "asked"
    return file.read_text() if file.exists() else ""


def auth(registry: Registry, **permissions: str) -> str:
    return f"{registry.host}=dev:{tokens.make(permissions)}"


def pushed(registry: Registry, name: str) -> str:
    """Push an image with a token that may; what `docker pull` needs a credential for."""
    image = f"{registry.host}/acme/{name}:x"
    tag = subprocess.run(
        ["docker", "buildx", "build", "--quiet", "--provenance=false", "--load", "-t", image, "-"],
        input="FROM scratch\nCOPY <<EOF /a\na\nEOF\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert tag.returncode == 0, tag.stderr
    return image


def test_builders_contexts_and_proxies_of_the_user_stay(
    user: User, registry: Registry, base_images: dict[str, str]
) -> None:
    user.set(proxies={"default": {"httpProxy": "http://proxy.example:3128"}})
    name = f"users-{user.temp.parent.name[-8:]}"
    for words in (
        ("buildx", "create", "--name", name, "--driver", "remote", "tcp://buildkit.example:1234"),
        ("context", "create", name, "--docker", "host=unix:///var/run/docker.sock"),
        ("context", "use", name),
    ):
        assert (made := user.docker(*words)).returncode == 0, made.stderr
    done = user.login(auth(registry, packages="read"))
    assert done.returncode == 0, done.stderr
    assert user.environment["DOCKER_CONFIG"] == str(user.temp / "slipway" / "docker")
    assert user.docker("context", "show").stdout.strip() == name
    builders = user.docker("buildx", "ls").stdout
    assert name in builders and "tcp://buildkit.example:1234" in builders
    created = user.docker("create", base_images["REGISTRY_IMAGE"])
    try:
        shown = user.docker("inspect", "--format", "{{.Config.Env}}", created.stdout.strip()).stdout
    finally:
        user.docker("rm", created.stdout.strip())
    assert "HTTP_PROXY=http://proxy.example:3128" in shown
    # Links, not copies: what the job changes there is the user's own.
    assert user.docker("buildx", "rm", name).returncode == 0
    assert not (user.config / "buildx" / "instances" / name).exists()


def test_the_users_credential_helper_answers_for_its_registry_and_not_for_ours(user: User, registry: Registry) -> None:
    other = registry.host.replace("127.0.0.1", "localhost")
    user.set(credHelpers={other: "users"})
    image = pushed(registry, "helped")
    try:
        assert user.login(auth(registry, packages="write")).returncode == 0
        assert asked(user) == "", "no helper was asked to keep the job's token"
        done = user.docker("push", "--quiet", image)
        assert done.returncode == 0, done.stderr
        assert asked(user) == "", "the job's token is in the job's own file"
        same = f"{other}/{image.partition('/')[2]}"
        done = user.docker("pull", "--quiet", same)
        assert done.returncode == 0, done.stderr
        assert f"get {other}" in asked(user)
    finally:
        docker("rmi", "-f", image, f"{other}/{image.partition('/')[2]}")


def test_a_store_for_all_registries_is_not_asked_for_ours(user: User, registry: Registry) -> None:
    user.set(credsStore="users")
    image = pushed(registry, "stored")
    try:
        assert user.login(auth(registry, packages="write")).returncode == 0
        done = user.docker("push", "--quiet", image)  # the store's token only reads
        assert done.returncode == 0, done.stderr
        assert asked(user) == ""
    finally:
        docker("rmi", "-f", image)


def test_a_second_login_of_a_job_adds_to_the_first(user: User, registry: Registry) -> None:
    user.set(auths={"users.example": {"auth": "dXNlcjp0b2tlbg=="}}, HttpHeaders={"X-Team": "shop"})
    other = registry.host.replace("127.0.0.1", "localhost")
    assert user.login(auth(registry, packages="read")).returncode == 0
    second = user.login(f"{other}=dev:{tokens.make({'packages': 'read'})}")
    assert second.returncode == 0, second.stderr
    made = user.temp / "slipway" / "docker" / "config.json"
    settings = json.loads(made.read_text())
    assert {"users.example", registry.host, other} <= set(settings["auths"])
    assert settings["HttpHeaders"] == {"X-Team": "shop"}
    assert oct(made.stat().st_mode)[-3:] == "600" and oct(made.parent.stat().st_mode)[-3:] == "700"
    theirs = json.loads((user.config / "config.json").read_text())
    assert set(theirs["auths"]) == {"users.example"}, "the user's own file is as it was"


def test_a_refused_credential_is_red_and_changes_nothing(user: User, registry: Registry) -> None:
    done = user.login(f"{registry.host}=dev:wrong")
    assert done.returncode == 3
    assert f"{registry.host} refuses the credential of dev" in done.stderr
    assert user.environment["DOCKER_CONFIG"] == str(user.config)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_configuration_that_docker_could_not_read(user: User, registry: Registry, content: str) -> None:
    (user.config / "config.json").write_text(content)
    done = user.login(auth(registry, packages="read"))
    assert done.returncode == 3
    assert str(user.config / "config.json") in done.stderr and "Correct it, or move it away." in done.stderr
