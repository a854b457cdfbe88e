"""hadolint, without the configuration files and pragmas by which a change could lower its own bar."""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slipway.errors import Broken
from slipway.tools import process

VERSION = "2.15.1"
KEYS = ("code", "level", "line", "message")  # what is read of a remark


async def lint(binary: Path, dockerfile: Path, log: Path, trusted: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Every remark on one Dockerfile, unfiltered: what fails is decided by the caller.

    Runs in an empty folder with an empty configuration, so that no .hadolint.yaml of the project is loaded, and with
    pragmas disabled. A missing HEALTHCHECK (DL3057), which hadolint is silent about by itself, is a remark.

    Args:
        trusted: registries that base images may come from; empty: any.

    Raises:
        Broken: hadolint crashed or said something that is not its JSON.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-hadolint-") as empty:
        config = Path(empty) / "none.yaml"
        config.write_text("{}\n")
        # `env -i`: a HADOLINT_IGNORE of the user would be obeyed.
        words = [f"PATH={os.environ.get('PATH', os.defpath)}", f"HOME={empty}"]
        done = await process.run(
            "env", "-i", *words,
            binary, "--no-fail", "--format", "json", "--disable-ignore-pragma", "--config", config,
            "--info", "DL3057", *(word for registry in trusted for word in ("--trusted-registry", registry)), "-",
            cwd=Path(empty), stdin=dockerfile.read_bytes(), timeout=60, log=log,
        )  # fmt: skip
    if not done.ok:
        raise Broken(f"hadolint ended with {done.code} and proves nothing: {done.last_line()}")
    try:
        remarks = json.loads(done.out)
    except ValueError:
        remarks = None
    if not isinstance(remarks, list) or not all(isinstance(r, dict) and {*KEYS} <= r.keys() for r in remarks):
        raise Broken(f"hadolint said something that is not a report: {done.last_line()[:200]}")
    return remarks
