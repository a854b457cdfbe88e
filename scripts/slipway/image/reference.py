"""Names of images: repository, tag, digest, as the distribution specification writes them."""

import re
from dataclasses import dataclass

from slipway.errors import UsageError

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?P<name>{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")
_LONGEST = 255  # characters, as the engine counts them
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Repository:
    """A registry host and a path in it, such as ghcr.io/acme/shop."""

    host: str
    path: str

    def __str__(self) -> str:
        return f"{self.host}/{self.path}"

    @property
    def loopback(self) -> bool:
        """Whether the registry is on this machine: the only kind that a degraded run may push to."""
        host = _HOST.fullmatch(self.host)
        return host is not None and host["name"] in LOOPBACK

    def at(self, digest: str) -> str:
        """The reference by digest."""
        return f"{self}@{digest}"

    def tagged(self, tag: str) -> str:
        """The reference by tag."""
        return f"{self}:{tag}"


def repository(name: str) -> Repository:
    """Read a repository name. Capitals become small: no registry takes them, and `ghcr.io/${{ github.repository }}`
    may hold them, where no expression can make them small.

    Raises:
        UsageError: it holds a tag or digest, has no registry host, or is not a name.
    """
    host, _, path = name.lower().partition("/")
    if not path or not ("." in host or ":" in host or host == "localhost"):
        raise UsageError(f"image name {name!r} has no registry. Write it whole, such as ghcr.io/acme/shop.")
    if not _HOST.fullmatch(host) or not _REPOSITORY.fullmatch(path) or len(name) > _LONGEST:
        raise UsageError(
            f"image name {name!r} is not a repository. Use letters, digits, . _ - and /, without tag or digest."
        )
    return Repository(host, path)


def by_digest(reference: str) -> tuple[Repository, str]:
    """Read registry/path@sha256:….

    Raises:
        UsageError: it is of another form; a tag will not do, since it may name something else in a minute.
    """
    name, at, digest = reference.partition("@")
    if not at or not DIGEST.fullmatch(digest):
        raise UsageError(f"{reference!r} is not an image by digest. Write it as registry/path@sha256:<64 hex digits>.")
    return repository(name), digest


def same_repository(one: str, other: str) -> bool:
    """Whether two references are of one repository; Docker Hub's may be written short."""
    return _whole(one) == _whole(other)


def _whole(reference: str) -> str:
    name = reference.partition("@")[0].lower()
    head, colon, last = name.rpartition(":")
    name = head if colon and "/" not in last else name
    host, slash, path = name.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, path = "docker.io", name
    return f"{host}/{path if '/' in path or host != 'docker.io' else f'library/{path}'}"


def slug(text: str, default: str = "app") -> str:
    """A path component or project name made of any text: lower case, digits and single dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-") or default


def tag(text: str) -> str:
    """A tag made of a branch or tag name: what a tag may not hold becomes a dash; at most 128 characters."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).lstrip(".-")[:128]


def short(digest: str) -> str:
    """A digest as people read it: sha256:9d2e…c285."""
    return f"{digest[:11]}…{digest[-4:]}" if DIGEST.fullmatch(digest) else digest
