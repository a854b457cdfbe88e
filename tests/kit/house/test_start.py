"""What every run loads before it has looked at anything: nothing that only some stages or commands need."""

import subprocess
import sys

LOADS = (
    "import sys, slipway.cli, slipway.pipeline.graph, slipway.pipeline.plan, slipway.report.listen; print(*sys.modules)"
)


def test_a_run_that_reuses_everything_loads_no_parser_of_yaml_or_versions() -> None:
    done = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert "slipway.stages.scan" in loaded
    assert loaded.isdisjoint({"jinja2", "packaging", "slipway.doctor.machine", "slipway.workflows.check", "yaml"})
