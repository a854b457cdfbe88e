from app.cli import SEED
from app.config import Settings


def test_seed_fills_an_empty_list_once(app, client):
    client.get("/")  # so that an empty list is cached
    run = app.test_cli_runner().invoke
    assert run(args=["seed"]).output == "4 items added.\n"
    assert all(title in client.get("/").text for title in SEED)
    assert "nothing added" in run(args=["seed"]).output
    assert client.get("/").text.count(SEED[0]) == 2  # the title and the label of its remove button


def test_secrets_are_strong_and_never_the_same(app):
    one, two = (app.test_cli_runner().invoke(args=["secret"]).output.strip() for _ in range(2))
    assert one != two
    Settings.from_env({"APP_ENV": "production", "SECRET_KEY": one, "DATABASE_URL": "postgresql://db/app"})


def test_migrate_goes_where_it_is_told(app):
    run = app.test_cli_runner().invoke
    assert run(args=["migrate", "base"]).exit_code == 0
    assert app.test_client().get("/readyz").status_code == 503
    assert run(args=["migrate"]).exit_code == 0
    assert app.test_client().get("/readyz").status_code == 200
