"""How a registry is spoken to: tokens, redirects, patience, proxies, certificates."""

import asyncio
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from database_faults import (
    MEDIA_TYPE,
    SHORT,
    Registry,
    digest,
    half,
    hang_up,
    reset,
    says,
    silence,
)

from slipway.errors import NotReady, UsageError
from slipway.tools import artifact, database
from slipway.tools.artifact import Limits
from slipway.tools.database_store import Database


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


@pytest.mark.parametrize("place", ["manifests", "blobs", "token"])
@pytest.mark.parametrize("breaks", [reset, hang_up])
def test_a_connection_that_breaks_once_is_no_fault(
    registry: Callable[..., Registry], ask: Callable[..., Database], place: str, breaks: Callable[[Any], None]
) -> None:
    good = registry()
    good.token = "anonymous"

    def once(handler: Any) -> None:
        del good.faults[place]
        (half(breaks) if place == "blobs" else breaks)(handler)

    good.faults[place] = once
    assert ask(good.reference).digest == digest(good.layer)
    assert len(good.paths(place)) == {"manifests": 3, "blobs": 2, "token": 2}[place], "a manifest is asked for a token"


@pytest.mark.parametrize("place", ["manifests", "blobs"])
def test_a_connection_that_breaks_each_time_is_given_up(registry: Callable[..., Registry], place: str) -> None:
    """After longer and longer pauses, and not before."""
    torn, stop = registry(), Waits()
    torn.faults[place] = reset
    asked = artifact.Registry(artifact.reference(torn.reference, "2"), Limits(), stop)
    with pytest.raises(ConnectionResetError):
        asked.blob(asked.layer(MEDIA_TYPE), Path("/dev/null"))
    assert stop.seconds == [1, 2]
    assert len(torn.paths(place)) == 3


@pytest.mark.parametrize("fault", [says(403), says(200, b"<html>"), silence])
def test_an_answer_and_silence_are_no_broken_connections(
    registry: Callable[..., Registry], fault: Callable[[Any], None]
) -> None:
    other, stop = registry(), Waits()
    other.faults["manifests"] = fault
    with pytest.raises((OSError, ValueError)):
        artifact.Registry(artifact.reference(other.reference, "2"), SHORT, stop).layer(MEDIA_TYPE)
    assert (stop.seconds, len(other.asked)) == ([], 1)


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
