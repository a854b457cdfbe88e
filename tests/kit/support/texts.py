"""The files of the small project that the kit is tried on."""

SERVER = '''\
"""The smallest app with a health and a version; mode.txt makes it fail on purpose."""
import http.server, json, os, pathlib, sys

mode = pathlib.Path("mode.txt").read_text().strip()
if mode == "crash":
    sys.exit("crashed on purpose")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        commit = "another" if mode == "wrong" else os.environ["APP_COMMIT"]
        ill = mode == "ill" and not self.path.startswith("/livez")
        self.send_response(503 if ill else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"commit": commit, "mode": mode}).encode())

    def log_message(self, *_):
        pass


print("serving as", mode, flush=True)
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
'''

CHECK = '''\
"""Stands in for pytest, in a tenth of its time: one test, reported as pytest reports it."""
import pathlib, signal, sys, time

signal.signal(signal.SIGINT, signal.SIG_DFL)  # some clients hand it on: no traceback of this script then
print("check begins", flush=True)
mode = pathlib.Path("checks.txt").read_text().strip()
while mode == "hang":
    time.sleep(0.1)
failure = '<failure message="assert 1 == 2">x</failure>' if mode == "fail" else ""
pathlib.Path("/reports/junit.xml").write_text(
    '<testsuites><testsuite><testcase classname="tests.test_sum" name="test_adds" time="0.01">'
    + failure + "</testcase></testsuite></testsuites>"
)
sys.exit(1 if failure else 0)
'''

DOCKERFILE = """\
ARG PYTHON_IMAGE={PYTHON_IMAGE}
FROM ${{PYTHON_IMAGE}} AS base
WORKDIR /app
RUN install -d -m 1777 /reports
COPY server.py mode.txt ./
HEALTHCHECK --interval=1s --timeout=3s --retries=2 CMD ["python", "-ISc", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health')"]
EXPOSE 8000

FROM base AS test
COPY check.py checks.txt ./
USER 10001:10001
CMD ["python", "check.py"]

FROM base AS runtime
USER 10001:10001
CMD ["python", "server.py"]
ARG COMMIT=unknown
ENV APP_COMMIT=${{COMMIT}}
"""

STACK = """\
services:
  web:
    image: ${SLIPWAY_IMAGE:?the image to test}
    pull_policy: never
    init: true
    ports: ["127.0.0.1::8000"]
"""

INTEGRATION = """\
import urllib.request


def test_health(docker_ip, docker_services):
    port = docker_services.port_for("web", 8000)
    assert urllib.request.urlopen(f"http://{docker_ip}:{port}/health", timeout=5).status == 200
"""

SETTINGS = """\
[deploy.local]
health = "/health"
version = "/version"
timeout = "2s"
"""
