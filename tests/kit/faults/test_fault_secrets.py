"""Secrets of a build: they reach the RUN that mounts them, and are found nowhere else afterwards."""

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Done, Project, docker

pytestmark = pytest.mark.engine
VALUE = "s3cr3t-of-the-build-4711"
DIGEST = hashlib.sha256(VALUE.encode()).hexdigest()
# Proves by its hash that the value has come, and prints the value: whoever debugs does.
MOUNT = """\
RUN --mount=type=secret,id=npm_token,required=true \\
    python -ISc "import hashlib; v = open('/run/secrets/npm_token', 'rb').read(); print('{name} printed', v.decode());\\
    assert hashlib.sha256(v).hexdigest() == '{digest}'"
"""
BAKE = """\
target "app" {
  target = "runtime"
  args   = { COMMIT = "c" }
}
target "test" {
  inherits = ["app"]
  target   = "test"
}
"""
WANTED = '[build]\nsecrets = ["npm_token"]\n'


def shop_with(project: Callable[..., Project], **files: str) -> Project:
    """A project whose app and whose test image take the secret."""
    shop = project(**files)
    mount = MOUNT.format(digest=DIGEST, name=shop.root.name)  # a layer of its own: none of another test is reused
    shop.replace("Dockerfile", "FROM base AS test\n", f"FROM base AS test\n{mount}")
    shop.replace("Dockerfile", "FROM base AS runtime\n", f"FROM base AS runtime\n{mount}")
    return shop


def found_in(shop: Project, done: Done) -> list[str]:
    """Where the value is: output, every file of the run, every layer, what the engine knows of both images."""
    places = {"output": done.text.encode()}
    for path in (p for p in shop.root.rglob("*") if p.is_file()):
        content = path.read_bytes()
        places[str(path.relative_to(shop.root))] = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    for image in (done.record["image"]["reference"], f"slipway.invalid/{shop.root.name}:test"):
        places[image] = (docker("inspect", image).stdout + docker("history", "--no-trunc", image).stdout).encode()
        assert len(places[image]) > 500
    return [name for name, content in places.items() if VALUE.encode() in content]


@pytest.mark.parametrize("bake", [None, BAKE], ids=["Dockerfile", "bake"])
def test_the_value_reaches_the_run_and_stays_nowhere(project: Callable[..., Project], bake: str | None) -> None:
    shop = shop_with(project, **{"docker-bake.hcl": bake})  # type: ignore[arg-type]
    done = shop.start("test", BUILD_SECRETS=f"other=x\nnpm_token={VALUE}\n").end(120)
    assert done.code == 0, done.text
    assert (done.stage("build")["status"], done.stage("test")["status"]) == ("passed", "passed")
    assert "printed ***" in shop.log("build") and "printed ***" in shop.log("test")
    assert found_in(shop, done) == []
    # Neither the value nor that there is one is part of what the image is: the next job needs no secret to reuse it.
    again = shop.run("test")
    assert again.code == 0, again.text
    assert (again.stage("build")["status"], again.stage("test")["status"]) == ("reused", "reused")


@pytest.mark.parametrize(
    ("entry", "given"), [("npm_token", {"npm_token": VALUE}), ("npm_token=../token", {})], ids=["variable", "file"]
)
def test_on_a_laptop_it_is_a_variable_or_a_file(
    project: Callable[..., Project], entry: str, given: dict[str, str]
) -> None:
    shop = shop_with(project, **{"slipway.toml": WANTED.replace("npm_token", entry)})
    (shop.root / "../token").write_text(VALUE)
    done = shop.run("test", **given)
    assert done.code == 0, done.text
    assert found_in(shop, done) == []


def test_the_certificates_of_the_machine_come_beside_it(project: Callable[..., Project], tmp_path: Path) -> None:
    shop = shop_with(project)
    (tmp_path / "bundle.pem").write_text(f"certificates for {shop.root.name}\n")
    mount = f"RUN --mount=type=secret,id=ca,required=true grep -q {shop.root.name} /run/secrets/ca\n"
    shop.replace("Dockerfile", "FROM base AS runtime\n", f"FROM base AS runtime\n{mount}")
    done = shop.run("build", BUILD_SECRETS=f"npm_token={VALUE}", SSL_CERT_FILE=str(tmp_path / "bundle.pem"))
    assert done.code == 0, done.text


def test_a_build_that_fails_hides_it_too(project: Callable[..., Project]) -> None:
    shop = shop_with(project)
    shop.replace("Dockerfile", "FROM base AS runtime\n", f"FROM base AS runtime\nRUN echo {VALUE}; exit 3\n")
    done = shop.start("build", BUILD_SECRETS=f"npm_token={VALUE}").end(120)
    assert done.code == 1, done.text
    written = "".join(p.read_text(errors="replace") for p in (shop.root / ".slipway/latest/").glob("*.*"))
    assert "exit code: 3" in done.stage("build")["reason"]
    assert VALUE not in done.text + written


def test_one_that_is_missing_is_an_error_with_the_fix(project: Callable[..., Project]) -> None:
    shop = shop_with(project, **{"slipway.toml": WANTED})
    done = shop.run("build")
    assert done.code == 3, done.text
    assert "the build secret npm_token is not here. Set the environment variable npm_token" in done.text
    shop.write("slipway.toml", "")
    done = shop.run("build")
    assert done.code == 1, done.text
    assert "npm_token: not found" in done.stage("build")["reason"]
    assert '[build] secrets = ["npm_token"]' in done.stage("build")["fix"]


def test_a_line_that_is_none_is_named_and_not_shown(project: Callable[..., Project]) -> None:
    shop = shop_with(project)
    done = shop.run("build", BUILD_SECRETS=f"npm_token={VALUE}\n{VALUE}")
    assert done.code == 2, done.text
    assert "build-secrets: line 2 is not name=value" in done.err
    assert VALUE not in done.text


@pytest.mark.parametrize("secret", [{"BUILD_SECRETS": f"npm_token={VALUE}"}, {"RENDER_API_KEY": VALUE}], ids=str)
def test_a_runner_is_told_to_hide_it_before_anything_runs(
    project: Callable[..., Project], tmp_path: Path, secret: dict[str, str]
) -> None:
    shop = shop_with(project)
    event = tmp_path / "event.json"
    event.write_text("{}")
    done = shop.run(
        "build", "--dry-run", **secret, GITHUB_ACTIONS="true", GITHUB_REPOSITORY="acme/shop",
        GITHUB_EVENT_PATH=str(event),
    )  # fmt: skip
    assert done.err.splitlines()[0] == f"::add-mask::{VALUE}", done.text


def test_the_tests_on_the_host_cannot_read_it(project: Callable[..., Project]) -> None:
    """`slipway run integration` builds and tests in one go: the tests inherit no secret of the build."""
    shop = shop_with(project).with_integration()
    shop.write(
        "tests/integration/test_health.py",
        "import json, os, pathlib\n\n\ndef test_environment(docker_services):\n"
        "    pathlib.Path('seen.json').write_text(json.dumps(dict(os.environ)))\n",
    )
    done = shop.run("integration", "--skip", "test", BUILD_SECRETS=f"npm_token={VALUE}")
    assert done.code == 0, done.text
    seen = json.loads((shop.root / "seen.json").read_text())
    assert [name for name, value in seen.items() if VALUE in value] == []
