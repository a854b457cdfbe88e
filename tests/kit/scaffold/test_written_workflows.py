"""The workflow that `slipway init` writes: clean for every static tool, in each way of use and for each target."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from scaffold.shapes import PACKAGE, REQUIREMENTS
from scaffold.test_init import KIT, write
from support import REPOSITORY
from workflows.harness import standins, static, yaml_text

from slipway.cli import main
from slipway.scaffold import kit
from slipway.scaffold.workflow import SECRETS

# Platforms of which the deploy action takes the token.
INPUTS = yaml_text.read(REPOSITORY / ".github/actions/deploy/action.yml")["inputs"]
TARGETS = ["", "compose", *(name for name, (given, _) in SECRETS.items() if given in INPUTS)]
OWN_MACHINE = "self-hosted-runner Medium: "  # zizmor, of each such runner: this target is for the machine that serves
TOOLS = ["zizmor", "schemas", "actionlint", "slipway check"]


def adopted(root: Path, mode: str, target: str, inside: str) -> Path:
    """A repository after `slipway init`; in a copy, the kit's files are those of the working tree."""
    (root / ".git").mkdir(parents=True)
    project = write(root / inside, {**PACKAGE, "requirements.txt": REQUIREMENTS})
    words = ["--mode", mode, *(["--target", target] if target else [])]
    result = CliRunner().invoke(main, ["init", str(project), "--uses", KIT, *words])
    assert result.exit_code == 0, result.output
    if mode == "copy":
        shutil.rmtree(root / "scripts")
        for name in (".github/actions", ".github/workflows"):
            shutil.copytree(REPOSITORY / name, root / name, dirs_exist_ok=True)
        for path in (root / ".github/workflows").iterdir():
            if f".github/workflows/{path.name}" not in kit.PARTS and not path.name.startswith("deliver"):
                path.unlink()
    return root


@pytest.mark.parametrize("inside", ["", "services/shop"], ids=["alone", "one-of-many"])
@pytest.mark.parametrize("target", TARGETS, ids=lambda name: name or "none")
@pytest.mark.parametrize("mode", ["reference", "copy"])
def test_every_tool_finds_it_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, target: str, inside: str
) -> None:
    if mode == "copy":

        async def installed(_: str) -> kit.Kit:
            return kit.Kit(str(REPOSITORY), "HEAD", "0.1.0")

        monkeypatch.setattr(kit, "installed", installed)
    root = adopted(tmp_path, mode, target, inside)
    for tool in TOOLS:
        found = [line for line in static.ALL[tool](root) if not (target == "compose" and line.startswith(OWN_MACHINE))]
        assert found == [], tool
    (file,) = (root / ".github/workflows").glob("deliver*.yml")
    faults = standins.faults(yaml_text.read(file), root, file.name)
    assert [fault for fault in faults if "slipway/.github/actions/deploy" not in fault] == []


def test_compose_deploys_in_a_job_of_the_callers_own(tmp_path: Path) -> None:
    """A called workflow of another owner cannot reach the caller's runners; an action runs where its job does."""
    root = adopted(tmp_path, "reference", "compose", "services/shop")
    (file,) = (root / ".github/workflows").glob("deliver*.yml")
    job = yaml_text.read(file)["jobs"]["deploy"]
    assert (job["runs-on"], "uses" in job) == ("self-hosted", False)
    step = job["steps"][-1]
    assert re.fullmatch(r"acme/slipway/\.github/actions/deploy@[0-9a-f]{40}", step["uses"])
    assert sorted(step["with"]) == ["environment", "image", "working-directory"]


def test_a_target_that_this_version_does_not_have_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of written, for the first run to stumble over."""
    from slipway.scaffold import init

    write(tmp_path, {**PACKAGE, "requirements.txt": REQUIREMENTS})
    monkeypatch.setattr(init, "_settings", lambda *_: ["[deploy.production]", 'target = "moon"'])
    result = CliRunner().invoke(main, ["init", str(tmp_path), "--uses", KIT])
    assert (result.exit_code, "moon" in result.output) == (2, True)
    assert not (tmp_path / "slipway.toml").exists()


def test_the_actions_are_pinned_as_the_kit_pins_them() -> None:
    templates = Path(kit.__file__).parent / "templates"
    pinned = {
        match for path in REPOSITORY.glob(".github/**/*.yml")
        for match in re.findall(r"uses: (actions/\S+@[0-9a-f]{40} # v\S+)", path.read_text())
    }  # fmt: skip
    written = {m for path in templates.iterdir() if path.is_file()
               for m in re.findall(r"uses: (actions/.*)", path.read_text())}  # fmt: skip
    assert written and written <= pinned
