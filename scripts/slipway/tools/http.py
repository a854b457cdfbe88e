"""HTTP to places that answer in milliseconds: the engine's socket, a registry on this machine, the app's health."""

import asyncio
import http.client
import json
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

LONGEST = 16_000_000  # bytes of an answer


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return json.loads(self.body)


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket, as the engine speaks it."""

    def __init__(self, path: str, timeout: float):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def request(
    method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes | None = None, timeout: float = 5
) -> Answer:
    """Send one request and read the whole answer.

    Args:
        url: http://…, https://… or unix://SOCKET:/path.
        timeout: seconds to connect, then for the head of the answer, then for the whole of its body.

    Raises:
        OSError: nothing answers, or not in time, or more than anybody asked for.
    """
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "unix":
        path, _, target = url.removeprefix("unix://").partition(":")
        connection = _SocketConnection(path, timeout)
    else:
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=timeout)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body=body, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, _body(response, timeout))
    except (http.client.HTTPException, UnicodeError) as error:  # UnicodeError: a host that can be no name
        raise OSError(f"{url}: {type(error).__name__} {error}") from error
    finally:
        connection.close()


def _body(response: http.client.HTTPResponse, timeout: float) -> bytes:
    """The body; an app that sends a byte now and then, or without end, does not hold us."""
    end, body = time.monotonic() + timeout, b""
    while chunk := response.read1(65536):
        body += chunk
        if time.monotonic() > end or len(body) > LONGEST:
            raise TimeoutError("the answer does not end")
    if response.length:
        raise ConnectionError(f"the answer was cut: {response.length} bytes are missing")
    return body


async def arequest(method: str, url: str, **options: Any) -> Answer:
    """`request` in a thread, so that stages can overlap."""
    return await asyncio.to_thread(request, method, url, **options)
