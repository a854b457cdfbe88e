"""What publish.yml pushes into a real registry, and its tags: a moving one never goes back, a fixed one never moves."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import layouts
import pytest
from click.testing import CliRunner
from support import SESSION, docker

from slipway.cli import main
from slipway.errors import Broken, NotReady, SlipwayError, UsageError
from slipway.image import layout, sbom
from slipway.image.reference import Repository
from slipway.pipeline import handover
from slipway.tools import registry, remote
from slipway.tools.history import CREATED, REVISION

pytestmark = pytest.mark.engine
OLDER, NEWER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


@pytest.fixture
def repository(registry_port: int, base_images: dict[str, str], request: pytest.FixtureRequest) -> Repository:
    """One of a test's own."""
    asyncio.run(registry.ensure(registry_port, base_images["REGISTRY_IMAGE"], f"t-{SESSION}"))
    return Repository(f"localhost:{registry_port}", f"t-{SESSION}-{len(request.node.name)}")


def publish(repository: Repository, folder: Path, name: str, created: str, commit: str = "") -> str:
    """Build and push an image of a commit of that time (empty: it does not say); its digest."""
    label = f"LABEL {CREATED}={created} {REVISION}={commit}\n" if created else ""
    (folder / "Dockerfile").write_text(f"FROM scratch\nCOPY Dockerfile /{name}\n{label}")
    tag, kind = repository.tagged(f"slipway-{name}"), "type=image,oci-mediatypes=true"
    built = docker("buildx", "build", "--quiet", "--provenance=false", "--output", kind, "-t", tag, str(folder))
    pushed = docker("push", "--quiet", tag)
    assert (built.returncode, pushed.returncode) == (0, 0), built.stderr + pushed.stderr
    return str(json.loads(docker("image", "inspect", tag).stdout)[0]["Id"])


def move(repository: Repository, digest: str, name: str, folder: Path) -> tuple[list[str], str | None]:
    """What was moved, and what the tag names then."""
    moved, newer = asyncio.run(handover.move(repository, digest, [name], {}, folder / "log", "acme/shop"))
    assert newer == [] or moved == []
    return moved, asyncio.run(remote.digest(repository, name))


def test_runs_that_finish_in_the_wrong_order(repository: Repository, tmp_path: Path) -> None:
    older, newer = (publish(repository, tmp_path, name, at) for name, at in (("older", OLDER), ("newer", NEWER)))
    assert move(repository, newer, "main", tmp_path) == (["main"], newer)
    assert move(repository, older, "main", tmp_path) == ([], newer)
    assert move(repository, older, "latest", tmp_path) == (["latest"], older)
    assert move(repository, newer, "latest", tmp_path) == (["latest"], newer)


