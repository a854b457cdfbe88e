"""The vulnerability database out of registries that fail in every known way, and what is kept of it."""

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trivydb
from click.testing import CliRunner
from database_faults import (
    CASES,
    MEDIA_TYPE,
    Case,
    Registry,
    at,
    digest,
    half,
    says,
    silence,
)

from slipway import cli
from slipway.errors import NotReady, UsageError
from slipway.tools import artifact, database, database_store
from slipway.tools.artifact import Limits
from slipway.tools.database_store import Database
from slipway.tools.trivy import Trivy, packages

SHORT = Limits(connect=5, silence=0.3, whole=20, pause=0, patience=2, compressed=10**9, unpacked=10_000_000)
BRIEF = Limits(connect=5, silence=5, whole=0.5, pause=0, patience=2)  # for what is never silent, and never done
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "cache" / "databases"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Callable[..., Registry]]:
    """Starts registries."""
    made: list[Registry] = []

    def start(updated: datetime | None = None) -> Registry:
        made.append(Registry(tmp_path / f"registry{len(made)}", updated))
        return made[-1]

    yield start
    for one in made:
        one.end()


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Database]:
    """Looks for the database in these repositories, in this order."""

    async def up(_: str) -> bool:
        return True

    monkeypatch.setattr(database, "reachable", up)

    def ask(*references: str, hours: float = 48, limits: Limits = SHORT, pull: bool = False) -> Database:
        monkeypatch.setattr(database, "REPOSITORIES", references)
        do = database.pull if pull else database.find
        return asyncio.run(do("auto", tmp_path, tmp_path / "log", hours, limits=limits))

    return ask


def folders(home: Path) -> list[str]:
    """The databases that are kept."""
    return sorted(path.name for path in home.glob("db-*"))


def limits(case: Case) -> Limits:
    return BRIEF if case.words == "not done within" else SHORT


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_alone(case: Case, registry: Callable[..., Registry], ask: Callable[..., Database], home: Path) -> None:
    """Said by name and reason; what is kept stays, and nothing half done."""
    faulty = registry()
    case.spoil(faulty)
    asked = case.asked(faulty)
    if case.alone != "degraded":
        found = ask(asked, limits=limits(case))
        assert not found.current(48)
        return
    with pytest.raises(NotReady) as raised:
        ask(asked, limits=limits(case))
    assert str(raised.value).startswith(f"{asked}: ")
    assert case.words in str(raised.value)
    assert str(raised.value).isprintable()
    assert folders(home) == [], "nothing half loaded stays"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_and_then_a_good_one(
    case: Case, registry: Callable[..., Registry], ask: Callable[..., Database], home: Path
) -> None:
    faulty, good = registry(), registry()
    case.spoil(faulty)
    found = ask(case.asked(faulty), good.reference, limits=limits(case))
    assert (found.source, found.digest) == (good.reference, digest(good.layer))
    assert {p.name: p.read_bytes() for p in (found.cache / "db").iterdir()} == good.files
    assert folders(home) == [found.cache.name]


def test_every_name_is_of_one_case() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_an_old_database_survives_what_fails(
    registry: Callable[..., Registry], ask: Callable[..., Database], home: Path, tmp_path: Path
) -> None:
    """Within its limit it is used; beyond, it is still there, and the scan is degraded."""
    good = registry(datetime.now(UTC) - timedelta(hours=30))
    old = ask(good.reference)
    at("all", silence)(good)
    assert ask(good.reference) == old
    with pytest.raises(NotReady, match="silent for"):
        ask(good.reference, hours=20)
    assert folders(home) == [old.cache.name]
    assert f"{good.reference}: manifest: silent for" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(("hours", "again"), [(1, False), (23, False), (25, True), (-2, True)])
def test_the_last_download_serves_for_half_its_time(
    registry: Callable[..., Registry], ask: Callable[..., Database], hours: float, again: bool
) -> None:
    first, second = registry(datetime.now(UTC) - timedelta(hours=hours)), registry()
    kept = ask(first.reference)
    assert ask(second.reference) == (kept if not again else database_store.kept("auto"))
    assert bool(second.asked) is again


