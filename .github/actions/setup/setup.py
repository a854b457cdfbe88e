"""Installs the kit from the action's own checkout into the job's temporary folder, and makes a hosted runner's engine
fit meanwhile. Python's standard library alone.

ENGINE=true (the default) or false: whether the job needs an engine.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

KIT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(KIT / "scripts"))

from machine import hosted, uv  # noqa: E402  what the bootstrap uses too
from machine.say import NotReady  # noqa: E402


def main() -> int:
    try:
        engine = needs_engine()
        if engine:
            hosted.refuse_job_container()
        with ThreadPoolExecutor(1) as side:
            fitted = side.submit(hosted.fit) if engine else None
            install(Path(os.environ["RUNNER_TEMP"]) / "slipway")
            if fitted:
                fitted.result()
    except (NotReady, OSError, subprocess.SubprocessError) as error:
        print(f"::error title=slipway::{error}".replace("%", "%25").replace("\n", "%0A"))
        return 3
    return 0


def needs_engine() -> bool:
    wanted = os.environ.get("ENGINE") or "true"
    if wanted not in ("true", "false"):
        raise NotReady(f"the set-up's input `engine` is {wanted!r}.", "Write `true` or `false`.")
    return wanted == "true"


def install(home: Path) -> None:
    """Put uv and the kit below `home`, and both on the PATH of the steps that follow."""
    home.mkdir(parents=True, exist_ok=True)
    try:
        uv.ensure(home)
    except (NotReady, OSError) as error:
        raise NotReady(f"uv cannot be had: {error}") from error
    tool = uv.folder(home) / "uv"
    environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(home / "venv"), "UV_PYTHON_DOWNLOADS": "never"}
    command = [tool, "sync", "--quiet", "--locked", "--no-dev", "--no-editable", "--project", KIT / "scripts"]
    if subprocess.run(command, env=environment, check=False).returncode:
        raise NotReady("the kit's packages cannot be had.", "Can this runner reach the package index?")
    with open(os.environ["GITHUB_PATH"], "a", encoding="utf-8") as path:
        path.write(f"{home / 'venv' / 'bin'}\n{tool.parent}\n")


if __name__ == "__main__":
    sys.exit(main())
