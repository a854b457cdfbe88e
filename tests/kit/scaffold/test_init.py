"""`slipway init` on repositories of many shapes: what it finds, what it writes, what it says, what it leaves alone."""

import asyncio
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from scaffold.shapes import ALWAYS, FACTORY, HELLO, IMAGE, PACKAGE, REQUIREMENTS, SHAPES, STACK, Shape
from support import REPOSITORY, real

from slipway import config
from slipway.cli import main
from slipway.scaffold import dockerfile, kit, recipe
from slipway.scaffold.survey import survey
from slipway.tools import hadolint

KIT = "acme/slipway@" + "1234567890" * 4
COMMIT = KIT.partition("@")[2]


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def init(root: Path, *words: str, kit: str = KIT) -> Result:
    result = CliRunner().invoke(main, ["init", str(root), "--uses", kit, *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def said(root: Path, *words: str) -> dict[str, list[str]]:
    result = init(root, "--json", *words)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout)["init"])


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture(params=SHAPES, ids=str)
def shape(request: pytest.FixtureRequest) -> Shape:
    return SHAPES[request.param]


def test_what_is_found(tmp_path: Path, shape: Shape) -> None:
    seen = survey(write(tmp_path, shape.files))
    assert seen.app
    assert (seen.app.target, seen.app.folder, seen.manager, seen.tests) == (
        shape.target, shape.folder, shape.manager, shape.tests,
    )  # fmt: skip


def test_what_is_written_and_said(tmp_path: Path, shape: Shape) -> None:
    before = contents(write(tmp_path, shape.files))
    made = said(tmp_path)
    after = contents(tmp_path)
    assert {name: after[name] for name in before} == before, "something was overwritten"
    assert set(made["written"]) == set(after) - set(before) == shape.writes
    for way in shape.ways:
        assert any(way in line for line in made["in-the-way"]), (way, made)
    assert len(made["in-the-way"]) == len(shape.ways), made["in-the-way"]
    for note in shape.notes:
        assert any(note in line for line in made["notes"]), (note, made)
    # What was written is read by the command itself, and a second call has nothing left to write.
    config.load(tmp_path)
    assert said(tmp_path)["written"] == []
    assert contents(tmp_path) == after


