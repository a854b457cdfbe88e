"""gunicorn: every variable and every value with its reason. Ranges and defaults are in docs/reference/app.md too."""

import json
import mmap
import signal
import sys
import threading
from dataclasses import dataclass

from gunicorn.glogging import Logger

from app.config import ConfigError, Settings, choice, flag, number, variable
from app.logs import JsonFormatter, request_id


@dataclass(frozen=True, kw_only=True)
class Server(Settings):
    # All addresses: a container that listens on loopback only cannot be reached.
    host: str = variable("HOST", "0.0.0.0")  # noqa: S104
    port: int = variable("PORT", "8000", number(1, 65535))
    # One process with threads (of Settings): the container's share of a machine is not the machine's number of cores,
    # and metrics, cache and connection pool need no second thought. More is had by more containers.
    workers: int = variable("WEB_CONCURRENCY", "1", number(1, 64))
    worker_class: str = variable("WEB_WORKER_CLASS", "gthread", choice("gthread", "sync"))
    # A worker that is silent for this long is replaced (with gthread the whole worker, not one slow request).
    timeout: int = variable("WEB_TIMEOUT", "30", number(1, 3600))
    # Requests in flight at SIGTERM get this long. Drain + graceful must stay below the platform's grace.
    graceful: int = variable("WEB_GRACEFUL_SECONDS", "10", number(0, 3600))
    # How long /readyz says 503 before the listener closes. 0 where nobody balances load by it.
    drain: float = variable("WEB_DRAIN_SECONDS", "0", number(0, 3600, float))
    # Longer than the idle time of a proxy in front, or the proxy re-uses a connection that is just being closed.
    keepalive: int = variable("WEB_KEEPALIVE", "5", number(0, 3600))
    # 0: never. A remedy for leaks that one cannot fix, at the price of a slow request now and then.
    max_requests: int = variable("WEB_MAX_REQUESTS", "0", number(0, 10**9))
    # Faster and smaller with several workers; but then a HUP does not load new code.
    preload: bool = variable("WEB_PRELOAD", "0", flag)


try:
    server = Server.from_env()
    if "boot" in server.fail:
        raise ConfigError(["APP_FAIL=boot: refusing to start, as asked"])
except ConfigError as error:
    # One line that says it all, before any worker is started and dies of it.
    print(json.dumps({"level": "critical", "logger": "config", "message": error.message}), flush=True)
    sys.exit(1)

wsgi_app = "app:create_app()"
bind = f"{server.host}:{server.port}"
workers, threads, worker_class = server.workers, server.threads, server.worker_class
timeout, graceful_timeout, keepalive = server.timeout, server.graceful, server.keepalive
# The jitter keeps workers that were born together from ending together.
max_requests, max_requests_jitter = server.max_requests, server.max_requests // 10
preload_app = server.preload

# Workers prove that they live by touching a file. On a disk that touch can block; /dev/shm is memory, and writable
# where the root file system is not.
worker_tmp_dir = "/dev/shm"  # noqa: S108

# Off: it would be a socket in a home directory that this user does not have, on a disk that is read-only.
control_socket_disable = True


class JsonLogger(Logger):
    """JSON too. A class and not a format string: a header with a quote in it would break or forge a formatted line."""

    def setup(self, cfg):
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            if handler := self._get_gunicorn_handler(log):
                handler.setFormatter(JsonFormatter())
                handler.setStream(sys.stdout)

    def access(self, resp, req, environ, request_time):
        status = int(str(resp.status).split(None, 1)[0])
        if environ["PATH_INFO"] in ("/livez", "/readyz") and status < 400:
            return  # a line every few seconds that says nothing happened
        fields = {
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "status": status,
            "milliseconds": round(request_time.total_seconds() * 1000, 1),
            "bytes": getattr(resp, "sent", None),
            "client": environ.get("REMOTE_ADDR"),
            "agent": environ.get("HTTP_USER_AGENT"),
            "request_id": request_id(environ),
        }
        self.access_log.info("%s %s", fields["method"], fields["path"], extra={"fields": fields})


# Everything to standard output.
accesslog = errorlog = "-"
loglevel = server.log_level
logger_class = JsonLogger

# A byte that master and workers share: not 0 once we are told to stop.
_draining = mmap.mmap(-1, 1)


def when_ready(arbiter):
    """At SIGTERM /readyz turns 503 at once, so that a load balancer looks elsewhere; the listener stays open for
    WEB_DRAIN_SECONDS more (gunicorn alone closes it at once), then the usual graceful stop follows. A second SIGTERM
    ends the wait."""

    def drain(number, frame):
        wait = 0 if _draining[0] else server.drain
        _draining[0] = 1
        timer = threading.Timer(wait, arbiter.signal, (number, frame))
        timer.daemon = True  # or the wait that was cut short would hold up the end
        timer.start()

    signal.signal(signal.SIGTERM, drain)


def post_worker_init(worker):
    worker.wsgi.extensions["draining"] = _draining
