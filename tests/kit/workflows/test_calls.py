"""Every step that starts slipway hands its process over by `exec`, here and in all that callers copy."""

import re
import textwrap
from pathlib import Path

import pytest
from docs import blocks
from support import REPOSITORY
from workflows.harness import calls, places, yaml_text

TEMPLATES = sorted((REPOSITORY / "scripts/slipway/scaffold/templates").iterdir())


def of_template(path: Path) -> list[str]:
    """The scripts of a template of workflows, with what is filled in left out."""
    text = re.sub(r"(?m)^ *(%\{\w+\})+$", "", path.read_text(encoding="utf-8"))
    return calls.scripts(yaml_text.load(textwrap.dedent(re.sub(r"%\{\w+\}", "x", text))))


def of_block(block: blocks.Block) -> list[str]:
    return calls.scripts(yaml_text.load(textwrap.dedent(block.text)))


SCRIPTS = {file.relative_to(REPOSITORY).as_posix(): calls.scripts(yaml_text.read(file)) for file in places.shipped()}
SCRIPTS |= {path.name: of_template(path) for path in TEMPLATES if re.search(r"(?m)^ +(- )?uses: ", path.read_text())}
SCRIPTS |= {str(block): of_block(block) for block in blocks.written("yaml")}


@pytest.mark.parametrize("where", SCRIPTS)
def test_slipway_is_started_by_exec(where: str) -> None:
    assert [line for script in SCRIPTS[where] for line in calls.faults(script)] == []


def test_the_steps_are_found() -> None:
    """Otherwise the test above would hold because nothing is read."""
    started = [where for where, scripts in SCRIPTS.items() for script in scripts if "exec slipway" in script]
    wanted = ("workflows/deploy.yml", "workflows/publish.yml", "actions/deploy/action.yml", "actions/verify/action.yml")
    assert {f".github/{name}" for name in wanted} <= {*started}
    assert {"deploy", "deliver.yml"} <= {*SCRIPTS}


@pytest.mark.parametrize(
    "script",
    [
        "slipway run lint",
        "echo begins\nslipway run lint",
        "exec slipway run lint\necho done",
        "exec slipway run lint && echo done",
        "exec slipway run lint | tee log",
        "exec slipway run lint &",
        "SLIPWAY_PORT=1 slipway run \\\n  lint",
        "if slipway check; then exit 1; fi",
        "uv run slipway run",
        "python3 -m slipway run",
        '"$HOME/bin/slipway" run',
        'echo "image: $(slipway status --json)"',
        "(exec slipway run)",
    ],
)
def test_a_start_without_exec_is_refused(script: str) -> None:
    assert len(calls.faults(script)) == 1, calls.faults(script)


@pytest.mark.parametrize(
    "script",
    [
        "exec slipway run lint build test scan",
        'exec slipway deploy "$ENVIRONMENT" "$IMAGE" --provenance "$PROVENANCE"',
        "exec slipway run --until integration # what was done before is reused",
        "mkdir out\nexec slipway run > out/log 2>&1",
        "cp shop.toml slipway.toml",
        "git clone https://github.com/OWNER/slipway",
        "echo slipway",
    ],
)
def test_what_is_fine_is_not_refused(script: str) -> None:
    assert calls.faults(script) == []
