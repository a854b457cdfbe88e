"""Installs the kit from the action's own checkout into the job's temporary folder. Python's standard library alone."""

import os
import subprocess
import sys
from pathlib import Path

KIT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(KIT / "scripts"))

from machine import uv  # noqa: E402  the bootstrap's own way to a pinned uv
from machine.say import NotReady  # noqa: E402


def main() -> int:
    home = Path(os.environ["RUNNER_TEMP"]) / "slipway"
    home.mkdir(parents=True, exist_ok=True)
    try:
        uv.ensure(home)
    except (NotReady, OSError) as error:
        print(f"::error title=slipway::uv cannot be had: {error}".replace("\n", " "))
        return 3
    tool = uv.folder(home) / "uv"
    environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(home / "venv"), "UV_PYTHON_DOWNLOADS": "never"}
    command = [tool, "sync", "--quiet", "--locked", "--no-dev", "--no-editable", "--project", KIT / "scripts"]
    if subprocess.run(command, env=environment, check=False).returncode:
        print("::error title=slipway::the kit's packages cannot be had. Can this runner reach the package index?")
        return 3
    with open(os.environ["GITHUB_PATH"], "a", encoding="utf-8") as path:
        path.write(f"{home / 'venv' / 'bin'}\n{tool.parent}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
