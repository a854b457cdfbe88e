"""Static files: named by their content and compressed when the image is built (digest.py), then served for a year.

In a checkout, where nothing was built, Flask serves the plain files.
"""

import json

from flask import Flask, Response, request, url_for

from app.digest import DIST


def init_app(app: Flask) -> None:
    names = {}
    if DIST.is_dir():
        from whitenoise import WhiteNoise

        names = json.loads((DIST / "manifest.json").read_text())
        digested = r"\.[0-9a-f]{12}\.\w+$"
        options = {"prefix": "static/", "allow_all_origins": False, "immutable_file_test": digested}
        built = WhiteNoise(app.wsgi_app, str(DIST), **options)

        def static(filename: str) -> Response:
            """A view and not around the app, as usual: these files then have the headers of every other answer."""
            known = request.path in built.files
            return Response.from_app(built, request.environ) if known else app.send_static_file(filename)

        app.view_functions["static"] = static
    app.add_template_global(lambda name: url_for("static", filename=names.get(name, name)), "asset")
