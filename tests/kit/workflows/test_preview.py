"""The preview of a pull request, from its verification to the comment and away again: executed, on a Render that is
played here, before a GitHub that refuses what a job's token lacks."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import free_port
from workflows.harness import events, places, provision, yaml_text
from workflows.harness.real import WRITE, Bench
from workflows.harness.registry import Registry
from workflows.harness.runner import Run

from slipway.deploy.fakes.container import Engine
from slipway.deploy.fakes.platform import Platform
from slipway.deploy.fakes.render import FakeRender

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]
KEY = "rnd_aPreviewsKey0123456789"
SETTINGS = """
[deploy.staging]
target = "render"
service = "{service}"
api = "{api}"
health = "/readyz"
version = "/version"
deadline = "2m"
"""


def caller(image: str, database: Path) -> str:
    """The workflow of previews.md, with this kit, the registry and the database of the test."""
    guide = (places.REPOSITORY / "docs" / "how-to" / "previews.md").read_text()
    (text,) = re.findall(r"^```yaml\n(.*?)^```", guide, re.M | re.S)
    text, calls = re.subn(r"OWNER/slipway/(\S+)@0{40}", r"$/\1", text)
    ours = f"image: {image}"
    for old, new in (
        ("with: {upload-image: always}", f"with: {{{ours}, scan-database: {database}, upload-image: always}}"),
        ("    with:\n      digest:", f"    with:\n      {ours}\n      digest:"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    assert calls == 4
    return text


@dataclass
class Place:
    bench: Bench
    fake: FakeRender
    files: dict[str, str]
    before: Path | None = None  # what GitHub holds

    def run(self, action: str, change: str = "", *, fork: bool = False) -> Run:
        """What GitHub would start for pull request 7."""
        shop, sha = self.bench.shop({**self.files, "note.txt": change})
        held = json.loads(self.before.read_text()) if self.before else {"pulls": [7]}
        (shop.state / "github.json").write_text(json.dumps(held))
        self.before = shop.state / "github.json"
        text = caller(self.bench.image, self.bench.database)
        payload = events.pull_request(sha, fork=fork, name=self.bench.name) | {"action": action}
        granted = {"contents": "read"} if fork else {**WRITE, "pull-requests": "write"}
        secrets = {} if fork else {"RENDER_API_KEY": KEY}
        return shop.run(
            shop.caller(text), "pull_request", payload, sha, permissions=granted, secrets=secrets, timeout=240
        )

    def comments(self) -> list[dict[str, Any]]:
        assert self.before
        return list(json.loads(self.before.read_text()).get("comments", []))


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, registry: Registry, database: Path, files: dict[str, str]
) -> Iterator[Place]:
    provision.need(provision.go_tool, "act")
    bench = Bench(tmp_path_factory.mktemp("previews"), registry, database, free_port())
    engine = Engine(bench.name.replace("/", "-"), {})
    fake = FakeRender(Platform(engine, bench.image, step=0.2, health_seconds=20), KEY)
    fake.platform.health = "/readyz"
    settings = files["slipway.toml"] + SETTINGS.format(service=fake.service, api=fake.url)
    try:
        yield Place(bench, fake, {**files, "slipway.toml": settings})
    finally:
        fake.close()
        bench.end()


def test_from_a_pull_request_to_its_preview_and_away_again(place: Place) -> None:
    run = place.run("opened")
    assert {name: job.result for name, job in run.jobs.items()} == {
        "verify/verify": "success", "publish/publish": "success", "preview/preview": "success",
        "remove/preview": "skipped",
    }  # fmt: skip
    (preview,) = place.fake.previews
    assert preview.platform.live and place.fake.platform.deploys == []
    first = preview.platform.live.reference
    assert first.startswith(f"{place.bench.image}@sha256:")
    (comment,) = place.comments()
    assert comment["issue"] == 7 and f"(<{preview.platform.edge.url}>)" in comment["body"]
    assert first.rpartition(":")[2] in comment["body"]
    assert KEY not in json.dumps([job.text for job in run.jobs.values()])

    # A push: the same preview, the same comment.
    run = place.run("synchronize", "another version")
    assert run.jobs["preview/preview"].result == "success"
    assert place.fake.previews == [preview]
    second = preview.platform.live.reference
    assert second != first
    (again,) = place.comments()
    assert again["id"] == comment["id"] and second.rpartition(":")[2] in again["body"]

    # Closed: nothing is built, nothing stays.
    run = place.run("closed")
    assert (run.jobs["remove/preview"].result, run.jobs["verify/verify"].result) == ("success", "skipped")
    assert place.fake.previews == []
    (gone,) = place.comments()
    assert gone["id"] == comment["id"] and "was removed" in gone["body"]


def test_a_fork_gets_none(place: Place) -> None:
    place.before = None
    run = place.run("opened", fork=True)
    assert run.jobs["verify/verify"].result == "success"
    assert (run.jobs["publish/publish"].result, run.jobs["preview/preview"].result) == ("skipped", "skipped")
    assert place.fake.previews == [] and place.comments() == []


def test_what_it_asks_for_is_what_the_caller_grants() -> None:
    document = yaml_text.read(places.REPOSITORY / ".github" / "workflows" / "preview.yml")
    wanted = yaml_text.permissions(document, document["jobs"]["preview"])
    assert wanted == {"contents": "read", "packages": "read", "attestations": "read", "pull-requests": "write"}
