from app import create_app, db
from app.config import Settings


def test_the_password_may_come_apart_from_the_address():
    def password(**env: str) -> str:
        return str(db.make_engine(Settings.from_env(env)).url.password)

    assert password(DATABASE_URL="postgresql://app:in-the-url@db/app") == "in-the-url"
    assert password(DATABASE_URL="postgresql://app@db/app", DATABASE_PASSWORD="p@ss:w/rd") == "p@ss:w/rd"


def test_there_is_a_connection_for_each_thread():
    settings = Settings.from_env({"DATABASE_URL": "postgresql://db/app", "WEB_THREADS": "3"})
    assert db.make_engine(settings).pool.size() == 3


def test_sqlite_makes_its_folder(tmp_path):
    db.make_engine(Settings.from_env({"DATABASE_URL": f"sqlite:///{tmp_path}/new/folder/x.sqlite3"}))
    assert (tmp_path / "new" / "folder").is_dir()


def test_sqlite_migrates_itself(tmp_path):
    app = create_app(Settings.from_env({"DATABASE_URL": f"sqlite:///{tmp_path}/x.sqlite3"}))
    assert app.test_client().get("/readyz").status_code == 200
    app.extensions["db"].dispose()
