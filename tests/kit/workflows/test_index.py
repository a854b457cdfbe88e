"""Native multi-arch on the real engine: two platforms, verified apart, become one index that lists their digests.

The arm64 image is built here without emulation: nothing in its Dockerfile runs.
"""

import hashlib
import html
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import Project, docker, free_port
from workflows.harness import archives, provision
from workflows.harness.real import PUBLISHED, VERIFIED, WRITE, Bench
from workflows.harness.registry import Registry
from workflows.harness.runner import Run, Shop

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

PACKAGE = "flask-3.1.2.dist-info"
ARM = {
    "Dockerfile": f"FROM scratch AS runtime\nCOPY *.py *.txt /app/\nCOPY {PACKAGE} /lib/{PACKAGE}\nUSER 10001\n",
    ".dockerignore": f"*\n!server.py\n!*.txt\n!{PACKAGE}\n",
    f"{PACKAGE}/METADATA": "Metadata-Version: 2.1\nName: flask\nVersion: 3.1.2\n",
}
ORDER = ["0", "0/0", "1", "given", "download", "4", "push", "provenance", "sbom", "tag"]
INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass
class Verified:
    """What two jobs handed over, for publish.yml to take."""

    bench: Bench
    artifacts: Path
    amd64: str
    arm64: str
    ids: dict[str, str]  # platform → artifact

    def publish(
        self, bench: Bench, digests: str, ids: str, *, keep: tuple[Shop, str] | None = None, **more: Any
    ) -> tuple[Run, Shop]:
        """publish.yml with these digests and artifacts; in the shop `keep`, or in a new one."""
        shop, sha = keep or bench.shop({"slipway.toml": ""})
        shutil.copytree(self.artifacts, shop.state / "artifacts", dirs_exist_ok=True)
        archives.rename(shop.state / "artifacts", bench.image)
        inputs = {"image": bench.image, "digest": digests, "artifact-id": ids}
        return bench.call("publish", shop, sha, inputs, permissions=WRITE, **more), shop

    def archive(self, platform: str) -> Path:
        """The artifact of one platform."""
        return self.artifacts / "4711" / self.ids[platform] / "a.zip"

    @property
    def both(self) -> tuple[str, str]:
        """The inputs `digest` and `artifact-id`."""
        return f"{self.arm64}\n{self.amd64}\n", f"{self.ids['arm64']}\n{self.ids['amd64']}\n"


@dataclass
class Published:
    """One index that went well, looked at by several tests."""

    verified: Verified
    run: Run
    written: list[str]
    digest: str


@pytest.fixture(scope="module")
def verified(
    tmp_path_factory: pytest.TempPathFactory,
    registry: Registry,
    database: Path,
    files: dict[str, str],
    base_images: dict[str, str],
) -> Iterator[Verified]:
    """The amd64 image by verify.yml itself; the arm64 one by the command that verify.yml runs, in the same form."""
    provision.need(provision.go_tool, "act")
    folder = tmp_path_factory.mktemp("verified")
    bench = Bench(folder, registry, database, free_port())
    project = Project.make(folder, base_images, free_port(), database, ARM)
    try:
        shop, sha = bench.shop(files)
        inputs = {"image": bench.image, "scan-database": str(database)}
        run = bench.call("verify", shop, sha, inputs, permissions={"contents": "read"})
        run.check({"call/verify": VERIFIED})
        outputs = run.jobs["call/verify"].outputs
        platform = {"SLIPWAY_IMAGE_NAME": bench.image, "SLIPWAY_IMAGE_PLATFORMS": "linux/arm64"}
        built = project.run("build", "scan", **platform)
        assert built.code == 0, built.text
        held = archives.zipped(project.root / ".slipway")
        place = shop.state / "artifacts"
        amd64 = outputs["verify/layout/do"]["artifact-id"]
        form = archives.forms(place / "4711" / amd64 / "a.zip")
        assert form == archives.forms(io.BytesIO(held)), "handed over in the same form"
        arm64 = archives.put(place, "2001", "slipway-arm64", held)
        digest = (project.root / ".slipway/image").read_text().strip().partition("@")[2]
        yield Verified(bench, place, outputs["verify/image"]["digest"], digest, {"amd64": amd64, "arm64": arm64})
    finally:
        bench.end()
        project.end()


