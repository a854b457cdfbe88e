"""Docker Engine, its client, buildx and compose v2 from the distribution's packages."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from machine import daemon, packages
from machine.say import NotReady, say

SOURCE = Path("/etc/apt/sources.list.d/slipway-trixie.sources")
PIN = Path("/etc/apt/preferences.d/slipway-trixie")
OS_RELEASE = Path("/etc/os-release")


@dataclass(frozen=True)
class Plan:
    """What apt is asked for. `files`: what must be written first."""

    packages: tuple[str, ...]
    files: tuple[tuple[Path, str], ...] = ()

    @property
    def by_hand(self) -> str:
        """The same as one line for a shell, for who has to type it."""
        sudo = "" if os.geteuid() == 0 else "sudo "
        steps = [f"{sudo}mkdir -p {path.parent}" for path, _ in self.files if not path.parent.exists()]
        steps += ["printf '{}' | {}tee {}".format(text.replace("\n", "\\n"), sudo, path) for path, text in self.files]
        wanted = " ".join(self.packages)
        steps += [f"{sudo}apt-get update", f"{sudo}apt-get install -y --no-install-recommends {wanted}"]
        return " && ".join(steps)


def plan(engine: bool, plugins: tuple[str, ...]) -> Plan | None:
    """The packages for an engine and for these plugins (buildx, compose); None where we do not know this system's."""
    if not packages.has_apt():
        return None
    release = OS_RELEASE.read_text(errors="replace") if OS_RELEASE.exists() else ""
    like = set(re.findall(r"[\w-]+", " ".join(re.findall(r"(?m)^ID(?:_LIKE)?=(.*)$", release))))
    fresh = engine and not daemon.SETTINGS.exists()
    files = [(daemon.SETTINGS, json.dumps(daemon.STORE_ON) + "\n")] if fresh else []
    if "ubuntu" in like:
        known = {"buildx": "docker-buildx", "compose": "docker-compose-v2"}
        names = ["docker.io"] * engine + [known[p] for p in plugins]
        return Plan(tuple(names), tuple(files))
    suites = {suite for _, suite, _ in packages.sources()}
    if "debian" not in like or not suites & set(packages.DEBIAN_CODENAMES):
        return None
    names = ["docker.io", "docker-cli", "containerd"] * engine + [f"docker-{p}" for p in plugins]
    if suites & {"bookworm", "bullseye"}:
        # Debian 12's own are too old or missing. Debian 13's need nothing newer than Debian 12's C library,
        # and at this low priority nothing but what is named comes from there.
        names = [f"{name}/trixie" for name in names]
        if "trixie" not in suites:
            uri, keyring = packages.debian_source()
            signed = f"Signed-By: {keyring}\n" if keyring else ""
            files += [
                (SOURCE, f"Types: deb\nURIs: {uri}\nSuites: trixie\nComponents: main\n{signed}"),
                (PIN, "Package: *\nPin: release n=trixie\nPin-Priority: 100\n"),
            ]
    return Plan(tuple(names), tuple(files))


def install(plan: Plan | None, what: str) -> None:
    """Carries the plan out, having said so; or says how to do it by hand."""
    if plan is None:
        raise NotReady(
            f"{what}, and this system's packages are not known to Slipway.",
            f"Install Docker Engine with its buildx and compose plugins: {daemon.DOCS}",
        )
    if not packages.may_change():
        why = "SLIPWAY_INSTALL=never" if os.geteuid() == 0 else "not root"
        raise NotReady(f"{what}. Nothing is installed here ({why}); run:", plan.by_hand)
    say(f"{what}: installing {', '.join(plan.packages)} with apt-get (SLIPWAY_INSTALL=never forbids it)")
    for path, text in plan.files:
        say(f"writing {path}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    packages.apt("update")
    say("package lists are up to date; downloading and unpacking")
    packages.apt("install", "--no-install-recommends", *plan.packages)
