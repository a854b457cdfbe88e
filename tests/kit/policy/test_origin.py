"""Where in the project a finding of the image would be fixed."""

import pytest

from slipway.policy.finding import Finding
from slipway.policy.origin import Sources, locate

RECIPE = """\
ARG PYTHON_IMAGE=python:3.13
FROM ${PYTHON_IMAGE} AS base
RUN true
FROM base AS test
FROM --platform=$TARGETPLATFORM base AS runtime
FROM node:22
"""
GUNICORN = Finding("CVE-2024-1135", "HIGH", "m", package="gunicorn", purl="pkg:pypi/gunicorn@20.1.0")
TAR = Finding("CVE-2005-2541", "LOW", "m", package="tar", purl="pkg:deb/debian/tar@1.35")


def place(finding: Finding, **more: object) -> tuple[str, int]:
    sources = Sources(**{"dockerfile": "docker/Dockerfile", "recipe": RECIPE, **more})  # type: ignore[arg-type]
    (found,) = locate([finding], sources)
    return found.place


@pytest.mark.parametrize(
    ("lock", "text", "line"),
    [
        ("uv.lock", '[[package]]\nname = "flask"\ndependencies = [{ name = "gunicorn" }]\n\nname = "gunicorn"\n', 5),
        ("shop/poetry.lock", '[[package]]\nname = "gunicorn"\n', 2),
        ("Pipfile.lock", '{\n    "default": {\n        "gunicorn": {\n', 3),
        ("requirements.txt", "# gunicorn\ngunicorn-metrics==1\nGunicorn[gevent]==20.1.0 \\\n", 3),
        ("pyproject.toml", 'name = "shop"\ndependencies = ["flask", "gunicorn>=20"]\n', 2),
    ],
)
def test_a_python_package_is_on_its_line_of_the_lock_file(lock: str, text: str, line: int) -> None:
    assert place(GUNICORN, lock=lock, locked=text) == (lock, line)


def test_separators_of_names_are_all_the_same() -> None:
    finding = Finding("x", "HIGH", "m", package="zope_interface", purl="pkg:pypi/zope-interface@1")
    assert place(finding, lock="requirements.txt", locked="flask==1\nzope.interface==1\n") == ("requirements.txt", 2)


@pytest.mark.parametrize(
    ("target", "own", "base"), [("", 6, 6), ("runtime", 5, 2), ("Runtime", 5, 2), ("base", 2, 2), ("unknown", 6, 6)]
)
def test_packages_of_the_base_image_are_where_it_is_named(target: str, own: int, base: int) -> None:
    assert place(TAR, target=target) == ("docker/Dockerfile", base)
    assert place(GUNICORN, target=target, lock="uv.lock", locked="") == ("docker/Dockerfile", base), "pip's own, say"
    assert place(Finding("end-of-life", "HIGH", "m", package="debian"), target=target) == ("docker/Dockerfile", base)
    assert place(Finding("DS-0002", "HIGH", "m", package="image"), target=target) == ("docker/Dockerfile", own)


def test_a_secret_is_in_the_file_that_was_copied() -> None:
    secret = Finding("secret", "HIGH", "m", file="/app/conf/.env", line=3)
    there = {"web/conf/.env": 3, "web/.env": 9}
    assert place(secret, context="web", lines=lambda name: there.get(name, 0)) == ("web/conf/.env", 3)
    there["web/conf/.env"] = 2
    assert place(secret, context="./web", lines=lambda name: there.get(name, 0)) == ("web/.env", 3), "it has that line"
    assert place(secret) == ("docker/Dockerfile", 6)
    outside = Finding("secret", "HIGH", "m", file="/app/../../etc/passwd", line=1)
    assert place(outside, lines=lambda name: 9) == ("docker/Dockerfile", 6)


def test_what_is_not_known_is_left_open() -> None:
    said = Finding("exception-unused", "LOW", "m", file="slipway.exceptions.yaml", line=4)
    assert place(said) == ("slipway.exceptions.yaml", 4)
    assert place(TAR, recipe="") == ("", 0)
