"""uv from the package index: which index, what is refused, and that no password is shown."""

import base64
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from machine import uv
from machine.say import NotReady

PROGRAM = b"\x7fELF the program"
TAG = "some_platform"
WHEEL = f"uv-{uv.VERSION}-py3-none-{TAG}.whl"


def wheel() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"uv-{uv.VERSION}.data/scripts/uv", PROGRAM)
    return buffer.getvalue()


class Index(BaseHTTPRequestHandler):
    """A package index whose answers a test sets by path."""

    answers: dict[str, bytes] = {}  # noqa: RUF012
    headers_seen: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.headers_seen.append(self.headers.get("Authorization"))
        body = self.answers.get(self.path)
        self.send_response(200 if body is not None else 404)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A running index with the wheel, which is also the one that is pinned; no uv and no pip settings here."""
    Index.answers = {
        "/simple/uv/": f'<a href="../../files/{WHEEL}#sha256=0">{WHEEL}</a>'.encode(),
        f"/files/{WHEEL}": wheel(),
    }
    Index.headers_seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://{host}/simple/")
    here = (uv.platform.system(), uv.platform.machine())
    monkeypatch.setattr(uv, "WHEELS", {here: (TAG, hashlib.sha256(wheel()).hexdigest())})
    yield host
    server.shutdown()


def test_the_pinned_wheel_is_unpacked(index: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uv.ensure(tmp_path)
    program = uv.folder(tmp_path) / "uv"
    assert program.read_bytes() == PROGRAM
    assert program.stat().st_mode & 0o777 == 0o755
    assert "fetching uv" in capsys.readouterr().err

    Index.answers = {}
    uv.ensure(tmp_path)
    assert capsys.readouterr().err == "", "the second time there is nothing to do or to say"


@pytest.mark.parametrize(
    "listing",
    [
        '<a href="http://HOST/files/WHEEL">x</a>',
        '<a href="/files/WHEEL#sha256=1">x</a>',
        "<a data-x='1' href='../../files/WHEEL'>x</a>",
        '{"files": [{"filename": "WHEEL", "url": "http://HOST/files/WHEEL"}]}',
        '{"files":[{"url":"../../files/WHEEL","filename":"WHEEL"}]}',
    ],
)
def test_indexes_answer_in_several_ways(index: str, tmp_path: Path, listing: str) -> None:
    Index.answers["/simple/uv/"] = listing.replace("HOST", index).replace("WHEEL", WHEEL).encode()
    uv.ensure(tmp_path)
    assert (uv.folder(tmp_path) / "uv").read_bytes() == PROGRAM


def test_a_changed_wheel_is_refused_and_not_kept(index: str, tmp_path: Path) -> None:
    Index.answers[f"/files/{WHEEL}"] = wheel() + b"x"
    with pytest.raises(NotReady, match=r"has SHA-256 .*, not"):
        uv.ensure(tmp_path)
    assert list(uv.folder(tmp_path).iterdir()) == []


def test_an_index_without_the_wheel(index: str, tmp_path: Path) -> None:
    Index.answers["/simple/uv/"] = b"<a href='uv-0.0.1.whl'>"
    with pytest.raises(NotReady, match="does not list uv-"):
        uv.ensure(tmp_path)


def test_a_password_is_sent_and_never_shown(index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://me:p%40ss@{index}/simple")
    uv.ensure(tmp_path)
    assert Index.headers_seen[0] == "Basic " + base64.b64encode(b"me:p@ss").decode()

    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://me:p%40ss@{index}/nothing")
    with pytest.raises(NotReady) as caught:
        uv.ensure(tmp_path / "other")
    assert "p%40ss" not in str(caught.value) and "p@ss" not in str(caught.value)
    assert f"http://{index}/nothing/uv/" in str(caught.value)


def test_the_order_of_settings(index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "home" / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text("[global]\nindex-url = https://file.example/simple/\n")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "mine=https://named.example/simple/")
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.example/simple")
    assert uv.index() == "https://named.example/simple"
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    assert uv.index() == "https://pip.example/simple"
    monkeypatch.delenv("PIP_INDEX_URL")
    assert uv.index() == "https://file.example/simple"
    file.write_text("no section\n")
    assert uv.index().startswith("https://"), "a broken pip.conf is pip's affair"


def test_a_uv_on_path_is_used_when_it_fits(index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    script = folder / "uv"
    script.write_text(f"#!/bin/sh\necho uv {uv.VERSION}\n")
    script.chmod(0o755)
    uv.ensure(tmp_path / "a")
    assert not (uv.folder(tmp_path / "a") / "uv").is_symlink(), "a script is a version manager's: slow"

    script.write_bytes(b"\x7fELF")
    shown = {"out": f"uv {uv.VERSION} (x)"}
    monkeypatch.setattr(uv.subprocess, "run", lambda *a, **k: uv.subprocess.CompletedProcess(a, 0, shown["out"], ""))
    uv.ensure(tmp_path / "b")
    assert (uv.folder(tmp_path / "b") / "uv").readlink() == script

    for other in ("uv 0.1.0", "uv 99.0.0", "something else"):
        shown["out"] = other
        uv.ensure(tmp_path / other)
        assert not (uv.folder(tmp_path / other) / "uv").is_symlink(), other


def test_a_platform_without_a_pin(index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv.platform, "machine", lambda: "riscv64")
    with pytest.raises(NotReady, match="on riscv64"):
        uv.ensure(tmp_path)


def test_a_ca_bundle_that_is_not_there(index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.crt"))
    with pytest.raises(NotReady, match=r"CA bundle .*none\.crt cannot be used"):
        uv.ensure(tmp_path)
