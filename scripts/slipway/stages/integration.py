"""Integration tests: the built digest in docker-compose.test.yml, pytest-docker looking up its ports.

The kit brings the stack up before pytest and takes it down after, whatever happens: pytest-docker would build again,
runs a shell over paths, and leaves everything behind when it is interrupted (facts: run).
"""

from pathlib import Path

from slipway.config import seconds
from slipway.errors import SlipwayError
from slipway.image import context as build_context
from slipway.image.reference import short
from slipway.policy import junit
from slipway.policy.compose import PLACEHOLDER
from slipway.policy.finding import Finding
from slipway.stages import build
from slipway.stages.base import Context, Outcome, Stage, failed, timed_out
from slipway.tools import compose, docker, environments, loading, process
from slipway.tools.compose import Project
from slipway.tools.pytest import NAMED, Now

PLUGIN = Path(__file__).parent.parent / "plugin"


def project(context: Context, image: str) -> Project:
    """The compose project of this run; its name is the run's, so that two runs share nothing."""
    variables = {**context.images.variables, "SLIPWAY_IMAGE": image}
    return Project(
        context.root, f"slipway-test-{context.run_id}", variables, context.settings.integration.compose,
        log=context.log, doing=context.doing,
    )  # fmt: skip


def wanted(context: Context) -> bool:
    """Whether the project has integration tests at all."""
    settings = context.settings.integration
    return (context.root / settings.tests).is_dir() and (context.root / settings.compose).is_file()


async def key(context: Context) -> str | None:
    """The digest, the stack and the tests. Services by tag would make this a lie: they count by what they are named."""
    if not wanted(context) or "build" not in context.done:
        return None
    settings = context.settings.integration
    files = [context.root / settings.compose, *build_context.tree(context.root / settings.tests)]
    files += [context.root / name for name in (".env", "pyproject.toml", "uv.lock", "requirements-test.txt")]
    read = build_context.variables([context.root / settings.compose])
    told = f"{read} {settings} {context.images.variables}"
    return f"{context.digest} {build_context.files_digest(context.root, files)} {told}"


async def prepare(context: Context) -> Path | None:
    """Start what does not depend on the image (db, cache) and the tests' own environment while the image builds."""
    if not wanted(context):
        return None
    python, _ = await process.together(
        environments.integration(context.root, context.state, context.log), _services(context)
    )
    return Path(python)


async def _services(context: Context) -> None:
    model = await compose.config(context.root, context.settings.integration.compose, context.images.variables)
    others = [
        name
        for name, service in (model.get("services") or {}).items()
        if service.get("image") != PLACEHOLDER and not service.get("profiles")
    ]
    if others:
        context.doing(f"starting {', '.join(others)}")
        # Pulls and starts; whether they are healthy is asked when the whole stack is up.
        await project(context, PLACEHOLDER)("up", "--detach", "--no-deps", *others, timeout=600)


async def run(context: Context) -> Outcome:
    settings = context.settings.integration
    if not wanted(context):
        return Outcome("skipped", f"no {settings.tests} or no {settings.compose}")
    python: Path = await context.prepared()
    stack = project(context, context.reference)
    limit = seconds(settings.timeout)
    context.doing("waiting for the stack to be healthy")
    start = ("up", "--detach", "--wait", "--wait-timeout", "90")
    up = await stack(*start, timeout=limit)
    if not up.ok and loading.layers_gone(up.err):
        await build.restore(context, context.reference)
        up = await stack(*start, timeout=limit)
    ill = await stack.ill()
    if not up.ok or ill:
        await _append_logs(context, stack)
        return failed(
            "the stack did not become healthy",
            *(Finding("stack", "HIGH", line) for line in (ill or [compose.reason(up)])),
            fix="the services' last lines are in the log",
        )
    reports = context.folder / "integration"
    reports.mkdir(exist_ok=True)
    now = Now(context.doing)
    done = await process.run(
        python, "-m", "pytest", settings.tests, "-p", "slipway_pytest",
        f"--junitxml={reports}/junit.xml", *NAMED,
        cwd=context.root, log=context.log, timeout=limit, on_line=now, on_part=now,
        env={
            "SLIPWAY_IMAGE": context.reference, "SLIPWAY_COMPOSE_PROJECT": stack.name,
            "SLIPWAY_COMPOSE_FILE": settings.compose, "PYTHONPATH": str(PLUGIN),
            "PYTHONDONTWRITEBYTECODE": "1", **context.images.variables,
        },
    )  # fmt: skip
    results = junit.read(reports)
    facts = {"tests": results.total, "slowest": results.slowest}
    if done.ok and results.total:
        return Outcome("passed", f"{results.summary()} on {short(context.digest)}", facts=facts)
    await _append_logs(context, stack)
    if done.timed_out:
        summary = f"the integration tests took longer than {settings.timeout} and were ended{now.at}"
        return timed_out(summary, *results.findings, fix="see the log for the test that hangs", **facts)
    if not results.total:
        if done.code == 5:
            return failed("pytest collected no integration test", fix="name files test_*.py", **facts)
        return failed(f"pytest did not start: {done.last_line()}", fix="see the log", **facts)
    return failed(results.summary(), *results.findings, fix="the services' last lines are in the log", **facts)


async def _append_logs(context: Context, stack: Project) -> None:
    with context.log.open("a", encoding="utf-8") as log:
        log.write("\n--- last lines of the services ---\n")
    await stack.logs()  # into the log, as all that is said to compose


async def finish(context: Context) -> None:
    """Remove the stack by label, which needs no compose file and works after any failure; then look."""
    if not wanted(context):
        return
    left = await docker.remove(f"label=com.docker.compose.project=slipway-test-{context.run_id}")
    if left:
        raise SlipwayError(f"the test stack left something behind: {', '.join(left)}. Remove it with `docker rm -f`.")


STAGE = Stage("integration", ("build",), run, key, prepare, finish=finish)
