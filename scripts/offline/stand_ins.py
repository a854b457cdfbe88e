"""Stand-ins for the base images, made from Debian's packages where no image registry can be reached.

A stand-in is shaped like the official image (paths, user ids, environment, entry point), so that one
Dockerfile and one compose file fit both. It is for building and testing on this machine only.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from machine import packages
from machine.say import NotReady, say

HERE = Path(__file__).resolve().parent
LABEL = "slipway.stand-in"
SUITE = "trixie"
# One constant: the same packages then give the same image.
EPOCH = "1767225600"
CREATED = "2026-01-01T00:00:00Z"  # the same instant
SMALL = ("/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/doc/*")


@dataclass(frozen=True)
class Root:
    """A root file system: what mmdebstrap installs. The folder of its name holds the hook that finishes it."""

    variant: str
    packages: str


@dataclass(frozen=True)
class StandIn:
    """An image: its root, and the official image's configuration. `tags`: the tags that it can stand in for."""

    root: str
    tags: str
    config: dict[str, object]


_PATH = "PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

ROOTS = {
    "python": Root(
        "apt",
        "ca-certificates media-types netbase tzdata libbz2-1.0 libdb5.3t64 libexpat1 libffi8 liblzma5 libncursesw6"
        " libreadline8t64 libsqlite3-0 libssl3t64 libuuid1 zlib1g",
    ),
    "services": Root(
        "essential",
        "ca-certificates tzdata libatomic1 libgssapi-krb5-2 libicu76 libjemalloc2 libldap2 liblz4-1 liblzf1 libpam0g"
        " libpq5 libreadline8t64 libselinux1 libssl3t64 libstdc++6 libsystemd0 libuuid1 libxml2 libxslt1.1 libzstd1"
        " zlib1g",
    ),
}

STAND_INS = {
    "python": StandIn("python", r"3\.13\b", {"Env": [_PATH, "LANG=C.UTF-8"], "Cmd": ["python3"]}),
    "postgres": StandIn(
        "services",
        "",
        {
            "Env": [_PATH, "LANG=C.UTF-8", "PG_MAJOR=17", "PGDATA=/var/lib/postgresql/17/docker"],
            "Entrypoint": ["postgres-entrypoint.sh"],
            "Cmd": ["postgres"],
            "StopSignal": "SIGINT",
            "ExposedPorts": {"5432/tcp": {}},
            "Volumes": {"/var/lib/postgresql": {}},
        },
    ),
    "redis": StandIn(
        "services",
        "",
        {
            "Env": [_PATH],
            "Entrypoint": ["redis-entrypoint.sh"],
            "Cmd": ["redis-server"],
            "WorkingDir": "/data",
            "ExposedPorts": {"6379/tcp": {}},
            "Volumes": {"/data": {}},
        },
    ),
    "registry": StandIn(
        "services",
        "",
        {
            "Env": [_PATH],
            "Entrypoint": ["registry-entrypoint.sh"],
            "Cmd": ["/etc/distribution/config.yml"],
            "ExposedPorts": {"5000/tcp": {}},
            "Volumes": {"/var/lib/registry": {}},
        },
    ),
}


def name_of(reference: str) -> str:
    """docker.io/library/python:3.13-slim-trixie@sha256:… → stand-in.invalid/python:3.13-slim-trixie"""
    return "stand-in.invalid/" + reference.split("@")[0].rpartition("/")[2]


def recipe(root: str) -> str:
    """Changes with everything that goes into the images of this root."""
    parts = [repr(ROOTS[root]), repr([s for s in STAND_INS.values() if s.root == root]), SUITE, EPOCH]
    parts += [f"{f.name}\n{f.read_text()}" for f in sorted((HERE / root).iterdir())]
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
    template = '{{range .RepoTags}}{{.}} {{end}}{{index .Config.Labels "LABEL"}}'.replace("LABEL", LABEL)
    shown = subprocess.run(
        ["docker", "image", "inspect", "-f", template, *names], capture_output=True, text=True, timeout=30
    )
    there = {(name, line.split()[-1]) for line in shown.stdout.splitlines() for name in line.split()[:-1]}
    recipes = {root: recipe(root) for root in ROOTS}
    return {n: s for n, s in names.items() if (n, recipes[s.root]) not in there}


def build(names: dict[str, StandIn]) -> None:
    """Makes these stand-ins; the roots at the same time, since each waits for its downloads most of all."""
    # Imported here, because every run asks this module what is missing, and few have to build.
    import tempfile
    from concurrent.futures import ThreadPoolExecutor

    say("no image registry can be reached: making stand-ins from Debian's packages (about a minute)")
    packages.ensure_commands({"mmdebstrap": "mmdebstrap"})
    roots = sorted({s.root for s in names.values()})
    with tempfile.TemporaryDirectory(prefix="slipway-stand-ins-") as folder, ThreadPoolExecutor(len(roots)) as pool:
        for done in [pool.submit(_make_root, root, Path(folder), names) for root in roots]:
            done.result()


def _make_root(root: str, folder: Path, names: dict[str, StandIn]) -> None:
    tar = folder / f"{root}.tar"
    log = folder / f"{root}.log"
    command = [
        "mmdebstrap",
        "--mode=root",
        f"--variant={ROOTS[root].variant}",
        "--format=tar",
        "--include=" + ",".join(ROOTS[root].packages.split()),
        f"--customize-hook={HERE / root / 'hook.sh'}",
    ]
    command += [f"--dpkgopt=path-exclude={path}" for path in SMALL]
    command += ["--dpkgopt=path-include=/usr/share/doc/*/copyright", "--dpkgopt=force-unsafe-io"]
    command += [f"--aptopt={line}" for line in packages.apt_network_options()]
    # The image must carry nothing of this machine, but the folders in /run that a hook made.
    ours = "resolv.conf hostname apt/apt.conf.d/99mmdebstrap dpkg/dpkg.cfg.d/99mmdebstrap"
    command += [
        f'--customize-hook=cd "$1/etc" && rm -f {ours}',
        "--skip=cleanup/run",
        SUITE,
        str(tar),
        packages.debian_source()[0],
    ]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "LC_ALL": "C.UTF-8", "TMPDIR": str(folder)}
    with log.open("wb") as output:
        ended = subprocess.run(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment, timeout=900
        )
    if ended.returncode:
        # mmdebstrap's own last lines only say that it failed; the cause stands before its clean-up.
        lines = [line for line in log.read_text(errors="replace").splitlines() if not line.startswith("I: ")]
        raise NotReady(
            f"the stand-in root `{root}` could not be made: {' / '.join(lines[-4:-1]) or 'no output'}",
            "Where images can be pulled, set SLIPWAY_OFFLINE=never; else see that apt reaches a Debian mirror.",
        )
    _load(tar, {n: s for n, s in names.items() if s.root == root})


def _load(tar: Path, names: dict[str, StandIn]) -> None:
    from offline import layout

    configs = {n: {**s.config, "Labels": {LABEL: recipe(s.root)}} for n, s in names.items()}
    archive = tar.with_suffix(".oci.tar")
    layout.write(archive, layout.compress(tar), configs, CREATED)
    ended = subprocess.run(["docker", "load", "--input", str(archive)], capture_output=True, text=True, timeout=300)
    if ended.returncode or missing(names):
        raise NotReady(
            f"the engine refused {', '.join(names)}: {ended.stderr.strip() or ended.stdout.strip()}",
            "Is its disk full? `docker system df`",
        )
    say(f"made {', '.join(names)}")
