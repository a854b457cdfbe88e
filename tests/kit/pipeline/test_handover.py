"""Tags in a real registry: a moving one never goes back to an older commit, a version never moves."""

import asyncio
import json
from pathlib import Path

import pytest
from support import SESSION, docker

from slipway.errors import SlipwayError
from slipway.image.reference import Repository
from slipway.pipeline import handover
from slipway.tools import registry, remote

pytestmark = pytest.mark.engine
OLDER, NEWER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


@pytest.fixture
def repository(registry_port: int, base_images: dict[str, str], request: pytest.FixtureRequest) -> Repository:
    """One of a test's own."""
    asyncio.run(registry.ensure(registry_port, base_images["REGISTRY_IMAGE"], f"t-{SESSION}"))
    return Repository(f"localhost:{registry_port}", f"t-{SESSION}-{len(request.node.name)}")


def publish(repository: Repository, folder: Path, name: str, created: str) -> str:
    """Build and push an image of a commit of that time (empty: it does not say); its digest."""
    label = f"LABEL {remote.CREATED}={created}\n" if created else ""
    (folder / "Dockerfile").write_text(f"FROM scratch\nCOPY Dockerfile /{name}\n{label}")
    tag, kind = repository.tagged(f"slipway-{name}"), "type=image,oci-mediatypes=true"
    built = docker("buildx", "build", "--quiet", "--provenance=false", "--output", kind, "-t", tag, str(folder))
    pushed = docker("push", "--quiet", tag)
    assert (built.returncode, pushed.returncode) == (0, 0), built.stderr + pushed.stderr
    return str(json.loads(docker("image", "inspect", tag).stdout)[0]["Id"])


def move(repository: Repository, digest: str, name: str, folder: Path) -> tuple[list[str], str | None]:
    """What was moved, and what the tag names then."""
    moved = asyncio.run(handover.move(repository, digest, [name], {}, folder / "log"))
    return moved, asyncio.run(remote.digest(repository, name))


def test_runs_that_finish_in_the_wrong_order(repository: Repository, tmp_path: Path) -> None:
    older, newer = (publish(repository, tmp_path, name, at) for name, at in (("older", OLDER), ("newer", NEWER)))
    assert move(repository, newer, "main", tmp_path) == (["main"], newer)
    assert move(repository, older, "main", tmp_path) == ([], newer)
    assert move(repository, older, "latest", tmp_path) == (["latest"], older)
    assert move(repository, newer, "latest", tmp_path) == (["latest"], newer)


def test_an_image_that_does_not_say_its_age_holds_nobody_up(repository: Repository, tmp_path: Path) -> None:
    silent, older = publish(repository, tmp_path, "silent", ""), publish(repository, tmp_path, "older", OLDER)
    assert move(repository, silent, "main", tmp_path) == (["main"], silent)
    assert move(repository, older, "main", tmp_path) == (["main"], older)


def test_a_version_never_moves(repository: Repository, tmp_path: Path) -> None:
    older, newer = (publish(repository, tmp_path, name, at) for name, at in (("older", OLDER), ("newer", NEWER)))
    assert move(repository, older, "1.2.3", tmp_path) == (["1.2.3"], older)
    with pytest.raises(SlipwayError, match=r":1\.2\.3 names sha256:.* already; versions never move"):
        move(repository, newer, "1.2.3", tmp_path)
    assert asyncio.run(remote.digest(repository, "1.2.3")) == older
