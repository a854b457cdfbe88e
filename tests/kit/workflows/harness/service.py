"""GitHub's artifact and cache services, as GitHub's own clients ask for them: ArtifactService v4 and CacheService v2.

The contract is the twirp code in `@actions/artifact` 6.2.1 and `@actions/cache` 5.0.5, and what Azure's client inside
them does with a signed address. Everything lies in a state folder in the stand-ins' form (standin/artifacts.py), so
that a test reads it, and spoils it: another digest or `expires` in the past in a `meta.json`, or a file
`storage-is-full`, which ends every upload as GitHub's quota does.
"""

import base64
import hashlib
import itertools
import json
import re
import secrets
import shutil
import threading
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Fields = Mapping[str, Any]


class Refused(Exception):
    """A twirp error: the HTTP status, the code and the message of the answer."""


@dataclass
class Service:
    """One service for the runs of one state folder, listening on the loopback interface until `end`."""

    state: Path

    def __post_init__(self) -> None:
        self.signature = secrets.token_hex(8)
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                outer.answer(self)

            do_GET = do_HEAD = do_POST = do_PUT = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.methods: dict[str, Callable[[Fields, str], Fields]] = {
            "github.actions.results.api.v1.ArtifactService/CreateArtifact": self._create,
            "github.actions.results.api.v1.ArtifactService/FinalizeArtifact": self._finalize,
            "github.actions.results.api.v1.ArtifactService/ListArtifacts": self._list,
            "github.actions.results.api.v1.ArtifactService/GetSignedArtifactURL": self._signed,
            "github.actions.results.api.v1.ArtifactService/DeleteArtifact": self._delete,
            "github.actions.results.api.v1.CacheService/CreateCacheEntry": self._reserve,
            "github.actions.results.api.v1.CacheService/FinalizeCacheEntryUpload": self._saved,
            "github.actions.results.api.v1.CacheService/GetCacheEntryDownloadURL": self._restore,
        }

    def environment(self, run: str, attempt: str) -> dict[str, str]:
        """What the runner tells an action of the services; the token names the run and the attempt."""
        claims = json.dumps({"scp": f"Actions.Results:{run}.{attempt}:job"}).encode()
        token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b"{}", claims, b"x"))
        return {
            "ACTIONS_RESULTS_URL": self.url, "ACTIONS_RUNTIME_TOKEN": token, "ACTIONS_CACHE_SERVICE_V2": "true",
            "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
        }  # fmt: skip

    def end(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request: a twirp call, or a blob by its signed address."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        address = urlsplit(handler.path)
        if not address.path.startswith("/twirp/"):
            self._blob(handler, address.path, parse_qs(address.query), body)
            return
        try:
            with self.lock:
                scope = _scope(handler.headers.get("Authorization", ""))
                method = self.methods.get(address.path.removeprefix("/twirp/"))
                if not method:
                    raise Refused(404, "bad_route", f"no handler for path {address.path}")
                status, answer = 200, method(json.loads(body), scope)
        except Refused as refused:
            status, code, message = refused.args
            answer = {"code": code, "msg": message}
        _reply(handler, status, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _artifacts(self, run: str) -> list[dict[str, Any]]:
        """The finished artifacts of a run that have not expired, those of all its attempts."""
        files = (self.state / "artifacts" / run.partition(".")[0]).glob("*/meta.json")
        found = [json.loads(file.read_text()) for file in files]
        now = datetime.now(UTC).isoformat()
        return sorted((one for one in found if one.get("expires", "9") > now), key=lambda one: int(one["id"]))

    def _create(self, asked: Fields, run: str) -> Fields:
        if (self.state / "storage-is-full").exists():
            raise Refused(403, "resource_exhausted", "insufficient usage to create artifact")
        if any(one["name"] == asked["name"] and _attempt(one) == run.partition(".")[2] for one in self._artifacts(run)):
            message = "an artifact with this name already exists on the workflow run"
            raise Refused(409, "already_exists", message)
        folder = self.state / "artifacts" / run.partition(".")[0]
        # GitHub's ids do not grow with time: the lowest that is free.
        number = next(n for n in itertools.count(1001) if not (folder / str(n)).exists())
        place = folder / str(number)
        place.mkdir(parents=True)
        held = {"id": number, "name": asked["name"], "attempt": run.partition(".")[2]}
        if asked.get("expires_at"):
            held["expires"] = asked["expires_at"]
        (place / "pending.json").write_text(json.dumps(held))
        return {"ok": True, "signed_upload_url": self._sign(place / "a.zip")}

    def _finalize(self, asked: Fields, run: str) -> Fields:
        for file in (self.state / "artifacts" / run.partition(".")[0]).glob("*/pending.json"):
            held = json.loads(file.read_text())
            if (held["name"], held["attempt"]) != (asked["name"], run.partition(".")[2]):
                continue
            archive = file.with_name("a.zip")
            if archive.stat().st_size != int(asked["size"]):
                raise Refused(400, "invalid_argument", f"size {asked['size']} is not that of the blob")
            held["digest"] = asked["hash"].removeprefix("sha256:")
            file.with_name("meta.json").write_text(json.dumps(held))
            file.unlink()
            expires = datetime.fromisoformat(held["expires"]) - datetime.now(UTC) if "expires" in held else None
            days = str(round(expires.total_seconds() / 86400)) if expires else ""
            with zipfile.ZipFile(archive) as opened:
                count = len(opened.namelist())
            entry = {"upload": held["name"], "id": held["id"], "files": count, "retention-days": days}
            self._record("artifacts", entry)
            return {"ok": True, "artifact_id": str(held["id"])}
        raise Refused(404, "not_found", f"no artifact {asked['name']} was created")

    def _list(self, asked: Fields, run: str) -> Fields:
        found = self._artifacts(run)
        if "name_filter" in asked:
            found = [one for one in found if one["name"] == asked["name_filter"]]
        if "id_filter" in asked:
            found = [one for one in found if str(one["id"]) == asked["id_filter"]]
        return {"artifacts": [self._listed(one, run) for one in found]}

    def _listed(self, one: Fields, run: str) -> Fields:
        file = self.state / "artifacts" / run.partition(".")[0] / str(one["id"]) / "a.zip"
        return {
            "workflow_run_backend_id": f"{run.partition('.')[0]}.{_attempt(one)}", "workflow_job_run_backend_id": "job",
            "database_id": str(one["id"]), "name": one["name"], "size": str(file.stat().st_size),
            "created_at": datetime.fromtimestamp(file.stat().st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "digest": f"sha256:{one['digest']}",
        }  # fmt: skip

    def _signed(self, asked: Fields, run: str) -> Fields:
        one = self._named(asked, asked["workflow_run_backend_id"])
        self._record("artifacts", {"download": one["name"], "id": one["id"]})
        place = self.state / "artifacts" / run.partition(".")[0] / str(one["id"])
        return {"signed_url": self._sign(place / "a.zip")}

    def _delete(self, asked: Fields, run: str) -> Fields:
        one = self._named(asked, run)
        (self.state / "artifacts" / run.partition(".")[0] / str(one["id"]) / "meta.json").unlink()
        return {"ok": True, "artifact_id": str(one["id"])}

    def _named(self, asked: Fields, run: str) -> dict[str, Any]:
        named = [one for one in self._artifacts(run) if one["name"] == asked["name"]]
        if found := [one for one in named if _attempt(one) == run.partition(".")[2]]:
            return found[-1]
        raise Refused(404, "not_found", f"artifact {asked['name']} not found")

    def _entries(self, version: str) -> Path:
        """The folder of the entries of a version, which names the paths: they differ where executions share a cache."""
        return self.state / "cache" / ("any" if (self.state / "any-version").exists() else version[:16])

    def _entry(self, version: str, key: str) -> Path:
        return self._entries(version) / hashlib.sha256(key.encode()).hexdigest()[:16]

    def _reserve(self, asked: Fields, run: str) -> Fields:
        place = self._entry(asked["version"], asked["key"])
        if (place / "entry.json").exists():
            raise Refused(409, "already_exists", "cache entry with the same key, version, and scope already exists")
        place.mkdir(parents=True, exist_ok=True)
        return {"ok": True, "signed_upload_url": self._sign(place / "archive")}

    def _saved(self, asked: Fields, run: str) -> Fields:
        place = self._entry(asked["version"], asked["key"])
        if (place / "archive").stat().st_size != int(asked["size_bytes"]):
            raise Refused(400, "invalid_argument", f"size {asked['size_bytes']} is not that of the blob")
        (place / "entry.json").write_text(json.dumps({"key": asked["key"]}))
        self._record("cache", {"save": asked["key"]})
        return {"ok": True, "entry_id": "1"}

    def _restore(self, asked: Fields, run: str) -> Fields:
        """The entry of the key; otherwise the newest whose key begins with the first prefix that has any."""
        files = self._entries(asked["version"]).glob("*/entry.json")
        newest = sorted(files, key=lambda file: file.stat().st_mtime_ns, reverse=True)
        keys = {json.loads(file.read_text())["key"]: file.parent for file in newest}
        prefixes = (asked["key"], *asked.get("restore_keys", ()))
        exact = [asked["key"]] if asked["key"] in keys else []
        matched = next(iter([*exact, *(key for prefix in prefixes for key in keys if key.startswith(prefix))]), "")
        self._record("cache", {"restore": asked["key"], "matched": matched})
        if not matched:
            return {"ok": False}
        return {"ok": True, "matched_key": matched, "signed_download_url": self._sign(keys[matched] / "archive")}

    def _record(self, log: str, entry: Fields) -> None:
        with (self.state / f"{log}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def _sign(self, file: Path) -> str:
        return f"{self.url}/github/{file.relative_to(self.state)}?sig={self.signature}"

    def _blob(self, handler: BaseHTTPRequestHandler, path: str, query: Mapping[str, list[str]], body: bytes) -> None:
        """Take a blob whole or in blocks, or hand one out, whole or a range of it."""
        file = self.state / path.removeprefix("/github/")
        if query.get("sig") != [self.signature] or ".." in path:
            _reply(handler, 403, b"", {"x-ms-error-code": "AuthenticationFailed"})
        elif handler.command == "PUT":
            blocks = file.with_name(f"{file.name}.blocks")
            done = _put(file, blocks, query, body)
            _reply(handler, 201 if done else 400, b"", {} if done else {"x-ms-error-code": "InvalidBlockList"})
        elif not file.exists():
            _reply(handler, 404, b"", {"x-ms-error-code": "BlobNotFound"})
        else:
            kind = "application/zip" if file.suffix == ".zip" else "application/octet-stream"
            content, headers = file.read_bytes(), {"Content-Type": kind, "x-ms-blob-type": "BlockBlob"}
            if found := re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers.get("x-ms-range", "")):
                first, last = int(found[1]), min(int(found[2]), len(content) - 1)
                headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
                _reply(handler, 206, content[first : last + 1], headers)
            else:
                _reply(handler, 200, content, headers)


def _put(file: Path, blocks: Path, query: Mapping[str, list[str]], body: bytes) -> bool:
    """Put Block, Put Block List or Put Blob; False for a list that names a block that never came."""
    if query.get("comp") == ["block"]:
        blocks.mkdir(exist_ok=True)
        (blocks / hashlib.sha256(query["blockid"][0].encode()).hexdigest()).write_bytes(body)
        return True
    if query.get("comp") != ["blocklist"]:
        file.write_bytes(body)
        return True
    names = re.findall(r"<(?:Latest|Uncommitted)>([^<]+)</", body.decode())
    parts = [blocks / hashlib.sha256(name.encode()).hexdigest() for name in names]
    if not all(part.exists() for part in parts):
        return False
    with file.open("wb") as target:
        target.writelines(part.read_bytes() for part in parts)
    shutil.rmtree(blocks, ignore_errors=True)
    return True


def _attempt(one: Fields) -> str:
    return str(one.get("attempt", "1"))


def _scope(authorization: str) -> str:
    """The run and the attempt that the bearer token names, as `4711.1`."""
    part = authorization.removeprefix("Bearer ").split(".")[1:2]
    try:
        claims = json.loads(base64.urlsafe_b64decode("".join(part) + "=="))
        return str(claims["scp"].split(":")[1])
    except (ValueError, KeyError):
        raise Refused(401, "unauthenticated", "the token names no run") from None


def _reply(handler: BaseHTTPRequestHandler, status: int, content: bytes, headers: Mapping[str, str]) -> None:
    handler.send_response(status)
    sent = {"ETag": '"0x1"', "Last-Modified": "Mon, 30 Nov 2026 00:00:00 GMT", "x-ms-version": "2025-01-05", **headers}
    for name, value in {**sent, "Content-Length": str(len(content))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(content)
