"""Two HTTP servers on loopback: the platform's API, and the address at which the app answers."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case
    body: Any  # of its JSON; None without

    @property
    def line(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Reply:
    """What it gets. None as the body is an empty one; bytes are sent as they are."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Dropped(Exception):
    """The connection ends without an answer."""


class Server:
    """Answers on 127.0.0.1 until it is closed.

    Args:
        answer: makes the reply, in a thread of the connection's own; raises Dropped to send none.
    """

    def __init__(self, answer: Callable[[Request], Reply]):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body, parts = self.rfile.read(length), urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(
                    self.command, parts.path, parse_qs(parts.query), headers, json.loads(body) if body else None
                )
                try:
                    reply = answer(request)
                except Dropped:
                    self.close_connection = True
                    return
                content = reply.body if isinstance(reply.body, bytes) else b""
                if reply.body is not None and not content:
                    content = json.dumps(reply.body).encode()
                self.send_response(reply.status)
                kind = {"Content-Type": "application/json; charset=utf-8"} if content else {}
                for name, value in {**kind, **reply.headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
