"""HTTP against real servers, good and bad."""

import asyncio
import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from slipway.tools import http


class Handler(BaseHTTPRequestHandler):
    """Says back what it was asked."""

    def do_GET(self) -> None:
        body = f"{self.command} {self.path} {self.headers.get('X-Ours', '')}".encode()
        self.send_response(503 if self.path.startswith("/ill") else 302 if self.path == "/moved" else 200)
        self.send_header("X-Mixed-Case", "Yes")
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_DELETE = do_GET

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body[::-1])

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """Have a server answer."""
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a good server."""
    one = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(one):
        yield f"http://127.0.0.1:{one.server_port}"


def test_an_answer(server: str) -> None:
    answer = http.request("GET", f"{server}/path?a=b%20c", headers={"X-Ours": "1"})
    assert (answer.status, answer.body) == (200, b"GET /path?a=b%20c 1")
    assert answer.headers["x-mixed-case"] == "Yes", "names in lower case"


def test_other_methods(server: str) -> None:
    assert http.request("HEAD", server).body == b""
    assert http.request("DELETE", f"{server}/x").body == b"DELETE /x "
    assert http.request("POST", server, body=b"abc").body == b"cba"


def test_an_error_status_is_an_answer_and_a_redirect_is_not_followed(server: str) -> None:
    """A health check that followed redirects would call a login page healthy."""
    assert http.request("GET", f"{server}/ill").status == 503
    assert http.request("GET", f"{server}/moved").status == 302


def test_json(server: str) -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        http.request("GET", server).json()
    assert http.Answer(200, {}, b'{"commit": "x"}').json() == {"commit": "x"}


def test_a_unix_socket(tmp_path: Path) -> None:
    class Server(socketserver.UnixStreamServer):
        def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
            return super().get_request()[0], ("local", 0)

    with serving(Server(str(tmp_path / "engine.sock"), Handler)):
        assert http.request("GET", f"unix://{tmp_path}/engine.sock:/info").body == b"GET /info "


def test_asked_from_a_loop_others_go_on(server: str) -> None:
    async def both() -> list[http.Answer]:
        return list(await asyncio.gather(*(http.arequest("GET", f"{server}/{n}") for n in range(5))))

    assert [a.body for a in asyncio.run(both())] == [f"GET /{n} ".encode() for n in range(5)]


def drip(connection: socket.socket) -> None:
    """A byte now and then, without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.05)


def flood(connection: socket.socket) -> None:
    """As many bytes as anybody takes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 1_000_000)


BAD: dict[str, Callable[[socket.socket], object]] = {
    "closes at once": lambda c: None,
    "is no HTTP": lambda c: c.sendall(b"220 smtp ready\r\n"),
    "cuts the body": lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    "sends a broken chunk": lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "sends endless heads": lambda c: c.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n"),
    "never answers": lambda c: time.sleep(1.5),
    "drips": drip,
    "floods": flood,
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_server_is_an_oserror_in_good_time(how: str) -> None:
    class Bad(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.recv(1000)
                BAD[how](self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    one = Server(("127.0.0.1", 0), Bad)
    begun = time.monotonic()
    with serving(one), pytest.raises(OSError):
        http.request("GET", f"http://127.0.0.1:{one.server_address[1]}/", timeout=0.5)
    assert time.monotonic() - begun < 2.5


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(OSError):
        http.request("GET", f"http://127.0.0.1:{port}/")
    with pytest.raises(OSError):
        http.request("GET", "unix:///nowhere.sock:/info")


@pytest.mark.parametrize("url", ["http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y", "http:///x", "http://a..b/"])
def test_a_url_that_is_none_is_an_oserror_too(url: str) -> None:
    with pytest.raises(OSError):
        http.request("GET", url, timeout=0.5)