def test_the_newest_of_stale_ones_is_kept(registry: Callable[..., Registry], ask: Callable[..., Database]) -> None:
    now = datetime.now(UTC)
    older, newer, ahead = registry(now - 9 * DAY), registry(now - 5 * DAY), registry(now + 9 * DAY)
    found = ask(older.reference, newer.reference, ahead.reference)
    assert found.source == newer.reference
    assert not found.current(48)
    assert ask(older.reference, ahead.reference) == found, "an older one does not take its place"
    good = registry(now)
    assert ask(older.reference, good.reference).source == good.reference


def test_the_same_layer_is_not_downloaded_again(
    registry: Callable[..., Registry], ask: Callable[..., Database]
) -> None:
    good = registry(datetime.now(UTC) - timedelta(hours=30))
    first = ask(good.reference)
    assert ask(good.reference) == first
    assert (len(good.paths("manifests")), len(good.paths("blobs"))) == (2, 1)
    fresh = ask(good.reference, pull=True)
    assert fresh.cache != first.cache, "pull believes nothing that is kept"
    assert len(good.paths("blobs")) == 2
    assert (first.cache / "db" / "trivy.db").is_file(), "a run may be scanning with it"


def test_what_nothing_uses_any_more_goes(
    registry: Callable[..., Registry], ask: Callable[..., Database], home: Path
) -> None:
    good = registry()
    old, half_done = ask(good.reference).cache, home / "db-killed"
    half_done.mkdir()
    for path in (old, half_done):
        os.utime(path, times=(time.time() - 7 * 3600,) * 2)
    assert folders(home) == [old.name, half_done.name] or folders(home) == [half_done.name, old.name]
    new = ask(good.reference, pull=True).cache
    assert folders(home) == [new.name]


def test_different_settings_keep_different_databases(
    registry: Callable[..., Registry], ask: Callable[..., Database], tmp_path: Path
) -> None:
    ours, theirs = registry(), registry()
    auto = ask(ours.reference)
    named = asyncio.run(database.find(theirs.reference, tmp_path, tmp_path / "log", 48, SHORT))
    assert (auto.source, named.source) == (ours.reference, theirs.reference)
    assert ask(ours.reference) == auto


def test_two_runs_at_once_download_once(registry: Callable[..., Registry], tmp_path: Path) -> None:
    good = registry()

    async def both() -> list[Database]:
        finds = [database.find(good.reference, tmp_path, tmp_path / "log", 48, SHORT) for _ in range(4)]
        return await asyncio.gather(*finds)

    found = asyncio.run(both())
    assert len(set(found)) == 1
    assert len(good.paths("blobs")) == 1


def test_who_cancels_waits_for_no_server(registry: Callable[..., Registry], tmp_path: Path, home: Path) -> None:
    slow = registry()
    at("blobs", half(silence))(slow)

    async def cancelled() -> None:
        task = asyncio.create_task(database.find(slow.reference, tmp_path, tmp_path / "log", 48, Limits(silence=600)))
        while not slow.paths("blobs"):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert folders(home) == []
    assert not slow.over.is_set()


def test_by_digest(registry: Callable[..., Registry], tmp_path: Path) -> None:
    good = registry()
    pinned = f"{good.host}/trivy-db@{digest(good.manifest)}"
    assert asyncio.run(database.find(pinned, tmp_path, tmp_path / "log", 48, SHORT)).source == pinned


