"""Repositories of other people, as they are found: each a few files, by name. The Dockerfiles are those that tutorials
print, faults and all."""

from dataclasses import dataclass, field

HELLO = """\
from flask import Flask

app = Flask(__name__)


@app.route("/")
def hello():
    return "Hello from a container!"


if __name__ == "__main__":
    app.run(debug=True, host="0.0.0.0")
"""
FACTORY = """\
import os

from flask import Flask, jsonify


def create_app(config=None):
    app = Flask(__name__)
    app.config.update(config or {})

    @app.get("/health")
    def health():
        return {"status": "healthy"}

    @app.get("/version")
    def version():
        return jsonify(commit=os.environ.get("APP_COMMIT"))

    from shop.prices import total

    @app.get("/total")
    def total_of():
        return {"total": total([1, 2])}

    return app
"""
INSTANCE = """\
import os

from flask import Flask


def create_app(test_config=None):
    app = Flask(__name__, instance_relative_config=True)
    os.makedirs(app.instance_path, exist_ok=True)
    app.add_url_rule("/hello", view_func=lambda: sorted(os.listdir(app.instance_path)))
    open(os.path.join(app.instance_path, "flaskr.sqlite"), "a").close()
    return app
"""
PRICES = "def total(prices):\n    return sum(prices)\n"
TESTS = """\
from shop import create_app


def test_total():
    assert create_app().test_client().get("/total").get_json() == {"total": 3}
"""
PYPROJECT = """\
[project]
name = "shop"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = ["flask>=3.1", "gunicorn>=23"]

[dependency-groups]
dev = ["pytest>=8"]
"""
POETRY = """\
[tool.poetry]
name = "shop"
version = "1.0.0"
description = ""
authors = []
package-mode = false

[tool.poetry.dependencies]
python = "^3.11"
flask = "^3.1"

[tool.poetry.group.dev.dependencies]
pytest = "^9.0"
"""
PDM = PYPROJECT + "\n[tool.pdm]\ndistribution = false\n"
# The shapes of Dockerfiles that the tutorials print.
PLAIN = """\
FROM python:3.10-slim
WORKDIR /app
COPY . /app
RUN pip install --no-cache-dir -r requirements.txt
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "app:app"]
"""
FULL = """\
FROM python:3.12
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
CMD ["python", "app.py"]
"""
FAT = """\
FROM python:3.9-slim
RUN apt-get update && apt-get install -y gcc python3-dev
WORKDIR /app
COPY . .
RUN pip install -r requirements.txt
CMD ["python", "app.py"]
"""
HARDENED = """\
FROM python:3.11-slim
RUN useradd -m -u 1000 appuser
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
RUN chown -R appuser:appuser /app
USER appuser
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "main:app"]
"""
USER_INSTALL = """\
# Stage 1: The Builder
FROM python:3.9-slim as builder
WORKDIR /app
RUN apt-get update && apt-get install -y gcc
COPY requirements.txt .
RUN pip install --user --no-cache-dir -r requirements.txt
# Stage 2: The Runner (Production)
FROM python:3.9-slim
WORKDIR /app
COPY --from=builder /root/.local /root/.local
COPY --from=builder /app .
ENV PATH=/root/.local/bin:$PATH
RUN useradd -m -u 1000 appuser
USER appuser
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "app:app"]
"""
LOST_PACKAGES = """\
FROM python:3.10 AS builder
COPY . /app
RUN pip install -r requirements.txt
FROM python:3.10-slim
COPY --from=builder /app /app
CMD ["python", "app.py"]
"""
TIANGOLO = """\
FROM tiangolo/uwsgi-nginx-flask:python3.9
COPY ./requirements.txt /app/requirements.txt
RUN pip install --no-cache-dir -r /app/requirements.txt
COPY ./app /app
"""
COMPOSE = """\
version: '3'
services:
  web:
    build: .
    ports:
      - "5000:5000"
    depends_on:
      - db
      - redis
    environment:
      - DATABASE_URL=postgresql://postgres:password@db/myapp
      - REDIS_URL=redis://redis:6379
    volumes:
      - .:/app
  redis:
    image: "redis:alpine"
    ports:
      - "6379:6379"
  db:
    image: postgres
    environment:
      - POSTGRES_PASSWORD=password
      - POSTGRES_DB=myapp
    volumes:
      - postgres_data:/var/lib/postgresql/data
volumes:
  postgres_data:
"""


@dataclass(frozen=True)
class Shape:
    """A repository, and what must be found in it."""

    files: dict[str, str]
    target: str
    manager: str = "pip"
    tests: str = ""
    folder: str = "."
    ways: tuple[str, ...] = ()  # what must be said to stand in the way, and nothing else
    notes: tuple[str, ...] = ()
    writes: frozenset[str] = field(default_factory=frozenset)


ALWAYS = frozenset({".github/workflows/deliver.yml", "slipway.toml", ".dockerignore"})
STACK = frozenset({"docker-compose.test.yml", "tests/integration/test_smoke.py"})
IMAGE = frozenset({"Dockerfile", "gunicorn.conf.py"})
NEW = ALWAYS | STACK | IMAGE
PACKAGE = {"shop/__init__.py": FACTORY, "shop/prices.py": PRICES, "tests/test_shop.py": TESTS}
REQUIREMENTS = "flask==3.1.3\ngunicorn==27.0.1\n"

