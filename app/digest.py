"""Gives static files names by their content, and compresses them: `python app/digest.py`, when the image is built.

Needs no package, so that a change of the source costs the build no import of them.
"""

import gzip
import hashlib
import json
from pathlib import Path

SOURCE = Path(__file__).parent / "static"
DIST = Path(__file__).parent / "dist"


def build(source: Path = SOURCE, target: Path = DIST) -> dict[str, str]:
    names = {}
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.iterdir()):
        content = file.read_bytes()
        names[file.name] = f"{file.stem}.{hashlib.sha256(content).hexdigest()[:12]}{file.suffix}"
        (target / names[file.name]).write_bytes(content)
        packed = gzip.compress(content, 9, mtime=0)  # no time inside: the same input gives the same image
        if len(packed) < len(content):
            (target / f"{names[file.name]}.gz").write_bytes(packed)
    (target / "manifest.json").write_text(json.dumps(names))
    return names


if __name__ == "__main__":
    build()
