"""Reads a Dockerfile that is there already, and says what of it stands in the way of a green run, with the fix."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

# The last day of security updates (https://devguide.python.org/versions/).
END_OF_LIFE = {
    "2.7": date(2020, 1, 1), "3.6": date(2021, 12, 23), "3.7": date(2023, 6, 27), "3.8": date(2024, 10, 7),
    "3.9": date(2025, 10, 31), "3.10": date(2026, 10, 31), "3.11": date(2027, 10, 31), "3.12": date(2028, 10, 31),
}  # fmt: skip
TIANGOLO = re.compile(r"^(?:docker\.io/)?tiangolo/(?:uwsgi-nginx-flask|uwsgi-nginx|meinheld-gunicorn(?:-flask)?)\b")
GUIDE = "docs/how-to/migrate-from-tiangolo.md"
_COMPILERS = re.compile(r"apt-get\s[^\n]*install[^\n]*\b(gcc|g\+\+|build-essential|python3-dev)\b")
_INSTALLS = re.compile(r"\b(pip3?\s+install|uv\s+(sync|pip)|poetry\s+install|pdm\s+(sync|install)|pipenv\s+)")
_PACKAGES = re.compile(r"site-packages|\.local|/usr/local|venv|/install|/deps")
_DEPENDENCY_FILES = re.compile(r"^(requirements\S*\.txt|pyproject\.toml|\S+\.lock|Pipfile\S*|\S+\.toml)$")
_DEVELOPMENT = re.compile(r"\bflask\b.*\brun\b|\bpython3?\b\W+(?!-m\W+gunicorn)[\w./-]*\.py\b")


@dataclass(frozen=True)
class Objection:
    """Something that keeps a run from being green, or that is only said."""

    line: int
    what: str
    fix: str
    stops: bool = True


@dataclass
class Stage:
    """One stage of a Dockerfile."""

    base: str
    name: str
    line: int
    instructions: list[tuple[str, str, int]] = field(default_factory=list)  # word, rest, line

    def all(self, word: str) -> Iterator[tuple[str, int]]:
        """What follows an instruction, wherever it stands in this stage, with its line."""
        yield from ((rest, line) for one, rest, line in self.instructions if one == word)

    def last(self, word: str) -> str:
        """What follows the last such instruction; empty without one."""
        return ([""] + [rest for rest, _ in self.all(word)])[-1]

    @property
    def user(self) -> str:
        """The user that it ends with; empty: the base image's, which is root as a rule."""
        return self.last("USER").partition(":")[0]


@dataclass(frozen=True)
class Recipe:
    """A Dockerfile."""

    stages: tuple[Stage, ...]

    def chain(self) -> list[Stage]:
        """The last stage and those that it is built on, itself first."""
        found, names = [], {s.name: s for s in self.stages if s.name}
        stage: Stage | None = self.stages[-1] if self.stages else None
        while stage and stage not in found:
            found.append(stage)
            stage = names.get(stage.base.lower())
        return found

    @property
    def command(self) -> str:
        """CMD, or ENTRYPOINT and CMD, as words."""
        parts = [next((s.last(word) for s in self.chain() if s.last(word)), "") for word in ("ENTRYPOINT", "CMD")]
        return " ".join(_words(part) for part in parts if part)

    @property
    def port(self) -> int:
        """The port that is exposed, or bound by gunicorn; 8000 where nothing says."""
        exposed = next((rest for s in self.chain() for rest, _ in s.all("EXPOSE")), "")
        found = re.match(r"(\d+)", exposed) or re.search(r"(?:--bind|-b)[= ]\S*?:(\d+)", self.command)
        return int(found[1]) if found else 8000

    @property
    def health(self) -> bool:
        """Whether the image has a health check of its own."""
        return any(rest.upper() != "NONE" for s in self.chain() for rest, _ in s.all("HEALTHCHECK"))

    def copies(self) -> set[str]:
        """What is copied from the build context, in any stage."""
        return {source for s in self.stages for source in _context_sources(s)}


def read(text: str) -> Recipe:
    """Read a Dockerfile; what is no instruction is passed over: the build will say."""
    stages: list[Stage] = []
    for word, rest, line in _instructions(text):
        if word == "FROM" and (found := re.match(r"(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", rest, re.I)):
            stages.append(Stage(_value(found[1], text), (found[2] or "").lower(), line))
        elif stages:
            stages[-1].instructions.append((word, rest, line))
    return Recipe(tuple(stages))


def objections(recipe: Recipe, today: date) -> list[Objection]:
    """What to say about a Dockerfile, in the order of its lines."""
    if not recipe.stages:
        return [Objection(1, "no FROM: this is no Dockerfile", "write one, or have one written: --dockerfile NAME")]
    return sorted([*_bases(recipe, today), *_last(recipe), *_command(recipe)], key=lambda one: one.line)


