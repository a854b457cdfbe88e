"""`slipway init`: what is written into a repository, and what stands in the way of a green run there."""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Literal

from slipway import config
from slipway.errors import UsageError
from slipway.image import ignore
from slipway.scaffold import dockerfile, kit, recipe, stack, templates, workflow
from slipway.scaffold.flask_app import LIVE, READY, VERSION
from slipway.scaffold.recipe import Objection
from slipway.scaffold.stack import Stack
from slipway.scaffold.survey import PINNED_PYTHON, Survey, others, survey
from slipway.tools import git

Mode = Literal["reference", "copy"]
Target = Literal["render", "railway", "compose"]
TEST_FILE, DEPLOY_FILE = "docker-compose.test.yml", "docker-compose.deploy.yml"
SMOKE = "tests/integration/test_smoke.py"


@dataclass(frozen=True)
class New:
    """A file to write."""

    path: str  # from the repository's top
    content: bytes
    executable: bool = False


@dataclass(frozen=True)
class Wish:
    """What the user asks for."""

    mode: Mode = "reference"
    target: Target | None = None
    uses: str = ""  # OWNER/slipway[@COMMIT]
    dockerfile: str = ""  # write a Dockerfile of this name, whatever else is there


@dataclass
class Plan:
    """What init found, what it would write, and what it has to say."""

    top: Path
    found: list[str] = field(default_factory=list)
    new: list[New] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # there already: never overwritten
    ways: list[str] = field(default_factory=list)  # what keeps a run from being green, with the fix
    notes: list[str] = field(default_factory=list)

    def add(self, path: str, text: str) -> None:
        """A file to write, unless there is one."""
        if (self.top / path).exists():
            self.kept.append(path)
        else:
            self.new.append(New(path, text.encode()))

    def say(self, objection: Objection, file: str) -> None:
        """What a file that is there already makes of a run."""
        text = f"{file}:{objection.line}: {objection.what}. {objection.fix}"
        (self.ways if objection.stops else self.notes).append(text)


async def plan(root: Path, wish: Wish, today: date) -> Plan:
    """Look at a project and decide what to write.

    Raises:
        UsageError: there is no Flask app to be served, or nothing says which packages it needs.
    """
    seen = survey(root)
    _usable(seen, wish)
    made = Plan(seen.top, list(_found(seen)), notes=list(seen.troubles))
    from_ = await kit.installed(wish.uses)
    if wish.mode == "copy":
        await _copy(made, from_)
    branch = await _branch(seen.top)
    if caller := workflow.present(seen.top, seen.inside):
        made.kept.append(caller)
    else:
        made.add(workflow.path(seen.inside), workflow.write(wish.mode, wish.target or "", from_, seen.inside, branch))
    seen, port, checked = _dockerfile(made, seen, wish, today)
    of = stack.read(seen.services)
    deploy = _stacks(made, seen, of, port, checked)
    settings = "\n".join(_settings(seen, wish, of, deploy))
    _valid(settings)
    made.add(_in(seen, config.FILE), settings)
    if wish.target:
        made.notes += _undeployed(made, seen)
    _judge(made, seen, of, wish.target or "")
    return made


def write(made: Plan) -> None:
    """Write the files of a plan; one that has come into being meanwhile is left alone."""
    for new in made.new:
        path = made.top / new.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(new.content)
        if new.executable:
            path.chmod(0o755)


def _usable(seen: Survey, wish: Wish) -> None:
    if seen.manager == "" and (many := others(seen.root)):
        calls = ", ".join(f"`slipway init {name}`" for name in many[:4])
        raise UsageError(f"the Flask apps below {seen.root} are projects of their own. Take one at a time: {calls}.")
    if not seen.app:
        raise UsageError(
            f"no Flask app was found below {seen.root}: no `Flask(…)` in a module or in a factory. "
            "Name the folder that holds it: slipway init DIR."
        )
    if seen.manager in ("", "pipenv") and (wish.dockerfile or not seen.dockerfile):
        fix = "`pipenv requirements > requirements.txt`" if seen.manager else "`pip freeze > requirements.txt`"
        raise UsageError(f"nothing that is read here says which packages the app needs. Write them down: {fix}.")


def _in(seen: Survey, name: str) -> str:
    return f"{seen.inside}/{name}" if seen.inside else name


