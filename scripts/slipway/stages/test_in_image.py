"""Unit tests for a project without a `test` stage: in a container of the built digest, pytest added beside the app.

Nothing of the project runs on the host: uv only unpacks wheels for the image's Python, and they are copied into a
container that has no network.
"""

import json
import os
from functools import partial
from pathlib import Path

from slipway.errors import SlipwayError
from slipway.image import context as build_context
from slipway.stages import build
from slipway.stages.base import Context
from slipway.tools import provision
from slipway.tools.container import Box
from slipway.tools.pytest import NAMED

PYTEST = Path(__file__).parent.parent / "tools" / "pytest.txt"  # hash-pinned
REPORTS = "/reports"
OPTIONS = f"--junitxml={REPORTS}/junit.xml {' '.join(NAMED)}"  # of pytest, however it is called
_ABOUT = "import json,sys,platform;print(json.dumps([platform.python_version(),sys.platform,platform.libc_ver()[0]]))"


def tests_folder(context: Context) -> Path | None:
    """[test] tests, else tests/unit, else tests (without the integration tests, and where there are others)."""
    if own := context.settings.test.tests:
        return context.root / own if (context.root / own).is_dir() else None
    integration = context.root / context.settings.integration.tests
    for folder in (context.root / "tests/unit", context.root / "tests"):
        if folder.is_dir() and any(not p.is_relative_to(integration) for p in build_context.tree(folder)):
            return folder
    return None


async def box(context: Context) -> Box | None:
    """The container to run, or None where there are no tests."""
    tests = tests_folder(context)
    if tests is None:
        return None
    packages = await _packages(context)
    own = ["-m", "pytest", "-q", "/slipway-tests", "-p", "no:cacheprovider"]
    command = context.settings.test.command.split() or own
    integration = context.root / context.settings.integration.tests
    ignore = []
    if integration.is_relative_to(tests) and integration != tests:
        ignore = [f"--ignore=/slipway-tests/{integration.relative_to(tests)}"]
    return Box(
        context.reference,
        (*command, *ignore),
        {
            "PYTHONPATH": f"{await _workdir(context)}:/slipway-packages",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_ADDOPTS": OPTIONS,
        },
        bring=((packages, "/slipway-packages"), (tests, "/slipway-tests"), (_empty(context), REPORTS)),
        user="0:0",  # the reports folder is made by the copy and belongs to root
        entrypoint="python",
        restore=partial(build.restore, context, context.reference),
    )


def _empty(context: Context) -> Path:
    folder = context.folder / "test"
    folder.mkdir(exist_ok=True)
    return folder


async def _workdir(context: Context) -> str:
    from slipway.tools import docker

    found = await docker.image(context.reference)
    return str(((found or {}).get("Config") or {}).get("WorkingDir") or "/")


async def _packages(context: Context) -> Path:
    """pytest and the project's own test packages, unpacked for the image's Python; kept by their pins."""
    again = partial(build.restore, context, context.reference)
    asking = Box(context.reference, ("-c", _ABOUT), entrypoint="python", restore=again)
    about = await asking.run(context.labels, timeout=60, log=context.log)
    if not about.ok:
        raise SlipwayError(
            "the image has no `python` to run the tests with. Add a stage called "
            f"`{context.settings.test.target}` to the Dockerfile whose CMD runs them."
        )
    version, _, libc = json.loads(about.out.strip().splitlines()[-1])
    minor = ".".join(version.split(".")[:2])
    names = {"amd64": "x86_64", "arm64": "aarch64"}
    machine = names.get(context.engine.architecture, "x86_64") if context.engine else os.uname().machine
    platform = f"{machine}-{'manylinux_2_28' if libc == 'glibc' else 'unknown-linux-musl'}"
    target = context.state / "packages" / f"{minor}-{platform}"
    requirements = [PYTEST] + [p for p in [context.root / "requirements-dev.txt"] if p.is_file()]
    words = [word for path in requirements for word in ("--requirements", path)]
    hashes = ["--require-hashes"] if len(requirements) == 1 else []
    done = await provision.uv(
        "pip", "install", "--quiet", "--only-binary", ":all:", "--target", target, "--python-version", minor,
        "--python-platform", platform, *hashes, *words, timeout=300, log=context.log,
    )  # fmt: skip
    if not done.ok:
        raise SlipwayError(f"pytest could not be fetched for the image's Python {minor}: {done.last_line()}")
    return target
