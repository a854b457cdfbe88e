"""Wrong options and settings: exit 2, naming what, where and the fix; nothing is started."""

import subprocess
from collections.abc import Callable

import pytest
from support import Project


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["biuld"], ["unknown stage 'biuld'", 'Did you mean "build"?', "Stages: lint, build, test"]),
        (["--until", "scam"], ["unknown stage 'scam'", 'Did you mean "scan"?']),
        (["--skip", "xyzzy"], ["unknown stage 'xyzzy'", "Stages: lint"]),
        (["--from", "deplyo"], ['Did you mean "deploy"?']),
        (["--kep-going"], ["--kep-going", "--keep-going"]),
        (["--env", "production"], ["no environment 'production'", "There are: local", "[deploy.production]"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_stage_and_option(project: Callable[..., Project], arguments: list[str], words: list[str]) -> None:
    shop = project()
    done = shop.run(*arguments)
    assert done.code == 2, done.text
    assert all(word in done.err for word in words), done.err
    assert len(done.err.strip().splitlines()) <= 3
    assert not shop.run_logs()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[image]\n\n[lint]\ntreshold = "error"\n',
            'slipway.toml:4: unknown key "treshold" in [lint]. Did you mean "threshold"?',
        ),
        ("[lnit]\n", 'slipway.toml:1: unknown key "lnit" at the top. Did you mean "lint"?'),
        ("[deploy.local]\nurll = 'x'\n", 'slipway.toml:2: unknown key "urll" in [deploy.local]. Did you mean "url"?'),
        ("[scan]\nfail-on = 7\n", "slipway.toml:2: scan.fail-on: "),
        ("[test]\n# a comment\ntimeout = 90\n", "slipway.toml:3: test.timeout: expected a string, found an integer"),
        ('[test]\ntimeout = "soon"\n', "slipway.toml:2: test.timeout: "),
        ("[publish]\nregistry-port = 0\n", "slipway.toml:2: publish.registry-port: "),
        ("[lint\n", "slipway.toml:1: not valid TOML"),
        ('[lint]\nthreshold = "warning\n', "slipway.toml:2: not valid TOML"),
        ('[image]\nname = "shop"\n', "image name 'shop' has no registry. Write it whole"),
        ('[image]\nname = "ghcr.io/Acme/Shop:1"\n', "is not a repository. Use letters"),
    ],
)
def test_settings(project: Callable[..., Project], text: str, message: str) -> None:
    shop = project(**{"slipway.toml": text})
    # The port of the tests would be laid over the table that is wrong.
    done = shop.run("lint", SLIPWAY_PORT="", SLIPWAY_PUBLISH_REGISTRY_PORT="")
    assert done.code == 2, done.text
    assert message in done.err, done.err
    assert len(done.err.strip().splitlines()) <= 3
    assert not shop.run_logs()


def test_settings_that_are_not_text(project: Callable[..., Project]) -> None:
    shop = project()
    (shop.root / "slipway.toml").write_bytes(b"\xff\xfe[lint]")
    done = shop.run("lint")
    assert (done.code, "slipway.toml cannot be read" in done.err) == (2, True), done.text


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("SLIPWAY_PORT", "http", "SLIPWAY_PORT is 'http': it must be a port number"),
        ("SLIPWAY_PORT", "70000", "SLIPWAY_PORT is '70000'"),
        ("SLIPWAY_LINT_THRESHOLD", "loud", "SLIPWAY_LINT_THRESHOLD is not usable"),
    ],
)
def test_variables(project: Callable[..., Project], variable: str, value: str, message: str) -> None:
    done = project().run("lint", **{variable: value})
    assert (done.code, message in done.err) == (2, True), done.text


def test_images_must_be_pinned(project: Callable[..., Project]) -> None:
    shop = project(**{"images.toml": 'PYTHON_IMAGE = "docker.io/library/python:3.13"\n'})
    done = shop.run("lint")
    assert (done.code, "images.toml: PYTHON_IMAGE is not pinned" in done.err) == (2, True), done.text


def test_no_such_folder(project: Callable[..., Project]) -> None:
    shop = project()
    shop.root = shop.root / "nowhere"
    done = shop.run("lint")
    assert (done.code, "nowhere" in done.err) == (2, True), done.text


def test_a_change_brings_no_results_of_its_own(project: Callable[..., Project]) -> None:
    """Nobody but an earlier run says what was green already."""
    shop = project()
    shop.write(".slipway/reuse/lint.json", "{}")
    for words in ("init --quiet", "add --force .slipway"):
        subprocess.run(["git", *words.split()], cwd=shop.root, check=True)
    done = shop.run("lint")
    assert done.code == 2, done.text
    assert "git rm -r --cached .slipway" in done.err
    assert not shop.run_logs()
    subprocess.run(["git", "rm", "-r", "--quiet", "--cached", ".slipway"], cwd=shop.root, check=True)
    assert shop.run("lint").code == 0
