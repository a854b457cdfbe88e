"""The image's health check must fail whenever the app is not well: each way is tried."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

PROBE = Path(__file__).parents[2] / "app" / "probe.py"


def probe(port: int, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(PROBE), *args]
    return subprocess.run(command, env=os.environ | {"PORT": str(port)}, capture_output=True, text=True, timeout=60)


@pytest.fixture
def answering():
    """A server that gives one answer, byte for byte, and keeps what it was asked."""
    sockets, asked = [], []

    def start(answer: bytes) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)

        def serve():
            connection, _ = listener.accept()
            asked.append(connection.recv(1024))
            connection.sendall(answer)
            connection.close()

        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1]

    start.asked = asked
    yield start
    for listener in sockets:
        listener.close()


def test_a_200_passes(answering):
    done = probe(answering(b"HTTP/1.1 200 OK\r\n\r\n"))
    assert (done.returncode, done.stdout) == (0, "HTTP/1.1 200 OK\n")
    assert answering.asked[0].startswith(b"GET /livez HTTP/1.0\r\nHost: localhost\r\n")


def test_another_path(answering):
    probe(answering(b"HTTP/1.1 200 OK\r\n\r\n"), "/readyz")
    assert answering.asked[0].startswith(b"GET /readyz ")


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 503 X\r\n\r\n", b"HTTP/1.1 301 X\r\nLocation: /200 \r\n\r\n", b"", b"nonsense", b"200 OK\r\n"]
)
def test_anything_else_fails(answering, answer):
    assert probe(answering(answer)).returncode == 1


def test_nobody_listening_fails():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        done = probe(unused.getsockname()[1])
    assert (done.returncode, done.stderr) == (1, "[Errno 111] Connection refused\n")
