"""The image's health check: `python -I -S probe.py [PATH]`, 20 ms, no shell, no curl. Anything but a 200 fails it."""

import os
import socket
import sys

path = sys.argv[1] if len(sys.argv) > 1 else "/livez"
try:
    with socket.create_connection(("127.0.0.1", int(os.environ.get("PORT") or 8000)), timeout=2) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = connection.recv(64)
except OSError as error:
    sys.exit(str(error))
print(answer.partition(b"\r\n")[0].decode("ascii", "replace"))
sys.exit(answer.split(b" ")[1:2] != [b"200"])
