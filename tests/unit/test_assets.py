import gzip
import json

import pytest

from app import assets, digest


@pytest.fixture
def built(make_app, tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "DIST", tmp_path / "dist")
    digest.build(digest.SOURCE, assets.DIST)
    return make_app().test_client()


def test_names_follow_the_content(tmp_path):
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / "a.css"
    file.write_text("one")
    first = digest.build(tmp_path / "in", tmp_path / "out")["a.css"]
    file.write_text("two")
    second = digest.build(tmp_path / "in", tmp_path / "out")["a.css"]
    assert first != second
    assert (tmp_path / "out" / first).read_text() == "one"


def test_the_same_files_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        digest.build(digest.SOURCE, tmp_path / name)
    one, two = ({f.name: f.read_bytes() for f in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two


def test_pages_use_the_digested_names_and_browsers_keep_them_for_a_year(built):
    page = built.get("/").text
    names = json.loads((assets.DIST / "manifest.json").read_text())
    assert set(names) == {"htmx.min.js", "icon.svg", "style.css"}
    for name in names.values():
        assert f'"/static/{name}"' in page
        answer = built.get(f"/static/{name}", buffered=True)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Request-ID"]
    assert built.get("/static/style.css", buffered=True).headers["Cache-Control"] == "no-cache"  # its plain name
    assert built.get("/static/nothing.css").status_code == 404


def test_compressed_for_whoever_takes_it(built):
    name = json.loads((assets.DIST / "manifest.json").read_text())["htmx.min.js"]
    packed = built.get(f"/static/{name}", buffered=True, headers={"Accept-Encoding": "gzip"})
    plain = built.get(f"/static/{name}", buffered=True)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.data) < len(plain.data) / 2
    assert gzip.decompress(packed.data) == plain.data


def test_a_checkout_serves_the_plain_files(make_app, tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "DIST", tmp_path / "nothing was built")
    client = make_app().test_client()
    assert '"/static/style.css"' in client.get("/").text
    assert client.get("/static/style.css", buffered=True).status_code == 200