def test_a_dry_run_shows_all_of_it_and_writes_nothing(tmp_path: Path, shape: Shape) -> None:
    before = contents(write(tmp_path, shape.files))
    shown = init(tmp_path, "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert contents(tmp_path) == before
    for name in shape.writes:
        assert f"+++ b/{name}" in shown.output
    init(tmp_path)
    for name in shape.writes:
        for line in (tmp_path / name).read_text().splitlines():
            assert f"+{line}" in shown.output


def test_a_written_dockerfile_has_no_finding(tmp_path: Path, shape: Shape) -> None:
    write(tmp_path, shape.files)
    made = said(tmp_path, "--dockerfile", "Dockerfile.new")
    assert "Dockerfile.new" in made["written"]
    path = tmp_path / "Dockerfile.new"
    remarks = asyncio.run(hadolint.lint(real("hadolint"), path, tmp_path / "log", ()))
    assert [remark for remark in remarks if remark["level"] in ("error", "warning", "style")] == []
    read = recipe.read(path.read_text())
    assert recipe.objections(read, date(2026, 11, 21)) == []
    assert (read.port, read.health, read.chain()[0].user) == (8000, True, "10001")
    assert config.load(tmp_path).build.dockerfile == ("Dockerfile.new" if shape.writes else "Dockerfile")
    assert all(json.loads(line[5:]) for line in path.read_text().splitlines() if line.startswith("COPY ["))
    assert {stage.name for stage in read.stages} >= {"base", "deps", "app", "runtime"} | (
        {"test"} if shape.tests else set()
    )


def test_a_compose_file_becomes_two_stacks(tmp_path: Path) -> None:
    write(tmp_path, SHAPES["tutorial: the full image"].files)
    init(tmp_path)
    test = yaml.safe_load((tmp_path / "docker-compose.test.yml").read_text())["services"]
    assert set(test) == {"web", "redis", "db"}
    assert test["web"]["image"].startswith("${SLIPWAY_IMAGE") and test["web"]["pull_policy"] == "never"
    assert test["web"]["depends_on"]["db"] == {"condition": "service_healthy"}
    assert test["web"]["environment"] == [
        "DATABASE_URL=postgresql://postgres:password@db/myapp", "REDIS_URL=redis://redis:6379",
    ]  # fmt: skip
    for service in test.values():
        assert "volumes" not in service and "build" not in service and service["healthcheck"]["test"]
        assert all(port.startswith("127.0.0.1::") for port in service.get("ports", []))
    assert test["db"]["tmpfs"] == ["/var/lib/postgresql"]
    deploy = yaml.safe_load((tmp_path / "docker-compose.deploy.yml").read_text())
    assert deploy["services"]["db"]["volumes"] == ["db:/var/lib/postgresql"]
    assert deploy["volumes"] == {"db": None, "redis": None}
    assert deploy["services"]["web"]["ports"] == ["127.0.0.1:${SLIPWAY_PORT:-8000}:8000"]
    assert config.load(tmp_path).environment("local")[1].compose == "docker-compose.deploy.yml"


@pytest.mark.parametrize("name", ["no app", "two services", "no packages", "only a Pipfile"])
def test_what_it_cannot_do_is_an_error_with_the_fix(tmp_path: Path, name: str) -> None:
    files = {
        "no app": {"app.py": "print('hello')\n"},
        "two services": {f"services/{n}/{f}": t for n in ("shop", "bill") for f, t in
                         {"app.py": HELLO, "requirements.txt": "flask\n"}.items()},
        "no packages": {"app.py": HELLO},
        "only a Pipfile": {"app.py": HELLO, "Pipfile": ""},
    }[name]  # fmt: skip
    says = {
        "no app": "Name the folder that holds it", "no packages": "pip freeze",
        "two services": "`slipway init services/bill`, `slipway init services/shop`",
        "only a Pipfile": "pipenv requirements",
    }[name]  # fmt: skip
    result = init(write(tmp_path, files))
    assert result.exit_code == 2
    assert says in result.output
    assert set(contents(tmp_path)) == set(files)


def test_names_and_places_that_are_not_the_usual_ones(tmp_path: Path) -> None:
    quoted = write(tmp_path / "quoted", SHAPES["names that must be quoted"].files)
    init(quoted)
    assert 'COPY ["my data/", "my data/"]\n' in (quoted / "Dockerfile").read_text()
    elsewhere = write(tmp_path / "elsewhere", SHAPES["a Dockerfile elsewhere"].files)
    init(elsewhere)
    settings = config.load(elsewhere)
    assert settings.build.dockerfile == "docker/app.Dockerfile"
    local = settings.environment("local")[1]
    assert (local.service, local.compose) == ("api", "docker-compose.deploy.yml")
    (tmp_path / "many/.git").mkdir(parents=True)
    init(write(tmp_path / "many/my #1 shop", SHAPES["one module"].files))
    caller = yaml.safe_load((tmp_path / "many/.github/workflows/deliver-my-1-shop.yml").read_text())
    assert caller["jobs"]["verify"]["with"]["working-directory"] == "my #1 shop"


def test_a_caller_of_another_name_is_enough(tmp_path: Path) -> None:
    """Renamed, or written by hand: no second one comes beside it. One for another project is none for this."""
    (tmp_path / ".git").mkdir()
    shop, bill = tmp_path / "shop", tmp_path / "bill"
    for project in (shop, bill):
        write(project, {"app.py": HELLO, "requirements.txt": "flask\n"})
    init(shop)
    workflows = tmp_path / ".github/workflows"
    (workflows / "deliver-shop.yml").rename(workflows / "ci.yml")
    made = said(shop)
    assert made["written"] == [] and ".github/workflows/ci.yml" in made["kept"]
    assert ".github/workflows/deliver-bill.yml" in said(bill)["written"]
    alone = write(tmp_path / "alone", {"app.py": HELLO, "requirements.txt": "flask\n", ".git/HEAD": ""})
    init(alone)
    (alone / ".github/workflows/deliver.yml").rename(alone / ".github/workflows/x.yaml")
    assert said(alone)["written"] == []


def test_a_target_named_later_changes_nothing_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, {"app.py": HELLO, "requirements.txt": "flask\n"})
    init(tmp_path)
    before = contents(tmp_path)
    notes = said(tmp_path, "--target", "compose")["notes"]
    assert contents(tmp_path) == before
    assert any("deliver.yml is there, so it was not changed, and does not deploy" in note for note in notes)
    assert any("Add [deploy.production]" in note for note in notes)
    for name in (".github/workflows/deliver.yml", "slipway.toml"):
        (tmp_path / name).unlink()
    assert not any("is there" in note for note in said(tmp_path, "--target", "compose")["notes"])
    assert not any("is there" in note for note in said(tmp_path, "--target", "compose")["notes"])


