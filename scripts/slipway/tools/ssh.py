"""A key for hosts that are deployed to over SSH, for one job: docker finds it by an `ssh` of ours on PATH.

Nothing is written to ~/.ssh, which on a runner of one's own is other jobs' too.
"""

import shlex
import shutil
from pathlib import Path

from slipway.errors import NotReady, UsageError

CONFIG = """\
IdentityFile "{key}"
IdentitiesOnly yes
UserKnownHostsFile "{known}"
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
BatchMode yes
ConnectTimeout 20
ServerAliveInterval 15
"""


def install(folder: Path, key: str, known_hosts: str) -> Path:
    """Write a key and the hosts that are known; returns the folder to be put before all others on PATH.

    Args:
        folder: of this job alone.
        key: a private key, as OpenSSH writes it.
        known_hosts: lines of a known_hosts file: without them, anybody on the way could be the host.

    Raises:
        UsageError: one of the two is missing or is none.
        NotReady: there is no `ssh` here.
    """
    if "PRIVATE KEY-----" not in key:
        raise UsageError("the secret ssh-key is no private key. Paste the whole file, first and last line too.")
    if not known_hosts.strip():
        raise UsageError(
            "ssh-key is set and ssh-known-hosts is not. Set it to what `ssh-keyscan HOST` prints, once you have "
            "compared it with the host's own."
        )
    real = shutil.which("ssh")
    if not real:
        raise NotReady("no `ssh` on PATH. Install the package openssh-client.")
    bin_folder = folder / "bin"
    bin_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = {"key": key.strip() + "\n", "known_hosts": known_hosts.strip() + "\n"}
    files["config"] = CONFIG.format(key=folder / "key", known=folder / "known_hosts")
    for name, text in files.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(text)
    wrapper = bin_folder / "ssh"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(real)} -F {shlex.quote(str(folder / "config"))} "$@"\n')
    wrapper.chmod(0o700)
    return bin_folder
