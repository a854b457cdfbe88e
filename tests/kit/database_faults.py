"""Every way in which a registry is known to fail with Trivy's database: what it does, and what Slipway says.

`CASES` is what tests go through, and what may be printed. The registry is real, on 127.0.0.1, and each case spoils one
thing of a good one.
"""

import gzip
import hashlib
import io
import json
import socket
import ssl
import struct
import tarfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import trivydb

from slipway.tools.artifact import Limits

MEDIA_TYPE = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
SHORT = Limits(connect=5, silence=0.3, whole=20, pause=0, patience=2, compressed=10**9, unpacked=10_000_000)
BRIEF = Limits(connect=5, silence=5, whole=0.5, pause=0, patience=2)  # for what is never silent, and never done
OCI = "application/vnd.oci.image.manifest.v1+json"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def packed(*entries: tuple[str, bytes], link: str = "") -> bytes:
    """A tar of these files, compressed; with `link`, a symbolic link called trivy.db comes first."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        if link:
            info = tarfile.TarInfo("trivy.db")
            info.type, info.linkname = tarfile.SYMTYPE, link
            tar.addfile(info)
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), 1)


class Registry:
    """A registry that has one database, until `end`; `faults` answer in its place."""

    def __init__(self, folder: Path, updated: datetime | None = None):
        made = trivydb.write(folder, updated=updated) / "db"
        self.files = {name: (made / name).read_bytes() for name in ("trivy.db", "metadata.json")}
        self.layer = packed(*self.files.items())
        self.named: dict[str, Any] = {}  # what the manifest says of its layer, where that is not the truth
        self.layers = 1
        self.faults: dict[str, Callable[[Handler], None]] = {}  # manifests, blobs, token or all
        self.token = ""  # wanted where it is set
        self.tls: ssl.SSLContext | None = None  # of the hosts that it leads to as a proxy
        self.asked: list[tuple[str, dict[str, str]]] = []  # path and headers
        self.over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, self))
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def reference(self) -> str:
        return f"{self.host}/trivy-db:2"

    @property
    def manifest(self) -> bytes:
        layer = {"mediaType": MEDIA_TYPE, "digest": digest(self.layer), "size": len(self.layer)} | self.named
        config = {"mediaType": "application/vnd.aquasec.trivy.config.v1+json", "digest": digest(b"{}"), "size": 2}
        told = {"schemaVersion": 2, "mediaType": OCI, "config": config, "layers": [layer] * self.layers}
        return json.dumps(told).encode()

    def paths(self, kind: str) -> list[str]:
        """What was asked for of one kind: manifests, blobs or token."""
        return [path for path, _ in self.asked if kind in path]

    def end(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    """Answers as the registry's faults say, else well."""

    protocol_version = "HTTP/1.1"

    def __init__(self, registry: Registry, *args: Any):
        self.registry = registry
        super().__init__(*args)

    def do_GET(self) -> None:
        registry = self.registry
        registry.asked.append((self.path, dict(self.headers)))
        kind = next((k for k in ("manifests", "blobs", "token") if f"/{k}" in self.path), "all")
        if fault := registry.faults.get("all") or registry.faults.get(kind):
            return fault(self)
        if kind == "token":
            return self.answer(200, json.dumps({"token": registry.token}).encode())
        if registry.token and self.headers.get("Authorization") != f"Bearer {registry.token}":
            realm = f'Bearer realm="http://{registry.host}/token",service="here",scope="repository:trivy-db:pull"'
            return self.answer(401, headers={"WWW-Authenticate": realm})
        self.answer(200, registry.manifest if kind == "manifests" else registry.layer)

    def do_CONNECT(self) -> None:
        """As a proxy: whatever the host, it is this registry that answers, behind TLS."""
        if not self.registry.tls:
            return self.answer(501)
        self.registry.asked.append((self.path, dict(self.headers)))
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            self.connection = self.registry.tls.wrap_socket(self.connection, server_side=True)
        except OSError:  # it was not believed
            self.close_connection = True
            return
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False

    def answer(self, status: int, body: bytes = b"", size: int | None = None, headers: Any = ()) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if size is None else size))
            for name, value in dict(headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            pass
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


# What a registry may do, at one of its places.


def says(status: int, body: bytes = b"", **headers: str) -> Callable[[Handler], None]:
    return lambda handler: handler.answer(status, body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def error(status: int, code: str) -> Callable[[Handler], None]:
    return says(status, json.dumps({"errors": [{"code": code}]}).encode())


def redirect(place: Callable[[Handler], str]) -> Callable[[Handler], None]:
    return lambda handler: handler.answer(307, headers={"Location": place(handler)})


def reset(handler: Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def hang_up(handler: Handler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def silence(handler: Handler) -> None:
    handler.registry.over.wait(30)
    handler.close_connection = True


def half(then: Callable[[Handler], None]) -> Callable[[Handler], None]:
    def fault(handler: Handler) -> None:
        layer = handler.registry.layer
        handler.answer(200, layer[: len(layer) // 2], size=len(layer))
        then(handler)

    return fault


def endless(handler: Handler) -> None:
    """A byte now and then: never silent, never done."""
    handler.answer(200, b"", size=10**9)
    try:
        while not handler.registry.over.wait(0.02):
            handler.wfile.write(b"x")
    except OSError:
        pass


def changed(handler: Handler) -> None:
    layer = bytearray(handler.registry.layer)
    layer[len(layer) // 2] ^= 1
    handler.answer(200, bytes(layer))


def at(place: str, fault: Callable[[Handler], None]) -> Callable[[Registry], None]:
    return lambda registry: registry.faults.__setitem__(place, fault)


def holds(make: Callable[[Registry], bytes]) -> Callable[[Registry], None]:
    """Another layer, which the manifest names truly."""
    return lambda registry: setattr(registry, "layer", make(registry))


def metadata(**values: Any) -> Callable[[Registry], None]:
    def spoil(registry: Registry) -> None:
        told = json.loads(registry.files["metadata.json"]) | values
        registry.layer = packed(("trivy.db", registry.files["trivy.db"]), ("metadata.json", json.dumps(told).encode()))

    return spoil


def wants_a_token(fault: Callable[[Handler], None]) -> Callable[[Registry], None]:
    def spoil(registry: Registry) -> None:
        registry.token = "anonymous"
        registry.faults["token"] = fault

    return spoil


def named(**values: Any) -> Callable[[Registry], None]:
    return lambda registry: registry.named.update(values)


def bearer(realm: str) -> Callable[[Handler], None]:
    return says(401, WWW_Authenticate=f'Bearer realm="{realm}",service="here"')


def _unpinned(registry: Registry) -> str:
    return registry.reference


def _closed(registry: Registry) -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}/trivy-db:2"


@dataclass(frozen=True)
class Case:
    """One fault."""

    name: str
    does: str  # what the registry does
    words: str  # what Slipway says of it
    spoil: Callable[[Registry], None] = lambda _: None
    asked: Callable[[Registry], str] = _unpinned  # the reference that Slipway is given
    # What comes of the scan where there is no other repository. `degraded`: there is no database at all.
    alone: Literal["degraded", "stale", "future"] = "degraded"


def _files(registry: Registry, *names: str) -> list[tuple[str, bytes]]:
    return [(name, registry.files[name]) for name in names]


BOTH = ("trivy.db", "metadata.json")
ONLY = "only trivy.db and metadata.json may be in it"
CASES = (
    Case("refused", "nothing listens", "Connection refused", asked=_closed),
    Case("unknown host", "its name is not known", "manifest: ", asked=lambda _: "registry.invalid/acme/trivy-db:2"),
    Case("404 all", "404 at every path", "manifest: 404 Not Found", at("all", says(404))),
    Case("404 manifest", "404 MANIFEST_UNKNOWN", "404 Not Found (MANIFEST_UNKNOWN)",
         at("manifests", error(404, "MANIFEST_UNKNOWN"))),
    Case("401 without a way", "401, no WWW-Authenticate", "it wants credentials", at("all", says(401))),
    Case("401 Basic", "401, wants a password", "it wants credentials",
         at("all", says(401, WWW_Authenticate='Basic realm="here"'))),
    Case("401 for ever", "401 with its own token as well", "401 Unauthorized",
         lambda registry: (wants_a_token(says(200, b'{"token": "t"}'))(registry),
                           at("manifests", lambda h: bearer(f"http://{h.registry.host}/token")(h))(registry))[0]),
    Case("token 500", "the token's place answers 500", "token: 500 Internal Server Error", wants_a_token(says(500))),
    Case("token 404", "the token's place is not there", "token: 404 Not Found", wants_a_token(says(404))),
    Case("token HTML", "the token's place answers HTML", "the answer holds no token",
         wants_a_token(says(200, b"<html>"))),
    Case("token empty", "the token's place answers {}", "the answer holds no token", wants_a_token(says(200, b"{}"))),
    Case("token two lines", "the token holds a line break", "the answer holds no token",
         wants_a_token(says(200, b'{"token": "a\\r\\nX-Evil: 1"}'))),
    Case("token silent", "the token's place never answers", "token: silent for", wants_a_token(silence)),
    Case("token without TLS", "the token's place is http elsewhere", "which is not https",
         at("all", bearer("http://registry.invalid/token"))),
    Case("token in a file", "the token's place is a file", "which is not https",
         at("all", bearer("file:///etc/passwd"))),
    Case("403", "403 DENIED", "403 Forbidden (DENIED)", at("all", error(403, "DENIED"))),
    Case("HTML", "HTML with status 200: a captive portal", "not a manifest", at("all", says(200, b"<html>"))),
    Case("not HTTP", "it speaks another protocol", "manifest: ",
         at("all", lambda handler: handler.wfile.write(b"SSH-2.0-x\r\n\r\n") and hang_up(handler))),
    Case("reset", "the connection is reset", "Connection reset", at("all", reset)),
    Case("hung up", "the connection is closed without an answer", "closed connection without response",
         at("all", hang_up)),
    Case("429", "429, no Retry-After", "429 Too Many Requests", at("all", says(429))),
    Case("429 later", "429, Retry-After: 0 each time", "429 Too Many Requests", at("all", says(429, Retry_After="0"))),
    Case("429 much later", "429, Retry-After: 3600", "it asks to come back in 3600 s",
         at("all", says(429, Retry_After="3600"))),
    Case("500", "500", "500 Internal Server Error", at("all", says(500))),
    Case("500 manifest", "500 for the manifest alone", "manifest: 500", at("manifests", says(500))),
    Case("503", "503", "503 Service Unavailable", at("all", says(503))),
    Case("503 a date", "503, Retry-After in 2099", "it asks to come back in",
         at("all", says(503, Retry_After="Thu, 01 Jan 2099 00:00:00 GMT"))),
    Case("silent", "it accepts and never answers", "manifest: silent for", at("all", silence)),
    Case("endless manifest", "a manifest without end", "manifest: the answer is longer than",
         at("manifests", says(200, b"x" * 5_000_000))),
    Case("null", "the manifest is null", "not a manifest", at("manifests", says(200, b"null"))),
    Case("deep", "the manifest is nested without end", "not a manifest", at("manifests", says(200, b"[" * 200_000))),
    Case("an index", "an index of manifests", "not a manifest",
         at("manifests", says(200, json.dumps({"schemaVersion": 2, "manifests": []}).encode()))),
    Case("wrong layer type", "the layer is an image's", "its layer is 'application/vnd.oci.image.layer.v1.tar+gzip'",
         named(mediaType="application/vnd.oci.image.layer.v1.tar+gzip")),
    Case("two layers", "two layers", "it has 2 layers, not one", lambda registry: setattr(registry, "layers", 2)),
    Case("no layer", "no layer", "it has 0 layers, not one", lambda registry: setattr(registry, "layers", 0)),
    Case("a path for a digest", "the layer's digest is ../../../x", "no SHA-256 digest", named(digest="../../../x")),
    Case("huge", "the layer says it has a terabyte", "no SHA-256 digest or no size up to", named(size=10**12)),
    Case("another digest", "asked for by digest, it answers with another manifest", "not the digest that was asked for",
         asked=lambda registry: f"{registry.host}/trivy-db@sha256:{'0' * 64}"),
    Case("blob unknown", "the layer: 404 BLOB_UNKNOWN", "layer: 404 Not Found (BLOB_UNKNOWN)",
         at("blobs", error(404, "BLOB_UNKNOWN"))),
    Case("blob 404", "the layer: plain 404", "layer: 404 Not Found", at("blobs", says(404))),
    Case("blob 503", "the layer: 503", "layer: 503 Service Unavailable", at("blobs", says(503))),
    Case("blob changed", "the layer: one bit is another", "layer: changed on its way", at("blobs", changed)),
    Case("blob cut", "half of the layer, then the end", "layer: cut: ", at("blobs", half(hang_up))),
    Case("blob short", "half of the layer, called the whole", "layer: cut: ",
         at("blobs", lambda h: h.answer(200, h.registry.layer[: len(h.registry.layer) // 2]))),
    Case("blob long", "the layer, and more", "layer: longer than",
         at("blobs", lambda h: h.answer(200, h.registry.layer * 2))),
    Case("blob silent", "half of the layer, then silence", "layer: silent for", at("blobs", half(silence))),
    Case("blob reset", "half of the layer, then a reset", "layer: ", at("blobs", half(reset))),
    Case("blob endless", "a byte of the layer now and then", "not done within", at("blobs", endless)),
    Case("redirect without TLS", "the layer is sent for to http elsewhere", "which is not https",
         at("blobs", redirect(lambda _: "http://registry.invalid/blob"))),
    Case("redirect in a circle", "the layer is sent for to itself", "layer: ",
         at("blobs", redirect(lambda handler: handler.path))),
    Case("not gzip", "the layer is no gzip", "unpacking: Not a gzipped file", holds(lambda _: b"x" * 2000)),
    Case("gzip cut", "the layer's gzip ends early", "unpacking: Compressed file ended",
         holds(lambda registry: registry.layer[:-12])),
    Case("not tar", "the layer is no tar", "unpacking: ", holds(lambda _: gzip.compress(b"x" * 20000))),
    Case("../", "an entry ../evil", f"it holds '../evil': {ONLY}",
         holds(lambda registry: packed(("../evil", b"x"), *_files(registry, *BOTH)))),
    Case("absolute", "an entry /tmp/evil", f"it holds '/tmp/evil': {ONLY}",
         holds(lambda registry: packed(*_files(registry, *BOTH), ("/tmp/evil", b"x")))),
    Case("symlink", "trivy.db is a link to /etc/passwd", f"it holds 'trivy.db': {ONLY}",
         holds(lambda registry: packed(*_files(registry, "metadata.json"), link="/etc/passwd"))),
    Case("twice", "trivy.db twice", f"it holds 'trivy.db': {ONLY}",
         holds(lambda registry: packed(*_files(registry, "trivy.db", *BOTH)))),
    Case("a bomb", "trivy.db has more bytes than may be", "'trivy.db' has 20000000 bytes; at most",
         holds(lambda registry: packed(("trivy.db", bytes(20_000_000)), *_files(registry, "metadata.json")))),
    Case("a bomb in a header", "a header of the tar has 20 MB", "bytes; at most 1000000 are unpacked",
         holds(lambda _: gzip.compress(_long_header()))),
    Case("only trivy.db", "no metadata.json", "it holds no metadata.json",
         holds(lambda registry: packed(*_files(registry, "trivy.db")))),
    Case("only metadata.json", "no trivy.db", "it holds no trivy.db",
         holds(lambda registry: packed(*_files(registry, "metadata.json")))),
    Case("version 1", "metadata.json says version 1", "does not say version 2", metadata(Version=1)),
    Case("no date", "metadata.json has no date", "UpdatedAt",
         holds(lambda registry: packed(*_files(registry, "trivy.db"), ("metadata.json", b'{"Version": 2}')))),
    Case("2019", "the data are of 2019", "h old, the limit is",
         metadata(UpdatedAt="2019-01-01T00:00:00Z"), alone="stale"),
    Case("2099", "the data are of 2099", "dated in the future",
         metadata(UpdatedAt="2099-01-01T00:00:00Z"), alone="future"),
)  # fmt: skip


def _long_header() -> bytes:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 20_000_000
    return info.tobuf(tarfile.USTAR_FORMAT) + bytes(info.size)