@pytest.fixture(scope="module")
def published(verified: Verified, registry: Registry) -> Published:
    registry.requests.clear()
    run, _ = verified.publish(verified.bench, *verified.both)
    run.check({"call/publish": PUBLISHED})
    return Published(verified, run, registry.written(), run.jobs["call/publish"].outputs["push"]["digest"])


def raw(image: str, tmp_path: Path) -> bytes:
    """A manifest as the registry holds it."""
    shown = docker("--config", str(tmp_path), "buildx", "imagetools", "inspect", "--raw", image)
    assert shown.returncode == 0, shown.stderr
    return shown.stdout.encode()


@pytest.fixture
def login(registry: Registry, tmp_path: Path) -> Path:
    """A docker configuration that may pull."""
    from workflows.harness import tokens

    token = tokens.make({"packages": "read"})
    done = docker("--config", str(tmp_path), "login", registry.host, "-u", "dev", "--password-stdin", input=token)
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_the_index_lists_the_two_digests_and_nothing_else(published: Published, login: Path) -> None:
    content = raw(f"{published.verified.bench.image}@{published.digest}", login)
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == published.digest
    index = json.loads(content)
    assert index["mediaType"] == INDEX
    listed = [
        (entry["digest"], entry["platform"]["os"], entry["platform"]["architecture"]) for entry in index["manifests"]
    ]
    assert listed == [(published.verified.amd64, "linux", "amd64"), (published.verified.arm64, "linux", "arm64")]
    assert not any("attestation" in json.dumps(entry) for entry in index["manifests"])


def test_the_children_are_what_was_verified(published: Published, login: Path) -> None:
    for digest in (published.verified.amd64, published.verified.arm64):
        content = raw(f"{published.verified.bench.image}@{digest}", login)
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == digest


def test_every_tag_names_the_index(published: Published, login: Path) -> None:
    bench, run = published.verified.bench, published.run
    tags = run.jobs["call/publish"].outputs["tag"]["tags"].split()
    assert {tag.rpartition(":")[2][:4] for tag in tags} == {"main", "late", "sha-"}
    for tag in tags:
        assert f"sha256:{hashlib.sha256(raw(tag, login)).hexdigest()}" == published.digest
    technical = {tag for tag in bench.registry.tags(bench.name) if tag.startswith("slipway-")}
    assert set(bench.registry.tags(bench.name)) == technical | {tag.rpartition(":")[2] for tag in tags}
    assert len(technical) == 3, "the two images and the index, by tags that nobody pulls"
    named = [name for name in published.written if not name.startswith(("sha256:", "slipway-"))]
    last = [name for name in published.written if not name.startswith("sha256:")][-len(named) :]
    assert last == named, "the tags moved last"


def test_the_outputs_are_the_index(published: Published) -> None:
    bench, outputs = published.verified.bench, published.run.jobs["call/publish"].outputs
    for step in ("push", "tag"):
        assert outputs[step]["digest"] == published.digest
        assert outputs[step]["image"] == f"{bench.image}@{published.digest}"
    assert published.digest not in (published.verified.amd64, published.verified.arm64)


def test_what_is_attested_is_the_index(published: Published) -> None:
    place = published.run.folder / "state" / "attestations"
    assert [file.stem for file in place.iterdir()] == [published.digest.removeprefix("sha256:")]
    where, what = published.run.records(f"attestations/{published.digest.removeprefix('sha256:')}.jsonl")
    for statement in (where, what):
        assert statement["subject"] == [{"name": published.verified.bench.image, "digest": published.digest}]
    assert where["predicateType"] == "https://slsa.dev/provenance/v1"
    assert what["predicateType"] == "https://cyclonedx.org/bom"


def test_the_bill_of_materials_is_of_both_images(published: Published) -> None:
    what = published.run.records(f"attestations/{published.digest.removeprefix('sha256:')}.jsonl")[1]["predicate"]
    about = what["metadata"]["component"]
    assert (about["name"], about["version"]) == (published.verified.bench.image, published.digest)
    refs = [component["bom-ref"] for component in what["components"]]
    assert len(set(refs)) == len(refs), "no name stands for two things"
    tree = {entry["ref"]: entry["dependsOn"] for entry in what["dependencies"]}
    assert set(tree) == {about["bom-ref"], *refs}
    versions = {one["bom-ref"]: one.get("version") for one in what["components"]}
    assert [versions[ref] for ref in tree[about["bom-ref"]]] == [published.verified.amd64, published.verified.arm64]
    assert "linux/arm64#pkg:pypi/flask@3.1.2" in refs and any(ref.startswith("linux/amd64#pkg:deb/") for ref in refs)


