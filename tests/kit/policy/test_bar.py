"""What would lower the bar is found at its place; what only looks like it is not."""

import pytest

from slipway.policy import bar

DIGEST = "@sha256:" + "0" * 64


@pytest.mark.parametrize("name", bar.FILES)
def test_every_file_that_a_tool_would_load(name: str) -> None:
    (found,) = bar.files([name, "Dockerfile"])
    assert (found.rule, found.file, found.stops) == ("bar", name, False)
    assert bar.FILES[name] in found.message


@pytest.mark.parametrize(
    ("line", "tool"),
    [
        ("# hadolint ignore=DL3008", "hadolint"),
        ("#hadolint global ignore = DL3008,DL3009", "hadolint"),
        ("# check=skip=all", "BuildKit's checks"),
        ("#check=error=true;skip=JSONArgsRecommended", "BuildKit's checks"),
        ("# trivy:ignore:DS-0017", "Trivy"),
        ("RUN true #trivy:ignore:*", "Trivy"),
    ],
)
def test_every_pragma(line: str, tool: str) -> None:
    (found,) = bar.lines("ops/Dockerfile", f"FROM x\n{line}\n")
    assert (found.rule, found.file, found.line, found.stops) == ("bar", "ops/Dockerfile", 2, False)
    assert found.message.startswith(tool)


@pytest.mark.parametrize(
    "line", ["# check=error=true", "# we ignore hadolint here", "# trivy scans this", "RUN check=skip"]
)
def test_what_only_looks_like_one(line: str) -> None:
    assert list(bar.lines("Dockerfile", f"{line}\nFROM x\n")) == []


@pytest.mark.parametrize(
    ("image", "foreign"),
    [
        ("docker/dockerfile:1", False), ("docker.io/docker/dockerfile:1.9", False), ("docker/dockerfile", False),
        (f"docker/dockerfile{DIGEST}", False), ("docker/dockerfile-upstream:master", False),
        ("docker/dockerfile.evil:1", True), ("evil/dockerfile:1", True), ("ghcr.io/docker/dockerfile:1", True),
    ],
)  # fmt: skip
def test_a_frontend_of_somebody_else(image: str, foreign: bool) -> None:
    found = list(bar.lines("Dockerfile", f"# syntax={image}\nFROM x\n"))
    assert [f.rule for f in found] == ["frontend"] * foreign


@pytest.mark.parametrize(
    ("text", "unpinned"),
    [
        ("FROM python:3.13\n", ["python:3.13"]),
        (f"FROM python:3.13{DIGEST}\n", []),
        ("FROM --platform=$BUILDPLATFORM python:3.13 AS base\nFROM base\n", ["python:3.13"]),
        (f"ARG BASE=python:3.13{DIGEST}\nFROM ${{BASE}}\n", []),
        ("ARG BASE=python:3.13\nFROM $BASE\n", ["python:3.13"]),
        ("ARG KNOWN=python:3.13\nFROM ${KNOWN}\n", []),
        ("FROM ${OTHER:-alpine:3}\n", ["alpine:3"]),
        ("FROM ${NOBODY_KNOWS}\n", []),
        ("FROM scratch\nFROM SCRATCH\n", []),
        (f"FROM a{DIGEST} AS Build\nARG BASE=x\nFROM build\nfrom b as c\n", ["b"]),
    ],
)
def test_a_base_image_without_its_digest(text: str, unpinned: list[str]) -> None:
    found = list(bar.bases("Dockerfile", text, {"KNOWN": f"python:3.13{DIGEST}"}))
    assert [f.message.split()[0] for f in found] == unpinned
    assert all(f.rule == "base-digest" and not f.stops and f.line for f in found)