def test_one_project_of_many(tmp_path: Path) -> None:
    """The workflow goes to the repository's top; everything else stays in the project."""
    (tmp_path / ".git").mkdir()
    write(tmp_path / "services/shop", {**PACKAGE, "requirements.txt": REQUIREMENTS})
    write(tmp_path / "services/bill", {"app.py": HELLO, "requirements.txt": "flask\n"})
    for service in ("shop", "bill"):
        written = set(said(tmp_path / "services" / service)["written"])
        own = {f"services/{service}/{name}" for name in (IMAGE | STACK | ALWAYS) if ".github" not in name}
        assert written == own | {f".github/workflows/deliver-services-{service}.yml"}
    caller = yaml.safe_load((tmp_path / ".github/workflows/deliver-services-shop.yml").read_text())
    image = "ghcr.io/${{ github.repository }}/shop"
    assert caller["jobs"]["verify"]["with"] == {"working-directory": "services/shop", "image": image}
    assert caller["jobs"]["publish"]["with"]["image"] == image


@pytest.mark.parametrize(
    ("wanted", "says"),
    [("", "--uses OWNER/slipway"), ("acme", "is not OWNER/slipway"), ("acme/slipway@v1", "a tag can be moved")],
)
def test_a_kit_that_cannot_be_named_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, says: str
) -> None:
    async def elsewhere() -> tuple[str, str]:
        return "/srv/kit", COMMIT

    monkeypatch.setattr(kit, "_origin", elsewhere)
    result = init(write(tmp_path, {"app.py": HELLO, "requirements.txt": "flask\n"}), kit=wanted)
    assert result.exit_code == 2
    assert says in result.output


@pytest.mark.parametrize("url", ["https://github.com/acme/slipway", "git@github.com:acme/slipway.git"])
def test_the_kit_is_known_from_where_it_was_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    async def origin() -> tuple[str, str]:
        return url, COMMIT

    monkeypatch.setattr(kit, "_origin", origin)
    init(write(tmp_path, {"app.py": HELLO, "requirements.txt": "flask\n"}), kit="")
    text = (tmp_path / ".github/workflows/deliver.yml").read_text()
    assert f"uses: acme/slipway/.github/workflows/verify.yml@{COMMIT} # v" in text


def test_a_copy_is_the_kit_of_one_commit_with_its_stamp(tmp_path: Path) -> None:
    write(tmp_path, {"app.py": HELLO, "requirements.txt": "flask\n"})
    result = init(tmp_path, "--mode", "copy", kit="acme/slipway")
    assert result.exit_code == 0, result.output
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    stamp = kit.stamped(tmp_path)
    assert (stamp.source, stamp.commit) == ("https://github.com/acme/slipway", head.stdout.strip())
    listing = subprocess.run(
        ["git", "ls-tree", "-r", "--format=%(objectmode) %(path)", "HEAD"], cwd=REPOSITORY, capture_output=True,
        text=True, check=True,
    ).stdout  # fmt: skip
    modes = dict(reversed(line.split(" ", 1)) for line in listing.splitlines())  # type: ignore[arg-type]
    wanted = {name for name in modes if name.startswith(kit.PARTS) and modes[name] != "120000"}
    assert wanted <= set(contents(tmp_path))
    for name in wanted:
        shown = subprocess.run(["git", "show", f"HEAD:{name}"], cwd=REPOSITORY, capture_output=True, check=True).stdout
        assert (tmp_path / name).read_bytes() == shown
        assert bool((tmp_path / name).stat().st_mode & 0o100) == (modes[name] == "100755")
    assert "uses: $/.github/workflows/verify.yml\n" in (tmp_path / ".github/workflows/deliver.yml").read_text()
    again = init(tmp_path, "--mode", "copy", kit="acme/slipway")
    assert (again.exit_code, "slipway update" in again.output) == (2, True)


