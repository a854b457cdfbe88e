"""HTTP to places that answer in milliseconds: the engine's socket, a registry on this machine, the app's health."""

import asyncio
import http.client
import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


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
        timeout: seconds for each step (connect, read), not for the whole.

    Raises:
        OSError: nothing answers, or not in time.
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
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    except http.client.HTTPException as error:
        raise OSError(f"{url}: {type(error).__name__} {error}") from error
    finally:
        connection.close()


async def arequest(method: str, url: str, **options: Any) -> Answer:
    """`request` in a thread, so that stages can overlap."""
    return await asyncio.to_thread(request, method, url, **options)