def _found(seen: Survey) -> Iterator[str]:
    assert seen.app
    kind = "factory" if seen.app.attribute.endswith(")") else "app"
    yield f"{kind} {seen.app.target} ({seen.app.file}:{seen.app.line})"
    ways = {
        "uv": "uv, by uv.lock", "poetry": "Poetry, by poetry.lock", "pdm": "PDM, by pdm.lock",
        "pip": f"pip, by {seen.requirements}", "pyproject": "pyproject.toml, without a lock", "pipenv": "Pipenv",
        "": "nothing that says which",
    }  # fmt: skip
    yield f"packages: {ways[seen.manager]}"
    yield f"Python {seen.python}{f', by {seen.python_why}' if seen.python_why else ''}"
    yield f"Dockerfile: {'there' if seen.dockerfile else 'none'}"
    beside = f", with {', '.join(seen.services)}" if seen.services else ""
    yield f"compose file: {seen.compose + beside if seen.compose else 'none'}"
    tests = {"": "none", ".": "beside the app"}.get(seen.tests, seen.tests)
    yield f"unit tests: {tests}; integration tests: {'there' if seen.integration else 'none'}"
    paths = [p for p in (seen.source.first(LIVE), seen.source.first(READY), seen.source.first((VERSION,))) if p]
    yield f"health and version: {', '.join(paths) or 'no path found'}"
    if seen.inside:
        yield f"in a repository of more: {seen.inside}"


async def _copy(made: Plan, from_: kit.Kit) -> None:
    if (made.top / kit.STAMP).exists():
        raise UsageError(f"{made.top} holds a copy of Slipway already. Bring it up to date: slipway update")
    with tempfile.TemporaryDirectory(prefix="slipway-kit-") as scratch:
        repository = await kit.repository(kit.folder() or from_.source, Path(scratch))
        files = kit.parts(await kit.files(repository, from_.commit))
    taken = [name for name in files if (made.top / name).exists()]
    if taken:
        raise UsageError(
            f"{', '.join(taken[:3])} {'is' if len(taken) == 1 else 'are'} there already, and a copy of the kit needs "
            "the name. Move it, or refer to the kit: --mode reference."
        )
    made.new += [New(name, file.content, file.executable) for name, file in files.items()]
    made.add(kit.STAMP, replace(from_, version=kit.version(files)).stamp)


async def _branch(top: Path) -> str:
    """The branch that is published from: the remote's default, else main or master, else the one checked out."""
    name = await git.default_branch(top) or await git.checked_out(top)
    return name if re.fullmatch(r"[A-Za-z][\w./-]*", name) else "main"


def _dockerfile(made: Plan, seen: Survey, wish: Wish, today: date) -> tuple[Survey, int, bool]:
    """The Dockerfile that is built, the port that it serves and whether its image has a health check."""
    name = wish.dockerfile or seen.dockerfile or "Dockerfile"
    made.add(_in(seen, ".dockerignore"), templates.fill("dockerignore"))
    if not wish.dockerfile and seen.dockerfile:
        read = recipe.read((seen.root / name).read_text(encoding="utf-8", errors="replace"))
        made.kept.append(_in(seen, name))
        for objection in recipe.objections(read, today):
            made.say(objection, name)
        return seen, read.port, read.health
    if not (seen.root / "gunicorn.conf.py").exists():
        made.add(_in(seen, "gunicorn.conf.py"), templates.fill("gunicorn.conf"))
    made.add(_in(seen, name), dockerfile.write(seen))
    made.ways += dockerfile.objections(seen)
    if seen.python != PINNED_PYTHON:
        made.notes.append(f"{name}: the base image for Python {seen.python} is named by tag. Pin it: docker buildx "
                          f"imagetools inspect {dockerfile.image(seen.python)}")  # fmt: skip
    return replace(seen, dockerfile=name), 8000, True


def _stacks(made: Plan, seen: Survey, of: Stack, port: int, checked: bool) -> str:
    """Writes the stacks; returns the compose file to deploy with, empty for the default."""
    test = _in(seen, TEST_FILE)
    if (made.top / test).exists() and not seen.integration:
        made.kept.append(test)
    else:
        made.add(test, stack.test_file(of, port, seen.compose, checked))
        if not seen.integration:
            health = seen.source.first(LIVE)
            made.add(
                _in(seen, SMOKE),
                templates.fill("smoke-test", service=of.name, port=port, health=health or "/",
                               expected="== 200" if health else "< 500"),
            )  # fmt: skip
    if not seen.compose or "SLIPWAY_IMAGE" in str(seen.services):
        return "" if seen.compose in ("", "docker-compose.yml") else seen.compose
    made.add(_in(seen, DEPLOY_FILE), stack.deploy_file(of, port, seen.compose, checked))
    return DEPLOY_FILE