def test_a_copy_takes_no_name_that_is_in_use(tmp_path: Path) -> None:
    write(tmp_path, {"app.py": HELLO, "requirements.txt": "flask\n", "scripts/pyproject.toml": "mine\n"})
    before = contents(tmp_path)
    result = init(tmp_path, "--mode", "copy", kit="acme/slipway")
    assert (result.exit_code, contents(tmp_path)) == (2, before)
    assert "scripts/pyproject.toml is there already" in result.output


def test_the_written_image_is_the_one_that_the_kit_pins() -> None:
    images = config.tomllib.loads((REPOSITORY / "images.toml").read_text())
    assert images["PYTHON_IMAGE"] == dockerfile.PYTHON_IMAGE
    assert f"uv=={dockerfile.PINS['uv']} " in (REPOSITORY / "requirements-build.txt").read_text()
    lock = config.tomllib.loads((REPOSITORY / "uv.lock").read_text())["package"]
    assert dockerfile.PINS["gunicorn"] in {p.get("version") for p in lock if p["name"] == "gunicorn"}


@pytest.mark.parametrize(
    ("code", "health"),
    [
        ("@app.route('/healthz')", "/healthz"),
        ("@app.get('/up/')", "/up/"),
        ("up = Blueprint('up', __name__, url_prefix='/up')\n@up.get('/')", "/up/"),
        ("api = Blueprint('api', __name__, url_prefix='/api')\n@api.get('/health')", ""),
        ("@app.get('/users/health')", ""),
    ],
)
def test_the_health_path(tmp_path: Path, code: str, health: str) -> None:
    text = f"from flask import Blueprint, Flask\napp = Flask(__name__)\n{code}\ndef view(): return 'well'\n"
    made = said(write(tmp_path, {"app.py": text, "requirements.txt": "flask\n"}))
    assert config.load(tmp_path).environment("local")[1].health == health
    assert f"health and version: {health or 'no path found'}" in made["found"]
    expected = f"GET {health} HTTP" if health else "GET / HTTP"
    assert expected in (tmp_path / "Dockerfile").read_text()


@pytest.mark.parametrize(
    ("commands", "branch"),
    [
        ([], "main"),
        (["init -q -b trunk"], "trunk"),
        (["init -q -b master", "commit -q --allow-empty -m x", "switch -q -c work"], "master"),
        (["init -q -b work", "commit -q --allow-empty -m x", "update-ref refs/remotes/origin/live HEAD",
          "symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/live"], "live"),
        (["init -q -b 1}"], "main"),
    ],
)  # fmt: skip
def test_the_branch_that_is_published(tmp_path: Path, commands: list[str], branch: str) -> None:
    write(tmp_path, {"app.py": HELLO, "requirements.txt": "flask\n"})
    for words in commands:
        author = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *author, *words.split()], check=True, timeout=60)
    init(tmp_path)
    caller = (tmp_path / ".github/workflows/deliver.yml").read_text()
    assert f"push: {{branches: [{branch}]}}" in caller


def test_the_app_is_read_and_never_run(tmp_path: Path) -> None:
    code = "import pathlib\npathlib.Path('ran').touch()\n" + FACTORY
    write(tmp_path, {"shop/__init__.py": code, "shop/prices.py": "", "requirements.txt": "flask\n"})
    subprocess.run([sys.executable, "-m", "slipway", "init", ".", "--uses", KIT], cwd=tmp_path, check=True, timeout=60)
    assert not (tmp_path / "ran").exists()
