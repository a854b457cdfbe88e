from app import create_app
from app.config import Settings


def test_page(tmp_path):
    app = create_app(Settings.from_env({"DATABASE_URL": f"sqlite:///{tmp_path}/x.sqlite3"}))
    client = app.test_client()
    assert client.post("/items", data={"title": "Grease"}).status_code == 303
    assert b"Grease" in client.get("/").data
