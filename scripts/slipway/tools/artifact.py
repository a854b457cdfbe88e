"""The only layer of an artifact, out of a registry that may be slow, wrong or hostile.

Asked anonymously: credentials of the user's are never read, so none can reach the wrong host. Every answer has a limit,
every byte of a blob is hashed as it arrives.
"""

import contextlib
import hashlib
import http.client
import json
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Event
from typing import TypeVar
from urllib.parse import urlencode

from slipway.errors import UsageError
from slipway.image.reference import DIGEST, Repository, repository
from slipway.tools.opener import allowed, opener
from slipway.tools.registry import ACCEPT

T = TypeVar("T")
BUSY = (429, 500, 502, 503, 504)  # asked again; everything else is an answer
SMALL = 4_000_000  # bytes of a manifest, as the distribution specification has it, or of a token
_TOKEN = re.compile(r"[!-~]+")  # no line break: it becomes a header
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True)
class Limits:
    """How long, how often and how much; times in seconds, sizes in bytes."""

    connect: float = 5
    silence: float = 20  # between two bytes
    whole: float = 300  # for all that one repository is asked
    pause: float = 1  # before a busy registry is asked again, where it names no time itself
    patience: float = 30  # the longest Retry-After that is waited out
    attempts: int = 3
    compressed: int = 1_000_000_000
    unpacked: int = 5_000_000_000


@dataclass(frozen=True)
class Reference:
    """An artifact in a registry, by tag or by digest."""

    repository: Repository
    tag: str
    digest: str = ""

    def __str__(self) -> str:
        return self.repository.at(self.digest) if self.digest else self.repository.tagged(self.tag)


@dataclass(frozen=True)
class Layer:
    """A blob as its manifest describes it."""

    digest: str
    size: int


def reference(text: str, tag: str) -> Reference:
    """Read registry/path[:tag][@digest].

    Args:
        tag: what is meant where there is neither.

    Raises:
        UsageError: it is not of that form.
    """
    name, at, digest = text.partition("@")
    path, colon, given = name.rpartition(":")
    if not colon or "/" in given:  # the colon of a port
        path, given = name, tag
    if (at and not DIGEST.fullmatch(digest)) or not _TAG.fullmatch(given):
        raise UsageError(f"{text!r} is not an artifact. Write it as registry/path:tag or registry/path@sha256:…")
    return Reference(repository(path), given, digest)


class Torn(ValueError):
    """A body that ended early."""


