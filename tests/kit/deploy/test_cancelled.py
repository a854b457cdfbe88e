"""A job that is cancelled in the middle of a deploy to a platform: the version before is proven to run, or the way back
is named. The step is that of deploy.yml or of the deploy action, signalled as GitHub's runner does it."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from platforms import KEY, Apps, serving
from support import Project, docker, until
from support.step import CANCELLED, COMPOSITE, IMPATIENT, KILLED, WORKFLOW, Step, script

from slipway.deploy import record
from slipway.deploy.fakes.platform import Platform
from slipway.deploy.fakes.render import FakeRender
from slipway.deploy.fakes.server import Reply, Request
from slipway.pipeline import folder
from slipway.stages.deploy import REVISION

pytestmark = pytest.mark.engine
WORKFLOW_STEP = (WORKFLOW, script("workflows/deploy.yml", "slipway deploy"))
ACTION_STEP = (COMPOSITE, script("actions/deploy/action.yml", "slipway deploy"))
SETTINGS = """\
[deploy.production]
target = "render"
service = "{service}"
api = "{api}"
health = "/readyz"
version = "/version"
timeout = "30s"
"""


@dataclass
class Shop:
    """A project of which two versions are published, and a Render that runs the older one."""

    project: Project
    old: str
    new: str
    versions: dict[str, str]
    apps: Apps = field(default_factory=Apps)
    hold: threading.Event = field(default_factory=threading.Event)  # a cancellation is answered when it is set

    def begin(self) -> None:
        self.apps.apps = {one: serving(version) for one, version in self.versions.items()}
        self.hold.set()
        self.platform = Platform(self.apps, f"{self.project.repository}:main", step=0.01, health_seconds=5)
        self.platform.health = "/readyz"
        self.fake = FakeRender(self.platform, KEY)
        inner = self.fake.answer

        def answer(request: Request) -> Reply:
            if request.path.endswith("/cancel"):
                self.hold.wait(60)
            return inner(request)

        self.fake.answer = answer  # type: ignore[method-assign]
        self.project.write("slipway.toml", SETTINGS.format(service=self.fake.service, api=self.fake.url))
        self.platform.create(self.old, "manual")
        until(lambda: self.serves == self.old, "the old version runs")

    @property
    def serves(self) -> str:
        return self.platform.live.reference if self.platform.live else ""

    def deploy(self, shell: tuple[str, ...], text: str) -> Step:
        variables = {
            "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_OUTPUT": str(self.output),
            "ENVIRONMENT": "production",
            "IMAGE": self.new, "PROVENANCE": "never", "RENDER_API_KEY": KEY,
        }  # fmt: skip
        return Step(self.project, text, shell, variables)

    @property
    def output(self) -> Path:
        return self.project.root.with_suffix(".output")

    def record(self) -> record.Record:
        """The one record of the deploy."""
        state = self.project.root / ".slipway"
        with folder.locked(state):  # nobody holds the project
            (one,) = record.read(state)
        (state / record.NAME).unlink()
        return one


@pytest.fixture(scope="module")
def published(
    tmp_path_factory: pytest.TempPathFactory, base_images: dict[str, str], registry_port: int, database: Path
) -> Iterator[Shop]:
    project = Project.make(tmp_path_factory.mktemp("shop"), base_images, registry_port, database, {})
    project.replace("Dockerfile", "ENV APP_COMMIT", f"LABEL {REVISION}=${{COMMIT}}\nENV APP_COMMIT")
    versions = {}
    for note in ("old", "new"):
        project.write("note.txt", f"{project.root.name} {note}")
        skipped = [word for stage in ("lint", "test", "scan", "integration") for word in ("--skip", stage)]
        done = project.run("publish", *skipped)
        assert done.code == 0, done.text
        reference = done.record["image"]["reference"]
        label = docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{REVISION}"}}}}', reference)
        versions[reference] = label.stdout.strip()
    old, new = versions
    yield Shop(project, old, new, versions)
    assert project.end() == []


@pytest.fixture
def shop(published: Shop) -> Iterator[Shop]:
    published.begin()
    yield published
    published.hold.set()
    published.platform.stuck = ""
    published.fake.close()
    published.output.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("when", "step", "how"),
    [("starting", WORKFLOW_STEP, CANCELLED), ("verifying", ACTION_STEP, IMPATIENT)],
    ids=["starting", "verifying"],
)
def test_the_version_before_is_proven_to_run(shop: Shop, when: str, step: Any, how: Any) -> None:
    if when == "starting":
        shop.platform.stuck = "starting"
    else:
        shop.apps.apps[shop.new] = serving("another")
    running = shop.deploy(*step)
    log = shop.project.root / ".slipway/latest/deploy.log"
    if when == "starting":
        running.until(lambda: shop.platform.deploys[-1].status == "starting", "the deploy is under way")
    else:
        running.until(lambda: log.exists() and "verifying" in log.read_text(), "the new version is asked")
    done = running.signal(how)
    assert (done.code, done.record["status"]) == (130, "cancelled"), done.text
    assert shop.serves == shop.old
    assert not [deploy for deploy in shop.platform.deploys if deploy.status == "starting"]
    one = shop.record()
    assert (one.reference, one.result, one.previous) == (shop.new, "kept-old", shop.old)
    assert one.reason == "interrupted; the version before runs"
    stage = done.stage("deploy")
    assert (stage["status"], stage["facts"]["result"]) == ("cancelled", "kept-old")
    assert "kept-old" in shop.output.read_text()
    assert f"::warning title=deploy::interrupted: undoing the deploy. If that is cut short: {back(shop)}" in done.out
    assert shop.project.left() == []


def back(shop: Shop) -> str:
    """The command that brings the old version back."""
    return f"slipway rollback production {shop.old.rpartition('@')[2]}"


def test_killed_before_it_is_undone(shop: Shop) -> None:
    """Ten seconds after the first signal the runner kills: what is known is on record by then, and the command that is
    named brings the version before back."""
    shop.platform.stuck = "starting"
    shop.hold.clear()
    running = shop.deploy(*WORKFLOW_STEP)
    running.until(lambda: shop.platform.deploys[-1].status == "starting", "the deploy is under way")
    done = running.signal(KILLED)
    assert (done.code, done.record["status"], done.record["exit_code"]) == (-9, "cancelled", 130), done.text
    one = shop.record()
    assert (one.result, one.previous) == ("needs-human", shop.old)
    assert one.reason == "interrupted, and ended before it was known what runs"
    (named,) = re.findall(r"If that is cut short: slipway (.*)", done.out)
    assert f"slipway {named}" == back(shop)
    shop.platform.stuck = ""
    until(lambda: shop.serves == shop.new, "nobody cancelled the deploy")
    done = shop.project.call(*named.split(), RENDER_API_KEY=KEY)
    assert (done.code, shop.serves) == (0, shop.old), done.text
    assert shop.record().result == "live"


def test_not_seen_to_run_again(shop: Shop) -> None:
    """The version before is asked, not only the platform."""
    shop.platform.stuck = "starting"
    shop.project.replace("slipway.toml", '"30s"', '"1s"')
    running = shop.deploy(*WORKFLOW_STEP)
    running.until(lambda: shop.platform.deploys[-1].status == "starting", "the deploy is under way")
    shop.apps.apps[shop.old] = serving("broken", 503)
    done = running.signal(CANCELLED)
    assert (done.code, done.record["status"]) == (130, "cancelled"), done.text
    one = shop.record()
    assert one.result == "needs-human"
    assert one.reason.startswith("interrupted, and the version before did not come back: /readyz answers 503")
    assert f"; back to the version before: {back(shop)}" in done.stage("deploy")["fix"]
    assert f"::error title=deploy::needs-human: {one.reason}" in done.out
