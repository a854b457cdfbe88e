"""Debian's and Ubuntu's packages: what apt offers here, and how to install it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from machine.say import NotReady, say

DEBIAN_CODENAMES = ("bullseye", "bookworm", "trixie", "forky", "sid", "stable", "testing")


def may_change() -> bool:
    """Only root changes the machine, and only where the user has not forbidden it."""
    return os.environ.get("SLIPWAY_INSTALL", "auto") != "never" and os.geteuid() == 0


def has_apt() -> bool:
    return shutil.which("apt-get") is not None


def sudo(command: str) -> str:
    """The command as this user has to type it."""
    return command if os.geteuid() == 0 else f"sudo sh -c {shlex.quote(command)}"


def apt(*arguments: str) -> None:
    """Runs apt-get; its output is shown only when it fails."""
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=120", "-q", "-y", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    ended = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment, timeout=1500
    )
    if ended.returncode:
        lines = [line for line in (ended.stdout + ended.stderr).splitlines() if line.startswith("E:")]
        raise NotReady(
            f"`{' '.join(command)}` failed: {(lines or [f'exit code {ended.returncode}'])[0]}",
            "Run it by hand to see all of its output, fix what it names, then run this again.",
        )


def ensure_commands(package_of: dict[str, str]) -> None:
    """Installs the packages of those commands that are not there."""
    needed = sorted({package for command, package in package_of.items() if not shutil.which(command)})
    if not needed:
        return
    by_hand = f"apt-get update && apt-get install --no-install-recommends {' '.join(needed)}"
    if not may_change() or not has_apt():
        raise NotReady(f"{' and '.join(needed)} not installed here.", "Run: " + sudo(by_hand))
    say(f"installing {', '.join(needed)}")
    apt("update")
    apt("install", "--no-install-recommends", *needed)


def sources(apt: Path = Path("/etc/apt")) -> list[tuple[str, str, str]]:
    """(address, suite, keyring) of every binary source that apt has here, in both of its file formats."""
    found = []
    for file in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]:
        if not file.is_file() or file.suffix not in (".list", ".sources"):
            continue
        text = file.read_text(errors="replace")
        if file.suffix == ".list":
            for line in text.splitlines():
                match = re.match(r"\s*deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)", line)
                if match:
                    signed = re.search(r"signed-by=(\S+)", match[1] or "", re.IGNORECASE)
                    found.append((match[2], match[3], signed[1] if signed else ""))
            continue
        text = re.sub(r"(?m)^#.*\n", "", text)
        for stanza in re.split(r"\n\s*\n", text):
            fields = {k.lower(): v.strip() for k, v in re.findall(r"(?m)^(\S+?):(.*(?:\n[ \t].*)*)", stanza)}
            if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
                continue
            keyring = fields.get("signed-by", "")
            found += [
                (uri, suite, keyring if keyring.startswith("/") and "\n" not in keyring else "")
                for uri in fields.get("uris", "").split()
                for suite in fields.get("suites", "").split()
            ]
    return found


def debian_source() -> tuple[str, str]:
    """(address, keyring) from which this machine gets Debian; on another distribution the public address."""
    for uri, suite, keyring in sources():
        if suite in DEBIAN_CODENAMES:
            return uri, keyring
    return "http://deb.debian.org/debian", ""


def apt_network_options() -> list[str]:
    """This machine's way to its mirror (proxy, certificates, clock), for an apt that starts from no configuration."""
    shown = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, timeout=30)
    wanted = re.compile(r'Acquire::(https?::|Check-|Retries)[^ ]* ".+";')
    return [line for line in shown.stdout.splitlines() if wanted.match(line)]
