"""What is written in several files says the same in each: images, the constant epoch, the pins of the tools."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from slipway.stages import build
from slipway.tools import hadolint, images, provision

ROOT = Path(__file__).parents[3]
IMAGES = tomllib.loads((ROOT / "images.toml").read_text())
COMPOSE = sorted(ROOT.glob("docker-compose*.yml"))
PINNED = re.compile(r"docker\.io/[^\s\"'}]+")


def default(file: str, name: str) -> str:
    """The default of an ARG of a Dockerfile, or of a variable of a bake file."""
    found = re.search(rf'(?s)^(?:ARG {name}=|variable "{name}" \{{\s*default = ")([^\s"]+)', _text(file), re.MULTILINE)
    assert found, f"{file} has no {name}"
    return found[1]


def _text(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_pinned_and_fully_named(name: str) -> None:
    assert images._PINNED.fullmatch(IMAGES[name])


@pytest.mark.parametrize("file", ["Dockerfile", "docker-bake.hcl"])
def test_the_base_image_is_the_one_of_images_toml(file: str) -> None:
    assert default(file, "PYTHON_IMAGE") == IMAGES["PYTHON_IMAGE"]


def test_the_command_starts_the_registry_of_images_toml() -> None:
    assert IMAGES["REGISTRY_IMAGE"] == images.REGISTRY_IMAGE


@pytest.mark.parametrize("path", COMPOSE, ids=lambda p: p.name)
def test_compose_files_name_no_image_but_those_of_images_toml(path: Path) -> None:
    for reference in PINNED.findall(path.read_text()):
        assert reference in IMAGES.values()
    for name, service in yaml.safe_load(path.read_text())["services"].items():
        variable = re.match(r"\$\{(\w+)", service.get("image", "${SLIPWAY_IMAGE"))
        own = service.get("image", "").startswith("slipway-sample:")  # what the development file builds
        assert own or (variable and variable[1] in {"SLIPWAY_IMAGE", *IMAGES}), f"{path.name}: {name}"
        if variable and variable[1] in IMAGES:
            assert service["image"] == f"${{{variable[1]}:-{IMAGES[variable[1]]}}}"


def test_every_image_of_images_toml_is_used() -> None:
    text = "".join(map(_text, ["Dockerfile", "docker-bake.hcl", "scripts/slipway/tools/images.py"]))
    text += "".join(p.read_text() for p in COMPOSE)
    assert [reference for reference in IMAGES.values() if reference not in text] == []


def test_one_epoch_for_every_build() -> None:
    """Another one would give every layer another digest, and each build here would differ from a plain one."""
    epochs = {default("Dockerfile", "SOURCE_DATE_EPOCH"), default("docker-bake.hcl", "SOURCE_DATE_EPOCH")}
    assert epochs == {build.SOURCE_DATE_EPOCH}
    elsewhere = [p for p in (ROOT / "scripts" / "slipway").rglob("*.py") if build.SOURCE_DATE_EPOCH in p.read_text()]
    assert [p.name for p in elsewhere] == ["build.py"]


@pytest.mark.parametrize("name", provision.pins())
def test_the_pins_of_a_tool_are_whole(name: str) -> None:
    pin = provision.pins()[name]
    assert re.fullmatch(r"\d+\.\d+\.\d+", pin["version"])
    archives, wheels = pin.get("archives", {}), pin.get("wheels", {})
    assert {"linux-x86_64"} <= {*archives, *wheels}
    for machine in (*archives, *wheels):
        assert re.fullmatch(r"(linux|darwin)-(x86_64|aarch64|arm64)", machine)
    for file, digest in archives.values():
        assert pin["version"] in file
        assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in wheels.values())
    if archives:
        assert f"/v{pin['version']}/" in pin["archive"] and pin["archive"].startswith("https://github.com/")
    if wheels:
        assert re.fullmatch(rf"[a-z-]+=={re.escape(pin['version'])}(\.\d+)?", pin["wheel"])
    digests = [d for _, d in archives.values()] + list(wheels.values())
    assert len(set(digests)) == len(digests), "the same hash twice: one of them was copied"


def test_hadolint_has_one_version() -> None:
    assert provision.pins()["hadolint"]["version"] == hadolint.VERSION


@pytest.mark.parametrize("name", ["pytest.txt", "integration.txt"])
def test_every_requirement_has_hashes(name: str) -> None:
    text = (ROOT / "scripts/slipway/tools" / name).read_text().replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert requirements
    for line in requirements:
        assert re.match(r"[a-z0-9-]+==\S+( ; [^-]+)?( +--hash=sha256:[0-9a-f]{64})+\s*$", line), line