def _settings(seen: Survey, wish: Wish, of: Stack, deploy: str) -> Iterator[str]:
    ready = seen.source.first(READY) or seen.source.first(LIVE)
    version = seen.source.first((VERSION,))
    proof = [f'health = "{ready}"'] if ready else []
    proof += [f'version = "{version}"'] if version else []
    yield "# What differs from the defaults. Written by `slipway init`; yours from here on."
    if seen.dockerfile not in ("", "Dockerfile"):
        yield from ("[build]", f'dockerfile = "{seen.dockerfile}"', "")
    if seen.tests not in ("", ".", "tests/unit", "tests"):
        yield from ("[test]", f'tests = "{seen.tests}"', "")
    yield from ("[deploy.local]", 'url = "http://127.0.0.1:8000"', *proof)
    place = [f'compose = "{deploy}"'] if deploy else []
    place += [f'service = "{of.name}"'] if of.name != "web" else []
    yield from place
    if wish.target == "compose":
        yield from ("", "[deploy.production]", 'url = "http://127.0.0.1:8000" # on the machine that serves')
        yield from (*proof, *place)
    elif wish.target:
        yield from ("", "[deploy.production]", f'target = "{wish.target}"')
        yield from ('service = "srv-yours" # its id, as the platform shows it', 'url = "https://yours.example"', *proof)
    yield ""


def _undeployed(made: Plan, seen: Survey) -> Iterator[str]:
    """What was asked for and is not written, since a file is there already."""
    caller = workflow.present(seen.top, seen.inside)
    if caller and not re.search(r"slipway/\.github/\S*deploy|\$/\.github/\S*deploy", (seen.top / caller).read_text()):
        yield f"{caller} is there, so it was not changed, and does not deploy. Add the job, or remove it and call again"
    settings = _in(seen, config.FILE)
    if settings in made.kept and "production" not in config.load(seen.root, {}).deploy:
        yield f"{settings} is there, so it was not changed. Add [deploy.production] (docs/reference/slipway-toml.md)"


def _valid(text: str) -> None:
    """Refuse what this very version would refuse later, such as a target that it does not have."""
    with tempfile.TemporaryDirectory(prefix="slipway-init-") as folder:
        (Path(folder) / config.FILE).write_text(text, encoding="utf-8")
        config.load(Path(folder), {})


def _judge(made: Plan, seen: Survey, of: Stack, target: str) -> None:
    """What the files alone tell about the first run."""
    assert seen.app
    if seen.app.needs:
        wants = ", ".join(seen.app.needs)
        made.ways.append(f"{seen.app.file}:{seen.app.line}: {seen.app.attribute} wants {wants}, which gunicorn does "
                         "not give. Give them defaults, or write a wsgi.py that makes the app.")  # fmt: skip
    if not of.others and (wanted := ", ".join(stack.needs(seen.packages))):
        made.notes.append(f"the app speaks to {wanted}, and no compose file says how. If it does not start without, "
                          f"add the service and its variables to {TEST_FILE} (docs/how-to/services.md).")  # fmt: skip
    made.notes += of.said
    if target in workflow.SECRETS:
        made.notes += [
            f"{config.FILE}: fill in `service` and `url` of [deploy.production]",
            f"GitHub: give the environment `production` the secret {workflow.SECRETS[target][1]}",
        ]
    if seen.source.instance:
        made.notes.append("the app writes into its instance folder: what lies there goes with the container. Mount a "
                          "volume over it, or take a database (docs/how-to/services.md)")  # fmt: skip
    if not seen.tests:
        made.notes.append("no unit tests: the stage `test` is skipped. Write tests/unit/test_….py")
    if not seen.source.first(LIVE):
        made.notes.append("no health path: whatever / answers below 500 counts (docs/how-to/health-and-version.md)")
    if not seen.source.first((VERSION,)):
        made.notes.append("no /version: a deploy says `version unproven` (docs/how-to/health-and-version.md)")
    own = seen.root / ".dockerignore"
    rules = ignore.parse(own.read_text(encoding="utf-8", errors="replace")) if own.exists() else None
    if rules and not rules.excluded(".env")[0] and seen.root.joinpath(".env").exists():
        made.ways.append(".dockerignore: .env goes into the image, with what is secret in it. Add the line `**/.env`.")
