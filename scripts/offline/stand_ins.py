"""Stand-ins for the base images, made from Debian's packages where no image registry can be reached.

A stand-in is shaped like the official image (paths, user ids, environment, entry point), so that one
Dockerfile and one compose file fit both. It is for building and testing on this machine only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from machine import packages
from machine.say import NotReady, say

HERE = Path(__file__).resolve().parent
LABEL = "slipway.stand-in"
SUITE = "trixie"
# One constant: the same packages then give the same image.
EPOCH = "1767225600"
SMALL = ("/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/doc/*")


@dataclass(frozen=True)
class Root:
    """A root file system: what mmdebstrap installs, and the hook that finishes it."""

    variant: str
    packages: tuple[str, ...]
    hook: str


@dataclass(frozen=True)
class StandIn:
    """An image: its root, and the configuration of the official image. `tags`: the tags that it can stand in for."""

    root: str
    tags: str
    changes: tuple[str, ...]


_PATH = "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

ROOTS = {
    "python": Root(
        "apt",
        ("ca-certificates", "netbase", "tzdata", "media-types", "libbz2-1.0", "libdb5.3t64", "libexpat1", "libffi8",
         "liblzma5", "libncursesw6", "libreadline8t64", "libsqlite3-0", "libssl3t64", "libuuid1", "zlib1g"),
        "python-root.sh",
    ),
    "services": Root(
        "essential",
        ("ca-certificates", "tzdata", "libatomic1", "libgssapi-krb5-2", "libicu76", "libjemalloc2", "libldap2",
         "liblz4-1", "liblzf1", "libpam0g", "libpq5", "libreadline8t64", "libselinux1", "libssl3t64", "libstdc++6",
         "libsystemd0", "libuuid1", "libxml2", "libxslt1.1", "libzstd1", "zlib1g"),
        "services-root.sh",
    ),
}

STAND_INS = {
    "python": StandIn("python", r"3\.13\b", (_PATH, "ENV LANG=C.UTF-8", 'CMD ["python3"]')),
    "postgres": StandIn("services", "", (
        _PATH, "ENV LANG=C.UTF-8", "ENV PG_MAJOR=17", "ENV PGDATA=/var/lib/postgresql/17/docker",
        "VOLUME /var/lib/postgresql", "EXPOSE 5432", "STOPSIGNAL SIGINT",
        'ENTRYPOINT ["postgres-entrypoint.sh"]', 'CMD ["postgres"]')),
    "redis": StandIn("services", "", (
        _PATH, "VOLUME /data", "WORKDIR /data", "EXPOSE 6379",
        'ENTRYPOINT ["redis-entrypoint.sh"]', 'CMD ["redis-server"]')),
    "registry": StandIn("services", "", (
        _PATH, "VOLUME /var/lib/registry", "EXPOSE 5000",
        'ENTRYPOINT ["registry-entrypoint.sh"]', 'CMD ["/etc/distribution/config.yml"]')),
}


def name_of(reference: str) -> str:
    """docker.io/library/python:3.13-slim-trixie@sha256:… → stand-in.invalid/python:3.13-slim-trixie"""
    return "stand-in.invalid/" + reference.split("@")[0].rpartition("/")[2]


def recipe(root: str) -> str:
    """Changes with everything that goes into the images of this root."""
    parts = [repr(ROOTS[root]), repr(sorted((n, s) for n, s in STAND_INS.items() if s.root == root)), SUITE, EPOCH]
    parts += [f"{f.name}\n{f.read_text()}" for f in sorted(HERE.iterdir()) if f.suffix in (".sh", ".yml")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def wanted(references: list[str]) -> dict[str, StandIn]:
    """Stand-in name → stand-in, for those references that have one."""
    found = {}
    for reference in references:
        name = name_of(reference)
        kind, _, tag = name.rpartition("/")[2].partition(":")
        stand_in = STAND_INS.get(kind)
        if stand_in and re.match(stand_in.tags, tag):
            found[name] = stand_in
        else:
            say(f"no stand-in can be made for {reference}")
    return found


def missing(names: dict[str, StandIn]) -> dict[str, StandIn]:
    """Those of which the engine has no image of today's recipe."""
    return {n: s for n, s in names.items() if _label_in_engine(n) != recipe(s.root)}


def _label_in_engine(name: str) -> str:
    shown = subprocess.run(
        ["docker", "image", "inspect", "-f", '{{index .Config.Labels "%s"}}' % LABEL, name],
        capture_output=True, text=True, timeout=30)
    return shown.stdout.strip() if shown.returncode == 0 else ""


def build(names: dict[str, StandIn]) -> None:
    """Makes these stand-ins; the roots at the same time, since each waits for its downloads most of all."""
    if not names:
        return
    say("no image registry can be reached: making stand-ins for the base images from Debian's packages (about a minute)")
    packages.ensure_commands({"mmdebstrap": "mmdebstrap"})
    roots = sorted({s.root for s in names.values()})
    with tempfile.TemporaryDirectory(prefix="slipway-stand-ins-") as folder, ThreadPoolExecutor(len(roots)) as pool:
        for done in [pool.submit(_make_root, root, Path(folder), names) for root in roots]:
            done.result()


def _make_root(root: str, folder: Path, names: dict[str, StandIn]) -> None:
    tar = folder / f"{root}.tar"
    log = folder / f"{root}.log"
    command = ["mmdebstrap", "--mode=root", f"--variant={ROOTS[root].variant}", "--format=tar",
               "--include=" + ",".join(ROOTS[root].packages), f"--customize-hook={HERE / ROOTS[root].hook}"]
    command += [f"--dpkgopt=path-exclude={path}" for path in SMALL]
    command += ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
    command += [f"--aptopt={line}" for line in packages.apt_network_options()]
    # The options above are for this build; the image must not carry this machine's.
    command += ['--customize-hook=rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"']
    command += [SUITE, str(tar), packages.debian_mirror()]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "LC_ALL": "C.UTF-8", "TMPDIR": str(folder)}
    with log.open("wb") as output:
        ended = subprocess.run(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment, timeout=900)
    if ended.returncode:
        # mmdebstrap's own last lines only say that it failed; the cause stands before its clean-up.
        lines = [line for line in log.read_text(errors="replace").splitlines() if not line.startswith("I: ")]
        raise NotReady(f"the stand-in root `{root}` could not be made: {' / '.join(lines[-4:-1]) or 'no output'}",
                       "Where images can be pulled, set SLIPWAY_OFFLINE=never; else see that apt reaches a Debian mirror.")
    for name, stand_in in names.items():
        if stand_in.root == root:
            _import(tar, name, stand_in)
    with contextlib.suppress(FileNotFoundError):
        tar.unlink()


def _import(tar: Path, name: str, stand_in: StandIn) -> None:
    changes = (*stand_in.changes, f"LABEL {LABEL}={recipe(stand_in.root)}")
    command = ["docker", "import", "--message", "a stand-in made by Slipway"]
    for change in changes:
        command += ["--change", change]
    ended = subprocess.run([*command, str(tar), name], capture_output=True, text=True, timeout=300)
    if ended.returncode:
        raise NotReady(f"the engine refused the stand-in {name}: {ended.stderr.strip()}", "Is its disk full? `docker system df`")
    say(f"made {name}")
