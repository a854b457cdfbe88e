"""gunicorn: every value with its reason. The numbers come from the environment (docs/reference/app.md)."""

import json
import mmap
import signal
import sys
import threading

from app.config import ConfigError, Settings

try:
    settings = Settings.from_env()
except ConfigError as error:
    # One line that says it all, before any worker is started and dies of it five times.
    print(json.dumps({"level": "critical", "logger": "config", "message": error.message}), flush=True)
    sys.exit(1)

wsgi_app = "app:create_app()"
bind = f"{settings.host}:{settings.port}"

# One process with threads: the container's share of a machine is not the machine's number of cores, and metrics,
# cache and connection pool need no second thought. More is had by more containers, or WEB_CONCURRENCY.
workers = settings.workers
worker_class = settings.worker_class
threads = settings.threads

# Workers prove that they live by touching a file. On a disk that touch can block; /dev/shm is memory, and writable
# where the root file system is not.
worker_tmp_dir = "/dev/shm"  # noqa: S108

# Off: it would be a socket in a home directory that this user does not have, on a disk that is read-only.
control_socket_disable = True

# A worker that is silent for this long is replaced (gthread: the whole worker, not one slow request).
timeout = settings.timeout
# Requests in flight at SIGTERM get this long. Must be shorter than the platform's grace (compose: 20 s) less the drain.
graceful_timeout = settings.graceful_seconds
# Longer than the idle time of a proxy in front, or the proxy re-uses a connection that is just being closed.
keepalive = settings.keepalive

# 0: never. A remedy for leaks that one cannot mend, at the price of a slow request now and then.
max_requests = settings.max_requests
max_requests_jitter = settings.max_requests // 10
# Faster and smaller with several workers; but then a HUP does not load new code.
preload_app = settings.preload

# Whose X-Forwarded-Proto is believed; everyone else's is ignored.
forwarded_allow_ips = settings.forwarded_allow_ips

# Everything to standard output, as JSON (a class: see there why not a format).
accesslog = errorlog = "-"
loglevel = settings.log_level
logger_class = "app.logs.GunicornLogger"

# A byte that master and workers share: not 0 once we are told to stop.
_draining = mmap.mmap(-1, 1)


def when_ready(server):
    """At SIGTERM /readyz turns 503 at once, so that a load balancer looks elsewhere; the listener stays open for
    WEB_DRAIN_SECONDS more (gunicorn alone closes it at once), then the usual graceful stop follows."""

    def drain(number, frame):
        _draining[0] = 1
        threading.Timer(settings.drain_seconds, server.signal, (number, frame)).start()

    signal.signal(signal.SIGTERM, drain)


def post_worker_init(worker):
    worker.wsgi.extensions["draining"] = _draining