class Registry:
    """One artifact in a registry. Setting `stop` ends what it is doing at the next byte."""

    def __init__(self, artifact: Reference, limits: Limits, stop: Event):
        self.artifact = artifact
        self.step = "manifest"  # what is being done, for whoever has to explain a failure
        self._limits = limits
        self._stop = stop
        self._token: str | None = None
        self._opener = opener(limits.silence)

    def layer(self, media_type: str) -> Layer:
        """The artifact's only layer, as the manifest names it.

        Raises:
            OSError, http.client.HTTPException: it was not answered.
            ValueError: the answer is not the manifest of such an artifact, or not the one that was asked for.
        """
        asked = self.artifact.digest or self.artifact.tag

        def manifest() -> bytes:
            with self._get("manifests", asked, ACCEPT) as answer:
                return self._small(answer)

        raw = self._again(manifest)
        found = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        if self.artifact.digest and found != self.artifact.digest:
            raise ValueError(f"the answer is {found}, not the digest that was asked for")
        try:
            layers = json.loads(raw)["layers"]
            kinds = [str(layer["mediaType"]) for layer in layers]
            named = [Layer(str(layer["digest"]), int(layer["size"])) for layer in layers]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ValueError("the answer is not a manifest with layers") from None
        if len(named) != 1:
            raise ValueError(f"it has {len(named)} layers, not one")
        if kinds[0] != media_type:
            raise ValueError(f"its layer is {kinds[0][:80]!r}, not {media_type}")
        if not DIGEST.fullmatch(named[0].digest) or not 0 < named[0].size <= self._limits.compressed:
            raise ValueError(f"its layer has no SHA-256 digest or no size up to {self._limits.compressed} bytes")
        return named[0]

    def blob(self, layer: Layer, target: Path) -> None:
        """Stream a blob into a file.

        Raises:
            OSError, http.client.HTTPException: it was not answered, or not to its end.
            ValueError: it is not what its manifest says; the file is then worth nothing.
        """
        self.step = "layer"
        self._again(lambda: self._blob(layer, target))

    def _blob(self, layer: Layer, target: Path) -> None:
        hashed, size = hashlib.sha256(), 0
        with self._get("blobs", layer.digest, "*/*") as answer, target.open("wb") as file:
            while chunk := answer.read1(1 << 16):
                _go_on(self._stop)
                hashed.update(chunk)
                file.write(chunk)
                size += len(chunk)
                if size > layer.size:
                    raise ValueError(f"longer than the {layer.size} bytes that its manifest names")
        if size < layer.size:
            raise Torn(f"cut: {size} of {layer.size} bytes arrived")
        if f"sha256:{hashed.hexdigest()}" != layer.digest:
            raise ValueError("changed on its way: it has another SHA-256 than its manifest names")

    def _again(self, ask: Callable[[], T]) -> T:
        """Ask, and ask again where the connection broke: each time after a longer pause."""
        for number in range(self._limits.attempts - 1):
            try:
                return ask()
            except (OSError, http.client.HTTPException, Torn) as error:
                if not torn(error):
                    raise
                self._pause(self._limits.pause * 2**number)
        return ask()

    def _get(self, kind: str, name: str, accept: str) -> http.client.HTTPResponse:
        """Ask for something of the artifact: with a token where one is wanted, again where the registry is busy."""
        place = self.artifact.repository
        url = f"{'http' if place.loopback else 'https'}://{place.host}/v2/{place.path}/{kind}/{name}"
        left = self._limits.attempts
        while True:
            request = urllib.request.Request(url, headers={"Accept": accept, "User-Agent": "slipway"})
            if self._token:
                request.add_unredirected_header("Authorization", f"Bearer {self._token}")
            try:
                return self._open(request)
            except urllib.error.HTTPError as error:
                if error.code == 401 and self._token is None:
                    self._token = self._fetch_token(error.headers)
                    continue
                left -= 1
                if error.code not in BUSY or not left:
                    raise
                error.close()
                self._wait(error.headers.get("Retry-After", ""))

    def _open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        _go_on(self._stop)
        answer: http.client.HTTPResponse = self._opener.open(request, timeout=self._limits.connect)
        return answer

    def _fetch_token(self, headers: Message) -> str:
        """The token that everybody gets who asks for it."""
        step, self.step = self.step, "token"
        offers = [text for text in headers.get_all("WWW-Authenticate", []) if text.lower().startswith("bearer ")]
        fields = dict(re.findall(r'(\w+)="([^"]*)"', offers[0])) if offers else {}
        if "realm" not in fields:
            raise ValueError("401 Unauthorized: it wants credentials, and Slipway asks without any")
        fields.setdefault("scope", f"repository:{self.artifact.repository.path}:pull")
        query = urlencode({name: fields[name] for name in ("service", "scope") if name in fields})
        url = f"{fields['realm']}{'&' if '?' in fields['realm'] else '?'}{query}"
        allowed(url)
        with self._open(urllib.request.Request(url, headers={"User-Agent": "slipway"})) as answer:
            try:
                given = json.loads(self._small(answer))
                token = _TOKEN.fullmatch(given.get("token") or given["access_token"])
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                token = None
        if not token:
            raise ValueError("the answer holds no token")
        self.step = step
        return token[0]

    def _small(self, answer: http.client.HTTPResponse) -> bytes:
        body = b""
        while chunk := answer.read1(1 << 16):
            _go_on(self._stop)
            body += chunk
            if len(body) > SMALL:
                raise ValueError(f"the answer is longer than {SMALL} bytes")
        return body

    def _wait(self, told: str) -> None:
        """Until a busy registry wants to be asked again; one that wants more patience than we have is given up."""
        seconds = max(self._limits.pause, _retry_after(told))
        if seconds > self._limits.patience:
            raise ValueError(f"busy: it asks to come back in {seconds:.0f} s")
        self._pause(seconds)

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)
        _go_on(self._stop)


def torn(error: Exception) -> bool:
    """Whether a connection that stood has broken: what a network does now and then, not what a registry answers. Who is
    refused, waits in vain or is told something is not asked again."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    kinds = (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, http.client.IncompleteRead, Torn)
    return isinstance(cause, kinds)


def why(error: Exception, limits: Limits) -> str:
    """What went wrong, on one line. What a registry said may be anything: only plain text is left of it."""
    if isinstance(error, urllib.error.HTTPError):
        text = f"{error.code} {http.client.responses.get(error.code, '')}".strip()
        with contextlib.suppress(Exception):
            text += f" ({json.loads(error.read(65536))['errors'][0]['code']})"
    elif isinstance(error, TimeoutError):
        text = f"silent for {limits.silence:g} s"
    elif isinstance(error, urllib.error.URLError):
        text = getattr(error.reason, "strerror", None) or str(error.reason)
    else:
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return "".join(c if c.isprintable() else " " for c in text)[:300]


def _go_on(stop: Event) -> None:
    if stop.is_set():
        raise ConnectionAbortedError("given up")


def _retry_after(told: str) -> float:
    """Seconds: the header names them, or a date."""
    try:
        return float(told) if told.strip().isdigit() else parsedate_to_datetime(told).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0
