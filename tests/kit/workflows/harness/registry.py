"""A registry that gives each token what its job's permissions name, and nothing more: GHCR's behaviour on loopback.

The real registry stands behind it, in a container. Every request is written down, so that a test can say that nothing
was pushed, or that tags came last. A token with `packages: read` pulls, one with `packages: write` pushes; no token,
nothing (the image is private). What lies below `public` anybody may pull, as the images that others build on.
"""

import base64
import contextlib
import http.client
import json
import re
import secrets
import subprocess
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from workflows.harness import tokens

LABEL = "slipway.test=act-registry"


@dataclass(frozen=True)
class Request:
    """One request as the registry saw it."""

    method: str
    path: str
    status: int


@dataclass
class Registry:
    """Call `end`; `host` is where it listens."""

    image: str
    public: str = "public/"
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = f"act-registry-{secrets.token_hex(4)}"
        command = ["docker", "run", "--detach", "--name", self.name, "--label", LABEL, "--publish", "127.0.0.1::5000"]
        subprocess.run([*command, "--tmpfs", "/var/lib/registry", self.image], check=True, capture_output=True)
        shown = subprocess.run(["docker", "port", self.name, "5000"], check=True, capture_output=True, text=True).stdout
        self.upstream = shown.split()[0]
        self.granted: dict[str, dict[str, str]] = {}  # bearer → permissions
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # The engine speaks TLS first; a TLS hello must be answered as HTTP for it to step down.
            default_request_version = "HTTP/1.1"

            def handle_any(self) -> None:
                outer.answer(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self._wait()

    def _wait(self) -> None:
        for _ in range(200):
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection(self.upstream, timeout=2)
                connection.request("GET", "/v2/")
                if connection.getresponse().status == 200:
                    return
            time.sleep(0.05)
        self.end()
        raise RuntimeError("the registry did not come up")

    def end(self) -> None:
        """Stops listening and removes the container."""
        self.server.shutdown()
        self.server.server_close()
        subprocess.run(["docker", "rm", "-fv", self.name], capture_output=True, check=False)

    def written(self) -> list[str]:
        """What was taken: manifests by tag or digest, in order."""
        return [
            r.path.rpartition("/")[2]
            for r in self.requests
            if r.method == "PUT" and "/manifests/" in r.path and r.status < 300
        ]

    def pulled(self, repository: str) -> list[str]:
        """What of a repository was sent to somebody: `manifests/…` and `blobs/…`, in order."""
        begin = f"/v2/{repository}/"
        return [
            r.path.removeprefix(begin)
            for r in self.requests
            if r.method == "GET" and r.path.startswith(begin) and r.status == 200
        ]

    def tags(self, repository: str) -> list[str]:
        """The tags of a repository, asked behind the door."""
        connection = http.client.HTTPConnection(self.upstream, timeout=10)
        connection.request("GET", f"/v2/{repository}/tags/list")
        return sorted(json.loads(connection.getresponse().read()).get("tags") or [])

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """One request: the token's own address, or the registry's after a look at the token."""
        body = _body(handler)
        status = 500
        try:
            take = self._token if handler.path.startswith("/token") else self._guarded
            status = take(handler, body)
        finally:
            self.requests.append(Request(handler.command, urlsplit(handler.path).path, status))

    def _token(self, handler: BaseHTTPRequestHandler, body: bytes) -> int:
        """Basic (or a form) in, a bearer out; every password that is a job's token is a good one."""
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        basic = base64.b64decode(handler.headers.get("Authorization", "Basic ").partition(" ")[2]).decode()
        permissions = tokens.permissions(form.get("password") or basic.partition(":")[2])
        if permissions is None:
            return _reply(handler, 401, {"errors": [{"code": "UNAUTHORIZED", "message": "bad credentials"}]})
        bearer = secrets.token_hex(16)
        self.granted[bearer] = permissions
        return _reply(handler, 200, {"token": bearer, "access_token": bearer, "expires_in": 300})

    def _guarded(self, handler: BaseHTTPRequestHandler, body: bytes) -> int:
        bearer = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        level = "read" if handler.command in ("GET", "HEAD") else "write"
        name = re.match(r"/v2/(.+?)/(manifests|blobs|tags|referrers)/", handler.path)
        if level == "read" and name and name[1].startswith(self.public):
            return self._forward(handler, body)
        if bearer not in self.granted:
            scope = f',scope="repository:{name[1]}:pull{",push" if level == "write" else ""}"' if name else ""
            challenge = f'Bearer realm="http://{self.host}/token",service="{self.host}"{scope}'
            return _reply(handler, 401, {"errors": [{"code": "UNAUTHORIZED"}]}, {"WWW-Authenticate": challenge})
        held = self.granted[bearer].get("packages", "none")
        if name and tokens.LEVELS[held] < tokens.LEVELS[level]:
            message = f"permission_denied: {level}_package: the job's token has packages: {held}"
            return _reply(handler, 403, {"errors": [{"code": "DENIED", "message": message}]})
        return self._forward(handler, body)

    def _forward(self, handler: BaseHTTPRequestHandler, body: bytes) -> int:
        connection = http.client.HTTPConnection(self.upstream, timeout=120)
        drop = {"authorization", "transfer-encoding", "content-length", "connection"}
        headers = {key: value for key, value in handler.headers.items() if key.lower() not in drop}
        connection.request(handler.command, handler.path, body, headers | {"Content-Length": str(len(body))})
        answer = connection.getresponse()
        content = answer.read()
        handler.send_response(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in ("transfer-encoding", "content-length", "connection"):
                handler.send_header(key, value)
        length = answer.getheader("Content-Length") if handler.command == "HEAD" else str(len(content))
        handler.send_header("Content-Length", length or "0")
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content)
        return answer.status


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if "chunked" not in handler.headers.get("Transfer-Encoding", ""):
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    parts = []
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        parts.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(parts)


def _reply(handler: BaseHTTPRequestHandler, status: int, body: object, headers: dict[str, str] | None = None) -> int:
    content = json.dumps(body).encode()
    handler.send_response(status)
    sent = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
    for key, value in {**sent, "Docker-Distribution-Api-Version": "registry/2.0"}.items():
        handler.send_header(key, value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(content)
    return status
