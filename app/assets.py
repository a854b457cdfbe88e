"""Static files: named by their content and compressed when the image is built (`build`), then served for a year.

In a checkout, where nothing was built, Flask serves the plain files.
"""

import gzip
import hashlib
import json
import re
from pathlib import Path

from flask import Flask, url_for

SOURCE = Path(__file__).parent / "static"
DIST = Path(__file__).parent / "dist"
_DIGESTED = re.compile(r".+\.[0-9a-f]{12}\.\w+")


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


def init_app(app: Flask) -> None:
    names = {}
    if DIST.is_dir():
        from whitenoise import WhiteNoise

        names = json.loads((DIST / "manifest.json").read_text())
        app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
            app.wsgi_app,
            root=str(DIST),
            prefix="static/",
            allow_all_origins=False,
            immutable_file_test=lambda _path, url: _DIGESTED.fullmatch(url.rpartition("/")[2]),
        )
    app.add_template_global(lambda name: url_for("static", filename=names.get(name, name)), "asset")
