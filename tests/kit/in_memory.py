"""A platform in memory, and an app that answers over real HTTP."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from platforms import Answer, serving

from slipway.deploy.target import Attempt

OLD, NEW = (f"localhost:5001/shop@sha256:{c * 64}" for c in "01")


class App:
    """A platform: it runs one reference at a time, each with its own behaviour, at a real port."""

    def __init__(self) -> None:
        self.running = OLD
        self.apps: dict[str, Answer] = {OLD: serving("old"), NEW: serving("new")}
        self.calls: list[str] = []
        self.attempts: dict[str, Any] = {}  # reference → Attempt, or what is raised
        self.diagnosis: Any = "last line of the app"
        self.refuse: Exception | None = None
        self.delay = 0.0
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if app.running not in app.apps:
                    self.close_connection = True
                    return
                status, body = app.apps[app.running](self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"

    where = ""
    patience = 0.0
    newer = ""

    async def preflight(self) -> list[str]:
        self.calls.append("preflight")
        if self.refuse:
            raise self.refuse
        return []

    async def before(self) -> str:
        return ""

    async def superseded(self) -> str:
        return self.newer

    async def abandon(self, previous: str) -> None:
        await (self.deploy(previous, migrate=False) if previous else self.stop())

    async def current(self) -> str:
        return self.running

    async def deploy(self, reference: str, *, migrate: bool) -> Attempt:
        name = "old" if reference == OLD else "new"
        self.calls.append(f"deploy {name}{' migrate' if migrate else ''}")
        await asyncio.sleep(self.delay)
        attempt = self.attempts.get(reference, Attempt(True))
        if isinstance(attempt, Exception):
            raise attempt
        if attempt.traffic_moved:
            self.running = reference
        self.calls.append(f"{name} is up")
        return attempt  # type: ignore[no-any-return]

    async def stop(self) -> bool:
        await asyncio.sleep(self.delay)
        self.calls.append("stop")
        self.running = ""
        return True

    async def diagnose(self) -> str:
        self.calls.append("diagnose")
        if isinstance(self.diagnosis, Exception):
            raise self.diagnosis
        return str(self.diagnosis)