def test_a_pull_takes_the_child_of_this_machine(published: Published, login: Path) -> None:
    image = f"{published.verified.bench.image}@{published.digest}"
    docker("rmi", "-f", image)
    pulled = docker("--config", str(login), "pull", "--quiet", image)
    assert pulled.returncode == 0, pulled.stderr
    shown = json.loads(docker("image", "inspect", image).stdout)[0]
    assert (shown["Os"], shown["Architecture"]) == ("linux", "amd64")
    served = docker("run", "--rm", "--entrypoint", "cat", image, "mode.txt")
    assert served.stdout.strip() == "well", served.stderr


def test_a_scan_of_the_index_is_one_of_each_image(published: Published, database: Path) -> None:
    bench = published.verified.bench
    shop, sha = bench.shop({"slipway.toml": ""})
    inputs = {"image": f"{bench.image}@{published.digest}", "scan-database": str(database)}
    granted = {"contents": "read", "packages": "read", "issues": "write"}
    run = bench.call("rescan", shop, sha, inputs, permissions=granted)
    run.check({"call/rescan": "success"})
    assert run.jobs["call/rescan"].text["scan"].count(" · engine ") == 2, "two scans"
    said = html.unescape(run.jobs["call/rescan"].summaries["scan"])
    assert published.verified.amd64 in said and published.verified.arm64 in said


RED = {
    "the same platform twice": ("push", "same platform"),
    "one digest is not the artifact's": ("push", "was verified, and the artifact holds"),
    "an artifact is missing": ("push", "no artifact that is left holds it"),
    "an artifact was not handed over": ("given", "names 1 artifacts, digest 2 images"),
    "one digest too many": ("given", "names 2 artifacts, digest 3 images"),
    "one digest twice": ("given", "names 2 artifacts, digest 2 images"),
    "one digest too few": ("given", "names 2 artifacts, digest 1 images"),
}


@pytest.mark.parametrize("case", RED)
def test_red_and_nothing_is_pushed(bench: Bench, verified: Verified, case: str) -> None:
    step, says = RED[case]
    digests, ids = verified.both
    keep = bench.shop({"slipway.toml": ""})
    if case == "the same platform twice":
        other, content = archives.another(verified.archive("arm64"), verified.arm64)
        archives.put(keep[0].state / "artifacts", "2002", "slipway-again", content)
        digests, ids = f"{verified.arm64} {other}", f"{verified.ids['arm64']},2002"
    elif case == "one digest is not the artifact's":
        digests = f"{verified.amd64} sha256:{'7' * 64}"
    elif case == "an artifact is missing":
        ids = f"{verified.ids['amd64']},77"
    elif case == "an artifact was not handed over":
        ids = verified.ids["amd64"]
    elif case == "one digest too many":
        digests += f"sha256:{'7' * 64}\n"
    elif case == "one digest twice":
        digests += verified.arm64
    else:
        digests = verified.amd64
    run, _ = verified.publish(bench, digests, ids, keep=keep)
    at = ORDER.index(step)
    steps = {name: "success" if n < at else "failure" if n == at else "skipped" for n, name in enumerate(ORDER)}
    steps["4"] = "skipped"
    run.check({"call/publish": {"": "failure", **steps}})
    said = [a.message for a in run.jobs["call/publish"].annotations if a.level == "error"]
    assert says in "\n".join(said), said
    assert bench.registry.written() == [] and bench.registry.tags(bench.name) == []


def test_one_digest_is_never_an_index(bench: Bench, verified: Verified, login: Path) -> None:
    run, _ = verified.publish(bench, verified.amd64, verified.ids["amd64"])
    run.check({"call/publish": PUBLISHED})
    outputs = run.jobs["call/publish"].outputs
    assert outputs["push"]["digest"] == outputs["tag"]["digest"] == verified.amd64
    for tag in outputs["tag"]["tags"].split():
        content = raw(tag, login)
        assert "manifests" not in json.loads(content) and "layers" in json.loads(content)
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == verified.amd64
    assert [name for name in bench.registry.tags(bench.name) if "index" in name] == []
