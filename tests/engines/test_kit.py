"""The kit on each engine, in the order of the file: refused as the engine comes, then the whole chain and the tests.

SLIPWAY_UPDATE_ENGINES=1 notes what was seen for docs/reference/engines.md.
"""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime

import pytest
import record
from leg import Leg
from workflows.harness import provision

# What a hosted runner's engine is most likely to break: loading, cancelling, publishing, and what reads their words.
FEW = (
    "tests/kit/deploy/test_cancelled.py",
    "tests/kit/deploy/test_ssh.py",
    "tests/kit/end_to_end/test_what_a_failure_shows.py",
    "tests/kit/faults/test_fault_compose.py",
    "tests/kit/faults/test_fault_dockerfile.py",
    "tests/kit/faults/test_fault_hostile_text.py",
    "tests/kit/faults/test_fault_interrupt.py",
    "tests/kit/faults/test_fault_layers.py",
    "tests/kit/faults/test_fault_registry.py",
    "tests/kit/image/test_context.py",
    "tests/kit/stages/test_layers_gone.py",
    "tests/kit/tools/test_digests_on_push.py",
    # From a push to a deployment, by GitHub's own clients.
    "tests/kit/workflows/test_on_the_engine.py::test_from_a_push_to_a_deployment",
)
TESTS = "scripts/bootstrap --for-tests uv run --project scripts --locked pytest -n 3 -m engine"
UPDATE = "SLIPWAY_UPDATE_ENGINES"


def note(started: Leg, what: str, result: str) -> None:
    """Keep what was run today, where that is asked for."""
    if os.environ.get(UPDATE):
        kept = record.load()
        run = {"when": datetime.now(UTC).strftime("%Y-%m-%d"), "result": result}
        kept[started.engine.name]["ran"][what] = run
        record.save(kept)


def test_as_it_comes(started: Leg) -> None:
    """On Docker 28 nothing is built and nothing published: the error names the setting."""
    if started.store():
        pytest.skip(f"{started.engine.what} comes with the containerd image store on")
    done = started.machine.run("make run", SLIPWAY_OFFLINE="never")
    assert done.returncode != 0 and "Error 3" in done.stdout
    assert "the engine does not use the containerd image store" in done.stdout
    assert '{"features": {"containerd-snapshotter": true}}' in done.stdout


@pytest.mark.parametrize("plugin", ["buildx", "compose"])
def test_a_missing_plugin(started: Leg, plugin: str) -> None:
    """It is named with the fix, and the fix is carried out."""
    if started.engine.built:
        pytest.skip(f"{plugin} is not a package in this leg")
    assert started.machine.run(f"apt-get remove -q -y docker-{plugin}").returncode == 0
    done = started.machine.run("scripts/bootstrap", SLIPWAY_INSTALL="never")
    assert done.returncode == 3
    assert f"the docker command lacks its {plugin} plugin" in done.stdout
    (fix,) = [line for line in done.stdout.splitlines() if line.startswith("apt-get update")]
    assert fix.endswith(f" docker-{plugin}")
    assert started.machine.run(fix).returncode == 0
    assert started.docker(plugin, "version").returncode == 0


def test_what_it_can_do(started: Leg) -> None:
    """As the page says. A difference is news: SLIPWAY_UPDATE_ENGINES=1 make test-engines notes it."""
    came = {"containerd image store as it comes": "on" if started.store() else "off"}
    if not started.store():
        started.switch_store_on()
        started.bring_stand_ins()
    done = started.machine.run("python3 tests/engines/probe.py")
    assert done.returncode == 0
    seen = came | json.loads(done.stdout.splitlines()[-1])
    version = started.version()["Version"]
    calls = started.engine.what if started.engine.built else f"Docker {version.partition('+')[0]}"
    if os.environ.get(UPDATE):
        kept = record.load()
        kept.setdefault(started.engine.name, {"ran": {}})
        kept[started.engine.name] |= {"engine": calls, "features": seen}
        record.save(kept)
    assert record.load()[started.engine.name]["features"] == seen


def test_the_whole_chain(started: Leg) -> None:
    """From source to a verified local deployment, BuildKit's checks and all; the headline names what is known."""
    done = started.machine.run("make run", timeout=1200)
    assert done.returncode == 0
    api = started.version()["ApiVersion"]
    known = f"engine API {api} " if started.engine.built else f"engine {started.version()['Version']} "
    assert known in done.stdout and "library-import" not in done.stdout
    assert re.search(r"(?m)^lint: passed", done.stdout) and "without BuildKit's checks" not in done.stdout
    note(started, "`make run`", "passed")


def test_the_kits_own_tests(started: Leg) -> None:
    """Those that need an engine; where ENGINE_TESTS=few, a choice of them (CI has minutes for it)."""
    provision.need(provision.go_tool, "act")  # kept where the machine finds them, which has neither Go nor npm
    provision.need(provision.clients)
    few = os.environ.get("ENGINE_TESTS", "all") == "few"
    where = " ".join(FEW) if few else "tests/kit"
    arguments = os.environ.get("ENGINE_ARGS", "")
    done = started.machine.run(f"{TESTS} {where} {arguments}", timeout=7000, SLIPWAY_INSTALL="never")
    (closing,) = re.findall(r"(?m)^.*\d+ (?:passed|failed).* in [\d.]+s.*$", done.stdout)[-1:] or ["nothing"]
    result = re.sub(r" in [\d.]+s.*", "", closing.strip("= "))
    if not arguments:
        note(started, "a choice of the engine tests, as in CI" if few else "all engine tests", result)
    assert done.returncode == 0, result
