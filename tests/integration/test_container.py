import json
import subprocess
import threading
import time
from collections.abc import Callable

import pytest
from conftest import docker, until

WRITE = """
import errno, os, sys
assert os.getuid() == os.getgid() == 10001, os.getuid()
for folder in ("/", "/app", "/venv", "/usr/local/bin", "/root", "/var", "/home"):
    try:
        open(os.path.join(folder, "written"), "w")
    except OSError as error:
        assert error.errno in (errno.EROFS, errno.EACCES), error
    else:
        sys.exit(f"{folder} is writable")
try:
    open("/app/written", "w")
except OSError as error:
    assert error.errno == errno.EROFS, error
open("/tmp/written", "w").close()
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, status["CapBnd"]
assert status["NoNewPrivs"].strip() == "1"
"""


def test_not_root_and_nothing_to_write_to(container):
    docker("exec", container("web"), "python", "-c", WRITE)


def test_what_ships_has_no_tools_to_build_with(container):
    for tool in ("uv", "gcc", "curl", "pytest"):
        done = subprocess.run(["docker", "exec", container("web"), tool, "--version"], capture_output=True, timeout=60)
        assert done.returncode in (126, 127), f"{tool} is in the image"


def test_only_the_app_can_be_reached(container):
    for service in ("db", "cache"):
        assert docker("port", container(service)) == ""


def test_every_line_is_json(client, container, docker_ip):
    forged = 'x\\", "status": 500, "y": "'
    client.get("/", headers={"User-Agent": forged, "X-Request-ID": "log-test"})
    client.get("/not/there")
    client.get("/", headers={"Host": "evil.example\\"})
    logs = subprocess.run(["docker", "logs", container("web")], capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in logs.stdout.splitlines()]
    (mine,) = [line for line in lines if line.get("request_id") == "log-test"]
    assert (mine["agent"], mine["status"], mine["path"]) == (forged, 200, "/")
    assert logs.stderr == ""


def test_drains_answers_what_is_in_flight_and_comes_back(another):
    web = another(APP_FAIL="slow", APP_SLOW_SECONDS="1.5", WEB_DRAIN_SECONDS="60")
    web.ready()
    answers = []
    in_flight = threading.Thread(target=lambda: answers.append(web.get("/").status_code))
    in_flight.start()
    time.sleep(0.2)
    docker("kill", "--signal=TERM", web.name)
    until(lambda: web.get("/readyz").json()["failed"] == ["draining"])  # while the door is still open
    docker("kill", "--signal=TERM", web.name)  # a second one: enough drained
    in_flight.join()
    assert answers == [200]
    assert docker("wait", web.name) == "0"
    docker("start", web.name)
    web.ready()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, ["DATABASE_URL: missing", "SECRET_KEY: missing"]),
        (
            {"SECRET_KEY": "weak", "PORT": "http", "WEB_THREADS": "0"},
            ["WEB_THREADS:", "DATABASE_URL: missing", "SECRET_KEY:", "PORT:"],
        ),
    ],
)
def test_it_says_all_that_is_wrong_in_one_line_and_ends(image, given, named):
    variables = [f"--env={name}={value}" for name, value in given.items()]
    done = subprocess.run(["docker", "run", "--rm", *variables, image], capture_output=True, text=True, timeout=60)
    (line,) = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (1, "")
    said = [part.strip() for part in json.loads(line)["message"].splitlines()[1:]]
    assert [one.startswith(start) for one, start in zip(said, named, strict=True)] == [True] * len(named), said


@pytest.fixture
def alone(image, docker_compose_project_name):
    """The image by itself with its own health check, only asked more often."""
    label = f"--label=com.docker.compose.project={docker_compose_project_name}"  # goes with the stack in any case
    quick = ["--health-interval=100ms", "--health-start-period=1ms", "--health-retries=2"]
    plain = ["--env=APP_ENV=development", "--env=DATABASE_URL=sqlite:////tmp/x.sqlite3", "--tmpfs=/tmp"]
    started = []

    def start(fail: str) -> Callable[[], tuple[str, str]]:
        name = docker(
            "run", "--detach", "--init", "--read-only", label, *quick, *plain, f"--env=APP_FAIL={fail}", image
        )
        started.append(name)
        return lambda: health(name)

    yield start
    docker("rm", "--force", *started)


def health(name: str) -> tuple[str, str]:
    state = json.loads(docker("inspect", "--format", "{{json .State.Health}}", name))
    return state["Status"], (state["Log"] or [{"Output": ""}])[-1]["Output"].strip()


def test_the_health_check_fails_when_the_app_is_ill_and_only_then(alone):
    ill, unready = alone("livez"), alone("readyz")
    until(lambda: ill() == ("unhealthy", "HTTP/1.0 503 SERVICE UNAVAILABLE"))
    until(lambda: unready() == ("healthy", "HTTP/1.0 200 OK"))
