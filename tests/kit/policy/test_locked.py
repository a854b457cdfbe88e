"""Which packages must be in an image, by each kind of lock file; and what is said when one is not."""

import json
from typing import Any

import pytest
from support import REPOSITORY

from slipway.policy import locked

LINUX = locked.environment({"architecture": "amd64", "config": {"Env": ["PYTHON_VERSION=3.13.1", "PATH=/bin"]}})
UV = """
version = 1
[[package]]
name = "shop"
source = { virtual = "." }
dependencies = [
    { name = "flask", extra = ["async"] },
    { name = "colorama", marker = "sys_platform == 'win32'" },
    { name = "tomli", marker = "python_version < '3.11'" },
    { name = "ours" },
    { name = "numpy", version = "2.0.0", marker = "platform_machine == 'x86_64'" },
    { name = "numpy", version = "1.0.0", marker = "platform_machine != 'x86_64'" },
]
[package.dev-dependencies]
dev = [{ name = "pytest" }]
[package.optional-dependencies]
gpu = [{ name = "cupy" }]
[[package]]
name = "flask"
version = "3.1.0"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "werkzeug" }, { name = "flask", extra = ["async"] }]
[package.optional-dependencies]
async = [{ name = "asgiref" }]
dotenv = [{ name = "python-dotenv" }]
[[package]]
name = "ours"
version = "0.1"
source = { git = "https://example.com/ours?rev=1" }
""" + "".join(
    f'[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {{ registry = "x" }}\n'
    for name, version in [
        ("werkzeug", "3.1.3"), ("asgiref", "3.8.1"), ("python-dotenv", "1.0"), ("colorama", "0.4"), ("tomli", "2.0"),
        ("pytest", "9.0"), ("cupy", "13.0"), ("numpy", "2.0.0"), ("numpy", "1.0.0"),
    ]
)  # fmt: skip
POETRY = """
[[package]]
name = "Flask"
version = "3.1.0"
optional = false
groups = ["main"]
[[package]]
name = "pytest"
version = "9.0"
optional = false
groups = ["dev"]
[[package]]
name = "colorama"
version = "0.4"
optional = false
groups = ["main", "dev"]
markers = {main = "platform_system == \\"Windows\\"", dev = "sys_platform == \\"win32\\""}
[[package]]
name = "extra"
version = "1"
optional = true
groups = ["main"]
"""
PDM = """
[[package]]
name = "flask"
version = "3.1.0"
groups = ["default"]
[[package]]
name = "pytest"
version = "9.0"
groups = ["dev"]
[[package]]
name = "colorama"
version = "0.4"
groups = ["default"]
marker = "sys_platform == \\"win32\\""
"""
PIPFILE = json.dumps({
    "default": {"flask": {"version": "==3.1.0"}, "colorama": {"version": "==0.4", "markers": "os_name == 'nt'"}},
    "develop": {"pytest": {"version": "==9.0"}},
})  # fmt: skip
PYLOCK = """
lock-version = "1.0"
[[packages]]
name = "flask"
version = "3.1.0"
[[packages]]
name = "colorama"
version = "0.4"
marker = "sys_platform == 'win32'"
[[packages]]
name = "pytest"
version = "9.0"
marker = "'dev' in dependency_groups"
"""
REQUIREMENTS = """
# by pip-compile
--index-url https://example.com/simple
-r more.txt
flask==3.1.0 \\
    --hash=sha256:00 \\
    --hash=sha256:01
    # via shop
Werkzeug>=3,<4
colorama==0.4 ; sys_platform == "win32"
ours @ git+https://example.com/ours
./local
-e .
"""
FLASK = {"flask": {"3.1.0"}}


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        (
            "uv.lock",
            UV,
            FLASK | {"werkzeug": {"3.1.3"}, "asgiref": {"3.8.1"}, "numpy": {"2.0.0"}, "ours": set()},
        ),
        ("poetry.lock", POETRY, FLASK),
        ("pdm.lock", PDM, FLASK),
        ("Pipfile.lock", PIPFILE, FLASK),
        ("pylock.toml", PYLOCK, FLASK),
        ("requirements.txt", REQUIREMENTS, FLASK | {"werkzeug": set(), "ours": set()}),
        ("pyproject.toml", '[project]\ndependencies = ["flask>=3", "x; os_name == \'nt\'"]\n', {"flask": set()}),
    ],
)
def test_what_each_file_puts_into_an_image(name: str, text: str, wanted: dict[str, set[str]]) -> None:
    assert locked.required(name, text, LINUX) == wanted


def test_another_platform_and_a_python_that_is_not_known() -> None:
    arm = locked.environment({"architecture": "arm64", "config": {}})
    wanted = locked.required("uv.lock", UV, arm)
    assert wanted["numpy"] == {"1.0.0"}
    assert "tomli" not in wanted, "it depends on a version that nobody knows: not demanded"
    old = locked.environment({"architecture": "amd64", "config": {"Env": ["PYTHON_VERSION=3.10.4"]}})
    assert "tomli" in locked.required("uv.lock", UV, old)


def test_the_samples_own_lock() -> None:
    wanted = locked.required("uv.lock", (REPOSITORY / "uv.lock").read_text(), LINUX)
    assert {"flask", "werkzeug", "gunicorn", "sqlalchemy", "psycopg-binary"} <= set(wanted)
    assert "pytest" not in wanted and all(wanted.values())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", "garbage"), ("uv.lock", "version = 1"), ("uv.lock", "[[package]]\nname = 3"),
        ("poetry.lock", "[[package]]\ngroups = ['main']\nmarkers = '???'"), ("Pipfile.lock", "[]"),
        ("Pipfile.lock", "{"), ("pdm.lock", ""), ("pylock.toml", "packages = 3"), ("requirements.txt", "=3"),
        ("pyproject.toml", "[project]\ndependencies = [3]"),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_is_an_error(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"{name} cannot be read"):
        locked.required(name, text, LINUX)


@pytest.mark.parametrize(
    ("dockerfile", "name"),
    [
        ("COPY pyproject.toml uv.lock ./\nRUN uv sync --locked", "uv.lock"),
        ("COPY . .\nRUN uv sync", "uv.lock"),
        ("COPY . .\nRUN poetry install --only main", "poetry.lock"),
        ("RUN pip install -r requirements.txt", "requirements.txt"),
        ("RUN pipenv sync", "Pipfile.lock"),
        ("RUN pdm install --prod", "pdm.lock"),
        ("RUN pip install --no-cache-dir .", "pyproject.toml"),
        ("RUN pip install '.[web]'", ""),
        ("RUN pip install flask", ""),
        ("FROM scratch", ""),
    ],
)
def test_the_file_by_which_a_dockerfile_installs(dockerfile: str, name: str) -> None:
    assert locked.chosen(dockerfile, locked.INSTALLS) == name
    assert locked.chosen(dockerfile, []) == ""


SEEN: list[dict[str, Any]] = [{"Name": "Flask", "Version": "3.1"}, {"Name": "zope.interface", "Version": "7.0"}]


@pytest.mark.parametrize(
    ("wanted", "gone"),
    [
        ({"flask": {"3.1.0"}, "zope-interface": set()}, []),
        ({"flask": {"3.1.1"}}, ["flask 3.1.1"]),
        ({"flask": {"3.1.1", "3.1.0"}}, []),
        ({"werkzeug": set(), "jinja2": {"3.1"}}, ["jinja2 3.1", "werkzeug"]),
    ],
)
def test_what_is_missing(wanted: dict[str, set[str]], gone: list[str]) -> None:
    assert locked.missing(wanted, SEEN) == gone
