"""Static files: named by their content and compressed when the image is built (digest.py), then served for a year.

In a checkout, where nothing was built, Flask serves the plain files.
"""

import json
import re

from flask import Flask, url_for

from app.digest import DIST

_DIGESTED = re.compile(r".+\.[0-9a-f]{12}\.\w+")


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