def _bases(recipe: Recipe, today: date) -> Iterator[Objection]:
    for stage in recipe.stages:
        if TIANGOLO.match(stage.base):
            what = f"{stage.base} is deprecated (November 2025): its tags are not rebuilt, their holes stay"
            yield Objection(stage.line, what, f"{GUIDE}; `--dockerfile Dockerfile.new` writes the one without it")
        found = re.match(r"(?:docker\.io/)?(?:library/)?python:(\d\.\d+)", stage.base)
        if found and END_OF_LIFE.get(found[1], date.max) < today:
            ended = END_OF_LIFE[found[1]]
            what = f"Python {found[1]} has had no security updates since {ended:%B %Y}"
            yield Objection(stage.line, what, "take python:3.13-slim-trixie, by digest", stops=False)
        if found and stage in recipe.chain() and not re.search("slim|alpine", stage.base):
            what = f"{stage.base} holds compilers and headers that serve nothing in production"
            yield Objection(stage.line, what, f"take {stage.base.split('-')[0]}-slim", stops=False)


def _last(recipe: Recipe) -> Iterator[Objection]:
    """The stage that ships: its user, and whether packages and app are in it at all."""
    chain = recipe.chain()
    end = chain[0]
    user = next((s.user for s in chain if s.user), "")
    whole = "\n".join(rest for s in chain for rest, _ in s.all("RUN"))
    if user in ("", "root", "0") and not TIANGOLO.match(chain[-1].base):
        yield Objection(end.line, "the app runs as root: the scan stops it (DS-0002)", "end with USER 10001:10001")
    if user not in ("", "root", "0") and (line := _copied_to(end, "/root/")):
        what = f"packages lie in /root/.local, which USER {user} cannot read: the container dies at its start"
        yield Objection(line, what, "make a virtual environment (python -m venv /venv) and copy that")
    if _COMPILERS.search(whole):
        line = next(line for s in chain for rest, line in s.all("RUN") if _COMPILERS.search(rest))
        yield Objection(line, "a compiler stays in the image that ships", "build in a stage of its own", stops=False)
    copied = {source for s in chain for source in _context_sources(s)}
    taken = " ".join(rest for s in chain for rest, _ in s.all("COPY") if "--from=" in rest)
    if len(chain) < len(recipe.stages) and taken:
        if not _INSTALLS.search(whole) and not re.search(
            r"site-packages|\.local|/usr/local|venv|/install|/deps", taken
        ):
            what = "the packages are not in the last stage: pip put them into site-packages, which is not copied"
            yield Objection(end.line, what, "install into /venv, and COPY --from that too")
        others = [s for s in recipe.stages if s not in chain]
        everywhere = copied | {source for s in others if s.name and s.name in taken for source in _context_sources(s)}
        if all(_DEPENDENCY_FILES.match(name) for name in everywhere):
            what = "the app is in no stage that ships: only its list of packages is copied"
            yield Objection(end.line, what, "COPY the source into the last stage")


def _command(recipe: Recipe) -> Iterator[Objection]:
    command = recipe.command
    line = next((line for s in recipe.chain() for _, line in [*s.all("CMD"), *s.all("ENTRYPOINT")]), 0)
    if _DEVELOPMENT.search(command):
        what = f"`{command}` starts Flask's development server"
        yield Objection(line, what, 'CMD ["gunicorn", "--bind=0.0.0.0:8000", "…:app"]', stops=False)
    if re.search(r"(--bind|-b|--host)[= ](127\.0\.0\.1|localhost)", command):
        what = "the app listens on loopback only: nothing reaches it from outside the container"
        yield Objection(line, what, "listen on 0.0.0.0")


def _instructions(text: str) -> Iterator[tuple[str, str, int]]:
    """Instructions in one line each, without comments and heredocs' bodies."""
    lines, number, end = text.splitlines(), 0, ""
    while number < len(lines):
        start, whole = number + 1, ""
        while number < len(lines):
            line = lines[number]
            number += 1
            if not line.lstrip().startswith("#"):
                whole += line.rstrip().removesuffix("\\") + " "
                if not line.rstrip().endswith("\\"):
                    break
        if end:
            end = "" if whole.strip() == end else end
            continue
        if heredoc := re.search(r"<<-?[\"']?(\w+)", whole):
            end = heredoc[1]
        word, _, rest = whole.strip().partition(" ")
        if word:
            yield word.upper(), rest.strip(), start


def _value(image: str, text: str) -> str:
    """An image's name with the defaults of its build arguments."""
    given = dict(re.findall(r"(?im)^\s*ARG\s+(\w+)=[\"']?([^\s\"']+)", text))
    return re.sub(r"\$\{?(\w+)(?::?-([^}]*))?\}?", lambda m: str(given.get(m[1], m[2] or m[0])), image)


def _words(command: str) -> str:
    """The words of CMD, in its exec or its shell form."""
    try:
        words = json.loads(command)
    except ValueError:
        return command
    return " ".join(map(str, words)) if isinstance(words, list) else command


def _context_sources(stage: Stage) -> set[str]:
    found: set[str] = set()
    for word in ("COPY", "ADD"):
        for rest, _ in stage.all(word):
            if "--from=" not in rest:
                words = re.sub(r"--\S+\s+", "", rest).split()
                words = _words(rest).split() if rest.lstrip().startswith("[") else words
                found |= {name.removeprefix("./").rstrip("/") or "." for name in words[:-1]}
    return found


def _copied_to(stage: Stage, folder: str) -> int:
    """The line of a COPY into a folder; 0 without one."""
    return next((line for rest, line in stage.all("COPY") if rest.split()[-1].startswith(folder)), 0)