def test_the_anonymous_token(registry: Callable[..., Registry], ask: Callable[..., Database]) -> None:
    good = registry()
    good.token = "anonymous"
    assert ask(good.reference).source == good.reference
    assert good.paths("token") == ["/token?service=here&scope=repository%3Atrivy-db%3Apull"]
    sent = [headers.get("Authorization") for path, headers in good.asked if "/token" not in path]
    assert sent == [None, "Bearer anonymous", "Bearer anonymous"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_hands_no_token_to_another_host(
    registry: Callable[..., Registry], ask: Callable[..., Database], status: int
) -> None:
    good, store = registry(), registry()
    store.layer, good.token = good.layer, "anonymous"
    place = f"http://{store.host.replace('127.0.0.1', 'localhost')}/blobs/1"
    good.faults["blobs"] = says(status, Location=place)
    assert ask(good.reference).digest == digest(good.layer)
    assert [path for path, _ in store.asked] == ["/blobs/1"]
    assert "Authorization" not in store.asked[0][1]


class Waits(threading.Event):
    """Notes how long it was to wait, and waits not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        return False


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("told", "waited"), [({}, 1), ({"Retry_After": "7"}, 7), ({"Retry_After": "0"}, 1), ({"Retry_After": "soon"}, 1)]
)
def test_a_busy_registry_is_asked_again_when_it_says(
    registry: Callable[..., Registry], status: int, told: dict[str, str], waited: int
) -> None:
    busy, stop = registry(), Waits()
    busy.faults["all"] = says(status, **told)
    with pytest.raises(OSError, match=str(status)):
        artifact.Registry(artifact.reference(busy.reference, "2"), Limits(), stop).layer(MEDIA_TYPE)
    assert stop.seconds == [waited, waited]
    assert len(busy.asked) == 3


def test_busy_once_is_no_fault(registry: Callable[..., Registry], ask: Callable[..., Database]) -> None:
    good = registry()

    def once(handler: Any) -> None:
        del good.faults["manifests"]
        handler.answer(503, headers={"Retry-After": "0"})

    good.faults["manifests"] = once
    assert ask(good.reference).source == good.reference


def test_other_registries_are_asked_by_https(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(self: Any, request: Any, *_: Any, **__: Any) -> Any:
        asked.append(request.full_url)
        raise OSError("not now")

    monkeypatch.setattr(artifact.urllib.request.OpenerDirector, "open", refuse)
    for name in (*database.REPOSITORIES, "localhost:5000/acme/trivy-db", "[::1]:5000/trivy-db:3"):
        with pytest.raises(OSError, match="not now"):
            artifact.Registry(artifact.reference(name, "2"), Limits(), threading.Event()).layer(MEDIA_TYPE)
    assert asked == [
        "https://mirror.gcr.io/v2/aquasec/trivy-db/manifests/2",
        "https://ghcr.io/v2/aquasecurity/trivy-db/manifests/2",
        "http://localhost:5000/v2/acme/trivy-db/manifests/2",
        "http://[::1]:5000/v2/trivy-db/manifests/3",
    ]


def test_the_proxy_of_the_environment(
    registry: Callable[..., Registry], ask: Callable[..., Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets what goes out (here it refuses that), and nothing for this machine's own registries."""
    good = registry()
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://{good.host}")
    assert ask("registry.invalid/acme/trivy-db:2", good.reference).source == good.reference
    assert all(path.startswith("/v2/trivy-db/") for path, _ in good.asked)
    with pytest.raises(NotReady, match="Tunnel connection failed: 501"):
        ask("registry.invalid/acme/trivy-db:2", pull=True)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate of nobody's for registry.invalid, and a server's side of it."""
    path = tmp_path / "certificate.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -addext subjectAltName=DNS:registry.invalid"
    subprocess.run(
        ["openssl", *words.split(), "-keyout", tmp_path / "key.pem", "-out", path], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, tmp_path / "key.pem")
    return path, context


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl, to make a certificate")
def test_certificates_are_verified(
    registry: Callable[..., Registry],
    ask: Callable[..., Database],
    monkeypatch: pytest.MonkeyPatch,
    certificate: tuple[Path, ssl.SSLContext],
) -> None:
    """Against the machine's, or those of SSL_CERT_FILE, which networks that look into TLS set."""
    good = registry()
    path, good.tls = certificate
    monkeypatch.setenv("https_proxy", f"http://{good.host}")
    with pytest.raises(NotReady, match="CERTIFICATE_VERIFY_FAILED"):
        ask("registry.invalid/trivy-db:2")
    assert [asked for asked, _ in good.asked] == ["registry.invalid:443"]
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert ask("registry.invalid/trivy-db:2").digest == digest(good.layer)
    with pytest.raises(NotReady, match="CERTIFICATE_VERIFY_FAILED"):
        ask("another.invalid/trivy-db:2", pull=True)


@pytest.mark.parametrize(
    "setting", ["a/b", "ghcr.io/acme/db@sha256:12", "ghcr.io/acme/db:ta g", "ghcr.io/acme/d b:2", "ghcr.io/acme/db:2@x"]
)
def test_a_setting_that_is_no_reference(tmp_path: Path, setting: str) -> None:
    with pytest.raises(UsageError):
        asyncio.run(database.find(setting, tmp_path, tmp_path / "log", 48))


# The commands


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`slipway db …` in a project of its own."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)

    def call(*words: str, setting: str = "auto") -> Any:
        (project / "slipway.toml").write_text(f'[scan]\ndatabase = "{setting}"\n')
        return CliRunner().invoke(cli.main, ["db", *words, "-C", str(project)])

    return call


def test_pull_and_status(registry: Callable[..., Registry], command: Callable[..., Any]) -> None:
    good = registry(datetime.now(UTC) - timedelta(hours=3))
    nothing = command("status")
    assert nothing.exit_code == 3
    assert "no vulnerability database here (auto)" in nothing.output

    pulled = command("pull", "--from", good.reference)
    assert pulled.exit_code == 0, pulled.output
    for words in (f"source   {good.reference}", digest(good.layer), "age      3 h, the limit is 48 h", "MB"):
        assert words in pulled.output
    assert command("status").output == pulled.output

    told = json.loads(command("status", "--json").output)
    assert told["source"] == good.reference
    assert told["digest"] == digest(good.layer)
    assert told["usable"] is True
    assert 3 <= told["age_hours"] < 3.1
    assert told["size"] == len(good.files["trivy.db"])


def test_pull_says_what_was_tried_and_what_mends_it(
    registry: Callable[..., Registry], command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = registry()
    bad.faults["all"] = says(403)
    failed = command("pull", setting=bad.reference)
    assert failed.exit_code == 3
    assert f"cannot be had: {bad.reference}: manifest: 403 Forbidden." in failed.output
    assert "slipway db pull --from PATH" in failed.output
    unreachable = command("pull", "--from", "127.0.0.1:1/db:2")
    assert unreachable.exit_code == 3
    assert "127.0.0.1:1/db:2: manifest: Connection refused" in unreachable.output


@pytest.mark.parametrize(("hours", "words"), [(72, "STALE: the limit is 48 h"), (-5, "dated in the future")])
def test_a_database_that_no_scan_uses_is_not_ready(
    registry: Callable[..., Registry], command: Callable[..., Any], hours: int, words: str
) -> None:
    bad = registry(datetime.now(UTC) - timedelta(hours=hours))
    for done in (command("pull", "--from", bad.reference), command("status")):
        assert done.exit_code == 3
        assert words in done.output


@pytest.mark.parametrize("shape", ["folder", "files"])
def test_what_was_brought_may_go_again(tmp_path: Path, command: Callable[..., Any], shape: str) -> None:
    brought = trivydb.write(tmp_path / "usb")
    source = brought if shape == "folder" else brought / "db"
    assert command("pull", "--from", str(source)).exit_code == 0
    shutil.rmtree(brought)
    done = command("status")
    assert done.exit_code == 0
    assert f"source   {source}" in done.output
    assert "a folder, which nothing vouches for" in done.output


def test_what_is_named_on_the_command_line_lies_where_one_stands(
    tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trivydb.write(tmp_path / "usb")
    monkeypatch.chdir(tmp_path)
    assert command("pull", "--from", "usb").exit_code == 0


def test_pulled_from_elsewhere_means_auto(tmp_path: Path, command: Callable[..., Any]) -> None:
    brought = trivydb.write(tmp_path / "usb")
    refused = command("pull", "--from", str(brought), setting="ghcr.io/acme/trivy-db:2")
    assert refused.exit_code == 2
    assert "scans use that, whatever is pulled from elsewhere" in refused.output
    assert command("status", setting=str(brought)).exit_code == 0
    assert command("pull", setting=str(brought)).exit_code == 0
    assert command("pull", setting="./nowhere").exit_code == 2


def test_the_real_scanner_finds_with_what_was_downloaded(
    registry: Callable[..., Registry], ask: Callable[..., Database], tmp_path: Path, trivy: Path
) -> None:
    good = registry()
    good.token = "anonymous"
    found = ask(good.reference)
    part = {"type": "library", "name": "gunicorn", "version": "20.1.0", "purl": "pkg:pypi/gunicorn@20.1.0"}
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [part]}
    report = asyncio.run(Trivy(trivy, found.cache, tmp_path / "log").examine(document, 60))
    assert [package["Name"] for package in packages(report)] == ["gunicorn"]
    assert "CVE-2024-1135" in {v["VulnerabilityID"] for r in report["Results"] for v in r["Vulnerabilities"]}
