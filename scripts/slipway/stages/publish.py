"""Publish: push the tested digest, read it back, and only then move the tags."""

from slipway.errors import NotReady
from slipway.image.reference import Repository, short, slug, tag
from slipway.policy.finding import Finding
from slipway.stages.base import Context, Outcome, Stage, failed
from slipway.tools import registry
from slipway.tools.docker import docker, project_id
from slipway.tools.process import together
from slipway.tools.remote import push_failed


def local(context: Context) -> bool:
    """Whether this run publishes to the registry that it starts itself."""
    return context.repository.host == f"localhost:{context.settings.publish.registry_port}"


def tags(context: Context) -> list[str]:
    """The branch and the commit. Branch names are hostile text: only what a tag may hold is left of them."""
    branch = tag(context.source.branch)
    commit = f"sha-{context.source.commit[:12]}" if context.source.commit and not context.source.dirty else ""
    return [name for name in (branch, commit) if name] or ["local"]


async def prepare(context: Context) -> None:
    """Have the local registry up while the image builds."""
    if local(context):
        context.doing("starting the local registry")
        port, image = context.settings.publish.registry_port, context.images.registry
        await registry.ensure(port, image, project_id(context.root), context.doing)


async def run(context: Context) -> Outcome:
    repository, digest = context.repository, context.digest
    degraded = [name for name, outcome in context.done.items() if outcome.status == "degraded"]
    if degraded and not repository.loopback:
        return failed(
            f"{' and '.join(degraded)} could not check everything: this image may only go to a registry on localhost",
            Finding("degraded", "HIGH", context.done[degraded[0]].summary),
            fix=f"let the {degraded[0]} run complete (scan.database), or publish to localhost",
        )
    if not repository.loopback:
        return failed(
            f"{repository} is not on this machine: this version of the command publishes to a local registry only",
            fix="leave [image] name empty for local runs",
        )
    await context.prepared()
    technical = slug(digest)[:24]  # one for each digest: pushing it twice changes nothing
    if await _digest(repository, technical) != digest:
        context.doing(f"pushing {short(digest)}")
        await _push(context, technical)
        found = await _digest(repository, technical)
        if found != digest:
            return failed(
                f"the registry holds {found or 'nothing'} where {digest} was pushed",
                fix="nothing was tagged; empty the registry with `make clean` and run again",
            )
    names = tags(context)
    await together(*(_move(context, name) for name in names))
    return Outcome("passed", f"{repository}:{names[0]}", facts={"tags": names, "reference": context.reference})


async def _digest(repository: Repository, name: str) -> str | None:
    try:
        return await registry.digest(repository, name)
    except OSError as error:
        raise NotReady(f"the registry {repository.host} does not answer: {error}. Start it, or run again.") from error


async def _move(context: Context, name: str) -> None:
    if await _digest(context.repository, name) != context.digest:
        await _push(context, name)


async def _push(context: Context, name: str) -> None:
    """Push under a tag: a digest alone cannot be pushed."""
    target = context.repository.tagged(name)
    # The tag stays in the engine: removing an image's last tag there removes the image by digest too.
    tagged = await docker("tag", context.reference, target)
    done = await docker("push", "--quiet", target, timeout=600, log=context.log) if tagged.ok else tagged
    if not done.ok:
        raise push_failed(context.repository, done)


STAGE = Stage("publish", ("lint", "test", "build", "scan", "integration"), run, prepare=prepare)
