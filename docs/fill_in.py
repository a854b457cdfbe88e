"""Writes the kit's address on GitHub into every file that says OWNER/slipway.

    python3 docs/fill_in.py acme            the commit that examples refer to: the newest one here
    python3 docs/fill_in.py acme COMMIT

Standard library only. Run it once in a fresh clone, look at the difference, commit it.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACEHOLDER = "OWNER/slipway"
ZEROS = re.compile(r"(/slipway/\.github/\S+@)0{40}\b")
USAGE = "usage: python3 docs/fill_in.py OWNER [COMMIT]: a user or an organisation on GitHub, and 40 hexadecimal digits"


def git(*words: str) -> str:
    """Return what git prints in this repository."""
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def fill_in(owner: str, commit: str) -> list[str]:
    """Write owner and commit into all tracked files, and return the names of those that changed."""
    changed = []
    for name in git("ls-files", "-z").split("\0"):
        file = ROOT / name
        if not name or file == Path(__file__).resolve() or not file.is_file() or file.is_symlink():
            continue
        before = file.read_bytes()
        try:
            text = before.decode()
        except UnicodeDecodeError:
            continue  # a picture
        text = ZEROS.sub(rf"\g<1>{commit}", text.replace(PLACEHOLDER, f"{owner}/slipway"))
        if text.encode() != before:
            file.write_bytes(text.encode())
            changed.append(name)
    return changed


def main(owner: str = "", commit: str = "", *more: str) -> int:
    """Fill the address in, and say where."""
    if more or not re.fullmatch(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}", owner):
        print(USAGE, file=sys.stderr)
        return 2
    commit = commit or git("rev-parse", "HEAD").strip()
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        print(USAGE, file=sys.stderr)
        return 2
    changed = fill_in(owner, commit)
    print("\n".join([*changed, f"{len(changed)} files now say {owner}/slipway at {commit[:7]}"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
