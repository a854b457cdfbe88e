"""uv, from its wheel on the package index: pinned by SHA-256, unpacked into a folder that git ignores."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from machine.say import NotReady, say

VERSION = "0.13.8"
WHEELS = {
    ("Linux", "x86_64"): (
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984",
    ),
    ("Linux", "aarch64"): (
        "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
        "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d",
    ),
    ("Darwin", "arm64"): ("macosx_11_0_arm64", "62b6943c7fd64fac6854f780bea6e0359e5a5bc3241f83ee357bb38276afac49"),
    ("Darwin", "x86_64"): ("macosx_10_12_x86_64", "b7124ca1956ec2e476a1003ea5715a15f0266afaec37f4dc9c6972ba8183e6d1"),
}


def folder(root: Path) -> Path:
    """Where `uv` stands once it is there: put it first on PATH."""
    return root / ".slipway" / "tools" / f"uv-{VERSION}"


def ensure(root: Path) -> None:
    target = folder(root) / "uv"
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    present = _on_path()
    if present:
        target.unlink(missing_ok=True)  # a link to a uv that has gone since
        target.symlink_to(present)
        return
    say(f"fetching uv {VERSION} from the package index (17 MB)")
    data = _wheel()
    _place(data, target)


def _on_path() -> Path | None:
    """A uv on PATH of this minor version, as new as ours. Not a script: a version manager's costs 0.2 s a call."""
    present = shutil.which("uv")
    if not present or Path(present).read_bytes()[:2] == b"#!":
        return None
    shown = subprocess.run([present, "--version"], capture_output=True, text=True, timeout=30).stdout
    match = re.match(r"uv (\d+)\.(\d+)\.(\d+)", shown)
    major, minor, patch = (int(n) for n in VERSION.split("."))
    fits = match and (int(match[1]), int(match[2])) == (major, minor) and int(match[3]) >= patch
    return Path(present).absolute() if fits else None


def _wheel() -> bytes:
    key = (platform.system(), platform.machine())
    if key not in WHEELS:
        raise NotReady(
            f"no uv {VERSION} is pinned for {key[0]} on {key[1]}.",
            f"Put uv {VERSION} (https://docs.astral.sh/uv/) on PATH, then run this again.",
        )
    tag, sha256 = WHEELS[key]
    name = f"uv-{VERSION}-py3-none-{tag}.whl"
    page = index() + "/uv/"
    listing, where = _get(page)
    # HTML or JSON, whatever the index likes to answer.
    match = re.search(
        r"""(?:href\s*=|"url"\s*:)\s*["']([^"'#]*/)?""" + re.escape(name), listing.decode(errors="replace")
    )
    if not match:
        raise NotReady(
            f"the package index {_public(page)} does not list {name}.",
            f"Use an index that has it (UV_DEFAULT_INDEX or PIP_INDEX_URL), or put uv {VERSION} on PATH.",
        )
    from urllib.parse import urljoin

    data, _ = _get(urljoin(where, (match[1] or "").replace("&amp;", "&") + name))
    got = hashlib.sha256(data).hexdigest()
    if got != sha256:
        raise NotReady(
            f"{name} from {_public(page)} has SHA-256 {got}, not {sha256}.",
            "Something between here and the index changes files: ask whoever runs it.",
        )
    return data


def _place(wheel: bytes, target: Path) -> None:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        program = archive.read(f"uv-{VERSION}.data/scripts/uv")
    partial = target.with_name(f"uv.{os.getpid()}")
    partial.write_bytes(program)
    partial.chmod(0o755)
    partial.replace(target)  # whole or not at all, also with two of us at work


def index() -> str:
    """The package index that this machine is set up for, in the order in which uv and pip look."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        if os.environ.get(name):
            # UV_DEFAULT_INDEX may carry a name: name=https://…
            return re.sub(r"^[\w.-]+=(?=https?:)", "", os.environ[name]).rstrip("/")
    return (_pip_setting("index-url") or "https://pypi.org/simple").rstrip("/")


def _pip_setting(key: str) -> str:
    import configparser

    home = Path.home()
    files: list[str | Path] = [
        os.environ.get("PIP_CONFIG_FILE", ""),
        home / ".config/pip/pip.conf",
        home / ".pip/pip.conf",
        home / "Library/Application Support/pip/pip.conf",
        "/etc/pip.conf",
    ]
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            if file and parser.read(file) and parser.get("global", key, fallback=""):
                return parser.get("global", key)
        except configparser.Error:
            continue
    return ""


def _public(address: str) -> str:
    """The address without the password that may stand in it."""
    return re.sub(r"//[^/@]*@", "//", address)


def _get(address: str) -> tuple[bytes, str]:
    """What stands at an http(s) address, and the address after redirections."""
    import base64
    import ssl
    from urllib.error import URLError
    from urllib.parse import unquote
    from urllib.request import Request, urlopen

    if not address.startswith(("https://", "http://")):
        raise NotReady(
            f"the package index {_public(address)} is not an http(s) address.",
            f"Set UV_DEFAULT_INDEX to one that is, or put uv {VERSION} on PATH.",
        )
    request = Request(_public(address), headers={"User-Agent": "slipway-bootstrap"})
    credentials = re.match(r"https?://([^/@]*)@", address)
    if credentials:
        request.add_header("Authorization", "Basic " + base64.b64encode(unquote(credentials[1]).encode()).decode())
    # Python itself honours SSL_CERT_FILE; these two are how pip is told the same.
    names = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")
    bundle = next((os.environ[name] for name in names if os.environ.get(name)), "") or _pip_setting("cert")
    try:
        trust = ssl.create_default_context(cafile=bundle or None)
    except OSError as error:
        raise NotReady(
            f"the CA bundle {bundle} cannot be used: {error.strerror or error}.",
            "Name one that can (SSL_CERT_FILE, PIP_CERT), or unset the variable.",
        ) from error
    try:
        with urlopen(request, timeout=60, context=trust) as answer:
            return answer.read(), answer.url
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        fix = f"Name an index that can be reached (UV_DEFAULT_INDEX or PIP_INDEX_URL), or put uv {VERSION} on PATH."
        if isinstance(reason, ssl.SSLError):
            fix = "Set SSL_CERT_FILE to the CA bundle of this network (Debian: apt-get install ca-certificates)."
        raise NotReady(f"cannot fetch {_public(address)}: {reason}.", fix) from error
