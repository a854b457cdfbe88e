"""Unit tests in the image's own `test` target: the same base and packages that ship, no network, no secrets."""

import re
from functools import partial
from pathlib import Path
from typing import Any

from slipway.config import seconds
from slipway.errors import SlipwayError
from slipway.image import context as build_context
from slipway.policy import junit
from slipway.stages import build, checkout, test_in_image
from slipway.stages.base import Context, Outcome, Stage, failed, timed_out
from slipway.tools import buildx
from slipway.tools.buildx import Progress
from slipway.tools.container import Box
from slipway.tools.pytest import Now

REPORTS = test_in_image.REPORTS
OPTIONS = test_in_image.OPTIONS


def has_target(context: Context) -> bool:
    """Whether the project builds its own test image: a stage of that name in the Dockerfile."""
    dockerfile = context.root / context.settings.build.dockerfile
    wanted = re.escape(context.settings.test.target)
    text = dockerfile.read_text(encoding="utf-8", errors="replace") if dockerfile.is_file() else ""
    return bool(re.search(rf"(?im)^\s*FROM\s.*\sAS\s+{wanted}\s*$", text))


def image_name(context: Context) -> str:
    """The test image's name in the engine; never pushed anywhere."""
    return f"slipway.invalid/{context.repository.path}:test"


async def prepare(context: Context) -> None:
    """Build the test target while the app itself is built: BuildKit does the shared steps once."""
    if not has_target(context) or context.unfetched:
        return
    given = build.secrets(context)
    progress = Progress(context.log, context.doing, given.hide)
    done = await buildx.bake(
        build.source(context), context.settings.test.target,
        f"output=type=image,name={image_name(context)}", *build.certificates(),
        secrets=given, metadata=None, progress=progress, timeout=seconds(context.settings.build.timeout),
    )  # fmt: skip
    if not done.ok:
        raise SlipwayError(f"the test image does not build: {given.hide(buildx.explain(done, progress.other))}")


async def key(context: Context) -> str | None:
    """All that the build sees, and the tests themselves (a fallback copies them in)."""
    built = build.told(context)
    tests = test_in_image.tests_folder(context)
    if built is None or (not has_target(context) and tests is None):
        return None
    files = build_context.files_digest(context.root, build_context.tree(tests) if tests else [])
    taken = context.taken.digest if context.taken else ""
    return f"{built} {files} {context.settings.test} {taken}"


async def run(context: Context) -> Outcome:
    if not has_target(context):
        box = await test_in_image.box(context)
        if box is None:
            return Outcome("skipped", "no test stage in the Dockerfile and no tests/unit or tests folder")
    elif context.unfetched:  # the image was built by another job, the tests' one is built here
        return checkout.refuse(context)
    else:
        await context.prepared()
        command = context.settings.test.command
        again = partial(prepare, context)
        box = Box(image_name(context), tuple(command.split()), {"PYTEST_ADDOPTS": OPTIONS}, restore=again)
    reports = context.folder / "test"
    reports.mkdir(exist_ok=True)
    now = Now(context.doing)
    done = await box.run(
        context.labels, timeout=seconds(context.settings.test.timeout), log=context.log, on_text=now,
        take={REPORTS: reports},
    )  # fmt: skip
    results = junit.read(reports)
    facts = _facts(reports, results)
    if done.timed_out:
        return timed_out(
            f"the unit tests took longer than {context.settings.test.timeout} and were ended{now.at}",
            *results.findings, fix="see the log for the test that hangs, or raise [test] timeout", **facts,
        )  # fmt: skip
    if done.code == 5 and not results.total:
        return failed("pytest collected no test", fix="name files test_*.py and functions test_*", **facts)
    if not done.ok:
        said = results.summary() if results.findings else done.last_line()
        fix = "fix the test or the code it tests" if results.findings else "see the log"
        return failed(said, *results.findings, fix=fix, **facts)
    if not results.total:
        return failed("the tests ended well but reported none", fix="the test command must be pytest", **facts)
    coverage = f" · {facts['coverage']:.0f} % covered" if "coverage" in facts else ""
    return Outcome("passed", results.summary() + coverage, facts=facts)


def _facts(reports: Path, results: junit.Results) -> dict[str, Any]:
    facts: dict[str, Any] = {"tests": results.total, "slowest": results.slowest}
    coverage = junit.coverage(reports / "coverage.xml")
    return facts | ({"coverage": coverage} if coverage is not None else {})


STAGE = Stage("test", ("build",), run, key, prepare)