SHAPES = {
    "an instance folder": Shape(
        {"flaskr/__init__.py": INSTANCE,
         "pyproject.toml": '[project]\nname = "flaskr"\nversion = "1"\ndependencies = ["flask"]\n'},
        "flaskr:create_app()", "pyproject", writes=NEW, notes=("writes into its instance folder",),
    ),
    "one module": Shape({"app.py": HELLO, "requirements.txt": "flask\n"}, "app:app", writes=NEW,
                        notes=("no health path", "no unit tests")),
    "factory in a package": Shape(
        {**PACKAGE, "requirements.txt": REQUIREMENTS, "requirements-dev.txt": "-r requirements.txt\npytest==9.2.0\n"},
        "shop:create_app()", tests="tests", writes=NEW,
    ),
    "src layout, uv": Shape(
        {"src/shop/__init__.py": FACTORY, "src/shop/prices.py": PRICES, "tests/unit/test_shop.py": TESTS,
         "pyproject.toml": PYPROJECT, "uv.lock": "version = 1\n"},
        "shop:create_app()", "uv", "tests/unit", folder="src", writes=NEW,
    ),
    "Poetry": Shape({**PACKAGE, "pyproject.toml": POETRY, "poetry.lock": ""}, "shop:create_app()", "poetry", "tests",
                    writes=NEW),
    "PDM": Shape({**PACKAGE, "pyproject.toml": PDM, "pdm.lock": ""}, "shop:create_app()", "pdm", "tests", writes=NEW),
    "pyproject without a lock": Shape({**PACKAGE, "pyproject.toml": PYPROJECT}, "shop:create_app()", "pyproject",
                                      "tests", writes=NEW),
    "Heroku": Shape(
        {"shop/__init__.py": "", "shop/db.py": "db = None\n", "app.py": HELLO,
         "shop/web.py": "from shop.db import db\nfrom flask import Flask\nserver = Flask('shop')\n",
         "Procfile": "release: flask migrate\nweb: gunicorn -w 3 shop.web:server\n", "runtime.txt": "python-3.12.4\n",
         "requirements.txt": "flask\npsycopg2==2.9.10\n", "test_shop.py": "def test(): pass\n"},
        "shop.web:server", tests=".", writes=NEW, ways=("psycopg2 is compiled",),
        notes=("named by tag", "the app speaks to Postgres"),
    ),
    "a factory that wants arguments": Shape(
        {"shop.py": "import flask\n\ndef make_app(settings):\n    return flask.Flask('shop')\n",
         "requirements.txt": "flask\n"},
        "shop:make_app()", writes=NEW, ways=("make_app() wants settings",),
    ),
    "tutorial: plain": Shape({"app.py": HELLO, "requirements.txt": "Flask==2.3.2\n", "Dockerfile": PLAIN}, "app:app",
                             writes=ALWAYS | STACK, ways=("runs as root",), notes=("Python 3.10",)),
    "tutorial: the full image": Shape(
        {"app.py": HELLO, "requirements.txt": "flask\n", "Dockerfile": FULL, "docker-compose.yml": COMPOSE}, "app:app",
        writes=ALWAYS | STACK | {"docker-compose.deploy.yml"}, ways=("runs as root",),
        notes=("holds compilers", "development server"),
    ),
    "tutorial: everything in one stage": Shape(
        {"app.py": HELLO, "requirements.txt": "flask\n", "Dockerfile": FAT}, "app:app", writes=ALWAYS | STACK,
        ways=("runs as root",), notes=("a compiler stays", "Python 3.9", "development server"),
    ),
    "tutorial: hardened": Shape(
        {"main.py": HELLO, "requirements.txt": REQUIREMENTS, "Dockerfile": HARDENED}, "main:app", writes=ALWAYS | STACK
    ),
    "tutorial: two stages, installed for root": Shape(
        {"app.py": HELLO, "requirements.txt": REQUIREMENTS, "Dockerfile": USER_INSTALL}, "app:app",
        writes=ALWAYS | STACK, ways=("/root/.local, which USER appuser cannot read", "the app is in no stage"),
    ),
    "tutorial: packages left behind": Shape(
        {"app.py": HELLO, "requirements.txt": REQUIREMENTS, "Dockerfile": LOST_PACKAGES}, "app:app",
        writes=ALWAYS | STACK, ways=("packages are not in the last stage", "runs as root"),
    ),
    "tiangolo's image": Shape(
        {"app/main.py": HELLO, "app/uwsgi.ini": "[uwsgi]\nmodule = main\ncallable = app\n",
         "requirements.txt": "flask\n", "Dockerfile": TIANGOLO},
        "main:app", folder="app", writes=ALWAYS | STACK, ways=("deprecated (November 2025)",),
    ),
    "a repository that has it all": Shape(
        {**PACKAGE, "requirements.txt": REQUIREMENTS, "Dockerfile": HARDENED.replace("main:app", "shop:create_app()"),
         ".dockerignore": ".git\n", "slipway.toml": "", "docker-compose.test.yml": "services: {}\n",
         "tests/integration/test_all.py": "def test(): pass\n", ".github/workflows/deliver.yml": "on: push\n"},
        "shop:create_app()", tests="tests",
    ),
}  # fmt: skip
