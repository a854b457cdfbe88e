"""GitHub's API with the job's token, and what a step asserts of its answers."""

import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """One expectation."""

    what: str
    wrong: str = ""  # why it does not hold; empty: it does


class Stop(Exception):
    """Nothing more can be asserted."""


class Api:
    """GitHub's API below this repository, with the job's token."""

    def __init__(self) -> None:
        self._root = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}"

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and body of one answer."""
        return send(method, self._root + path, f"Bearer {os.environ['GH_TOKEN']}", body)

    def get(self, path: str) -> Any:
        """What is there, as JSON; a server's moment of weakness is waited for."""
        for pause in (5, 15, 0):
            status, body = self.ask("GET", path)
            if status < 500:
                break
            time.sleep(pause)
        if status != 200:
            raise Stop(f"GET {path}: HTTP {status} {body[:300].decode(errors='replace')}")
        return json.loads(body)


def send(method: str, url: str, authorization: str, body: Any = None) -> tuple[int, bytes]:
    """One request; an answer that is an error is an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Accept": "application/vnd.github+json"}, method=method)
    # Logs are on another host: the token must not follow the redirect.
    request.add_unredirected_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        return 599, str(error).encode()
