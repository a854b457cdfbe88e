"""A registry that misbehaves: enough of the protocol for `docker push`, and one fault."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FORBIDDEN = b'{"errors": [{"code": "DENIED", "message": "permission_denied: write_package"}]}'


class FakeRegistry:
    """Listens on 127.0.0.1 until `end`.

    fault: "gone" breaks every connection once a push has begun, and refuses new ones; "frozen" accepts uploads and
    never answers; "forbids" answers uploads as ghcr.io does a token without `packages: write`; "deaf" never answers
    anything but /v2/; "liar" takes all and names another digest.
    """

    def __init__(self, fault: str):
        self.fault = fault
        self.tags: dict[str, str] = {}
        self.pushing = threading.Event()
        self._free = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            default_request_version = "HTTP/1.1"  # a TLS hello is answered as HTTP: then the engine steps down to it

            def do_GET(self) -> None:
                if self.path != "/v2/" and outer.fault == "deaf":
                    outer.pushing.set()
                    outer._free.wait(60)
                self._answer(200 if self.path == "/v2/" else 404)

            def do_HEAD(self) -> None:
                if outer.fault == "deaf":
                    outer.pushing.set()
                    outer._free.wait(60)
                tag = self.path.rpartition("/")[2]
                if "/manifests/" in self.path and tag in outer.tags:
                    return self._answer(200, {"Docker-Content-Digest": "sha256:" + "0" * 64})
                self._answer(404)

            def do_POST(self) -> None:
                outer.pushing.set()
                if outer.fault == "gone":
                    outer.server.socket.close()
                    self.close_connection = True
                    self.connection.close()
                    return
                if outer.fault == "frozen":
                    outer._free.wait(60)
                if outer.fault == "forbids":
                    return self._answer(403, {"Content-Type": "application/json"}, FORBIDDEN)
                self._answer(202, {"Location": f"{self.path}session"})

            def do_PATCH(self) -> None:
                self._body()
                self._answer(202, {"Location": self.path})

            def do_PUT(self) -> None:
                body = self._body()
                if "/manifests/" in self.path:
                    outer.tags[self.path.rpartition("/")[2]] = self.path
                self._answer(201, {"Docker-Content-Digest": f"sha256:{hashlib.sha256(body).hexdigest()}"})

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                whole = b""
                while size := int(self.rfile.readline(), 16):
                    whole += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return whole

            def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
                try:
                    self.send_response(status)
                    for name, value in (headers or {}).items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            self.server.serve_forever(poll_interval=0.05)
        except (OSError, ValueError):  # its socket was closed: the registry is gone
            pass

    def end(self) -> None:
        self._free.set()
        if self._thread.is_alive():
            self.server.shutdown()
        self.server.server_close()