def test_commits_of_one_second_are_told_apart_by_history(
    repository: Repository, tmp_path: Path, program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = (publish(repository, tmp_path, name, OLDER, commit=name * 40) for name in ("a", "b"))
    found = program("gh", f"print(json.dumps({{'status': 'behind' if '...{'a' * 40}' in sys.argv[4] else 'ahead'}}))")
    monkeypatch.setenv("PATH", f"{found.parent}{os.pathsep}{os.environ['PATH']}")
    assert move(repository, newer, "latest", tmp_path) == (["latest"], newer)
    assert move(repository, older, "latest", tmp_path) == ([], newer)
    assert move(repository, older, "main", tmp_path) == (["main"], older)
    assert move(repository, newer, "main", tmp_path) == (["main"], newer)


def test_what_the_step_says_of_an_older_commit(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own tag is there, and the outputs name no tag that names another image."""
    older, newer = (publish(repository, tmp_path, name, at) for name, at in (("older", OLDER), ("newer", NEWER)))
    move(repository, newer, "latest", tmp_path)
    step = {
        "ACTIONS": "true", "EVENT_NAME": "push", "REF": "refs/heads/main", "SHA": "a" * 40, "REPOSITORY": "acme/shop",
        "OUTPUT": str(tmp_path / "outputs"), "STEP_SUMMARY": str(tmp_path / "summary"),
    }  # fmt: skip
    for name, value in step.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    payload = {"ref": "refs/heads/main", "repository": {"full_name": "acme/shop", "default_branch": "main"}}
    (tmp_path / "event.json").write_text(json.dumps(payload))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    environment = {"IMAGE": str(repository), "DIGEST": older, "RUNNER_TEMP": str(tmp_path)}
    done = CliRunner().invoke(main, ["ci", "tag"], env=environment)
    assert done.exit_code == 0, done.output
    assert "::notice title=tags%3A superseded::left alone, a newer commit has them: latest" in done.output
    given = (tmp_path / "outputs").read_text()
    assert f"{repository}:main\n{repository}:sha-aaaaaaa\n" in given and ":latest" not in given
    summary = (tmp_path / "summary").read_text()
    assert ":latest</code> (of a newer commit)" in summary and ":main</code>\n" in summary
    assert asyncio.run(remote.digest(repository, "sha-aaaaaaa")) == older
    assert asyncio.run(remote.digest(repository, "latest")) == newer


def test_an_image_that_does_not_say_its_age_holds_nobody_up(repository: Repository, tmp_path: Path) -> None:
    silent, older = publish(repository, tmp_path, "silent", ""), publish(repository, tmp_path, "older", OLDER)
    assert move(repository, silent, "main", tmp_path) == (["main"], silent)
    assert move(repository, older, "main", tmp_path) == (["main"], older)


def test_a_version_never_moves(repository: Repository, tmp_path: Path) -> None:
    older, newer = (publish(repository, tmp_path, name, at) for name, at in (("older", OLDER), ("newer", NEWER)))
    assert move(repository, older, "1.2.3", tmp_path) == (["1.2.3"], older)
    with pytest.raises(SlipwayError, match=r":1\.2\.3 names sha256:.* already, not sha256:.*\nVersions and commits"):
        move(repository, newer, "1.2.3", tmp_path)
    assert asyncio.run(remote.digest(repository, "1.2.3")) == older


def test_fixed_tags_are_looked_at_before_any_tag_moves(repository: Repository, tmp_path: Path) -> None:
    first, again = (publish(repository, tmp_path, name, NEWER) for name in ("first", "again"))
    assert move(repository, first, "sha-1234567", tmp_path) == (["sha-1234567"], first)
    with pytest.raises(SlipwayError, match=r":sha-1234567 names sha256:.* already.*no tag was moved"):
        asyncio.run(handover.move(repository, again, ["main", "latest", "sha-1234567"], {}, tmp_path / "log"))
    assert [asyncio.run(remote.digest(repository, name)) for name in ("main", "latest")] == [None, None]


def test_a_commit_stays_what_it_was_published_as(repository: Repository, tmp_path: Path) -> None:
    """All jobs were re-run, and the build gave other bytes."""
    first, again = (publish(repository, tmp_path, name, NEWER) for name in ("first", "again"))
    assert asyncio.run(handover.fixed(repository, "sha-1234567", first, {})) == first, "nothing was published before"
    move(repository, first, "sha-1234567", tmp_path)
    assert asyncio.run(handover.fixed(repository, "sha-1234567", again, {})) == first
    assert move(repository, first, "main", tmp_path) == (["main"], first)


def test_what_is_not_in_the_registry_has_no_tags(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(NotReady, match=r"not in the registry(.|\n)*`artifact-id`(.|\n)*`upload-image: always`"):
        move(repository, f"sha256:{'7' * 64}", "main", tmp_path)


Verified = Callable[..., Path]


@pytest.fixture
def verified(tmp_path: Path) -> Verified:
    """What verify.yml hands over of a tiny image; returns the folder of all artifacts."""

    def make(name: object, architecture: str = "amd64", components: int = 0) -> Path:
        place = layouts.layout(tmp_path / "artifacts" / architecture / "layout", {"a": "a"}, architecture=architecture)
        if name:
            layout.give_name(place, f"{name}@{layouts.digest(place)}")
        about = {"component": {"bom-ref": "root", "type": "container", "name": "x"}, "timestamp": NEWER}
        parts = [{"bom-ref": f"p{n}", "type": "library", "name": "n" * 1000} for n in range(components)]
        bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": about, "components": parts}
        place.with_name(sbom.FILE).write_text(json.dumps(bill, indent=2))
        return tmp_path / "artifacts"

    return make


def push(artifacts: Path, wanted: Repository | None, **more: bool) -> handover.Published:
    """Push all that was handed over."""
    digests = [layouts.digest(path.parent) for path in sorted(artifacts.rglob("index.json"))]
    return asyncio.run(handover.push(artifacts, digests, wanted, {}, artifacts.parent / "log", **more))


@pytest.mark.parametrize("told", [True, False])
def test_it_goes_where_it_was_verified_for(repository: Repository, verified: Verified, told: bool) -> None:
    """Also by `[image] name` of a slipway.toml, which publish.yml does not see."""
    done = push(verified(repository), repository if told else None)
    assert done.repository == repository
    assert asyncio.run(remote.exists(repository, done.digest))
    assert json.loads(Path(done.sbom).read_text())["bomFormat"] == "CycloneDX"


def test_another_repository_is_refused(repository: Repository, verified: Verified) -> None:
    other = Repository(repository.host, f"{repository.path}-other")
    with pytest.raises(UsageError, match=f"verified was {repository}, and to be published is {other}. Nothing was"):
        push(verified(repository), other)
    artifacts = verified(other, "arm64")
    with pytest.raises(UsageError, match=f"verified as {repository} and {other}. Pass the same `image` to every"):
        push(artifacts, None)


def test_an_image_that_does_not_say_what_it_is_called(verified: Verified) -> None:
    with pytest.raises(Broken, match=r"does not say what its image is called\. Call verify\.yml and publish\.yml by"):
        push(verified(None), None)


def test_a_bill_of_materials_that_github_does_not_attest(repository: Repository, verified: Verified) -> None:
    """An index has that of all its platforms: each fits, both do not. Said before anything is pushed."""
    verified(repository, "amd64", components=9000)
    artifacts = verified(repository, "arm64", components=9000)
    digests = [layouts.digest(path.parent) for path in sorted(artifacts.rglob("index.json"))]
    with pytest.raises(UsageError, match=r"has 1\d\.\d MiB, and GitHub attests at most 16 MiB(.|\n)*provenance: never"):
        push(artifacts, None)
    assert not any(asyncio.run(remote.exists(repository, digest)) for digest in digests)
    done = push(artifacts, None, attested=False)
    assert done.sbom == "" and asyncio.run(remote.exists(repository, done.digest))


def test_a_bill_of_materials_is_attested_without_blanks(repository: Repository, verified: Verified) -> None:
    """Indented it would be too large, written shortly it is not."""
    artifacts = verified(repository, components=16000)
    (written,) = artifacts.rglob(sbom.FILE)
    assert written.stat().st_size > sbom.LIMIT
    attested = Path(push(artifacts, None).sbom)
    assert attested.stat().st_size <= sbom.LIMIT
    assert json.loads(attested.read_text()) == json.loads(written.read_text())
