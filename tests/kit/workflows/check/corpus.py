"""Reads the corpus: small projects in one file each, with every finding that they must give written beside its line.

A line `--- # PATH` begins the next file of the project (`kit:PATH`: of the kit); the first is .github/workflows/ci.yml.
`# expect RULE@COLUMN: TEXT` stands on the line of the finding, TEXT in its message, reason or fix; a further
`# expect-text TEXT` belongs to the expectation before it. `# expect-at FILE:LINE:COLUMN RULE: TEXT` names the place.
`# expect-note RULE@COLUMN: TEXT` is a note, which turns nothing red.
`# options: …` are options of the command, `# row: N` is a row of the truth table of permissions.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
FIRST = ".github/workflows/ci.yml"
_FILE = re.compile(r"^--- # (\S+)$")
_MARK = re.compile(r"# expect(?P<form>-text|-at|-note)? (?P<rest>.*?)(?=\s*# expect|$)")


@dataclass
class Expected:
    """One finding that must be there."""

    place: tuple[str, int, int]
    rule: str
    texts: list[str] = field(default_factory=list)
    note: bool = False


@dataclass
class Case:
    """One small project."""

    name: str
    files: dict[str, str] = field(default_factory=dict)
    expected: list[Expected] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    row: str = ""

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Lay the files out; returns the project and the kit."""
        for name, content in self.files.items():
            kit, _, path = name.rpartition(":")
            target = folder / (kit or "project") / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        (folder / "kit").mkdir(exist_ok=True)
        return folder / "project", folder / "kit"


def load(path: Path) -> Case:
    """One case."""
    case = Case(str(path.relative_to(FOLDER)).removesuffix(".yml"))
    name, lines = FIRST, list[str]()
    for text in [*path.read_text(encoding="utf-8").splitlines(), None]:
        if text is None or (begun := _FILE.match(text)):
            case.files[name] = "\n".join([*lines, ""])
            name, lines = (begun[1], []) if text is not None and begun else (name, lines)
            continue
        lines.append(text)
        if option := re.match(r"# options: (.*)", text):
            case.options = option[1].split()
        if row := re.match(r"# row: (\d+)", text):
            case.row = row[1]
        for mark in _MARK.finditer(text):
            _expect(case, mark["form"] or "", mark["rest"], name, len(lines))
    return case


def _expect(case: Case, form: str, rest: str, file: str, line: int) -> None:
    if form == "-text":
        case.expected[-1].texts.append(rest.replace("\\n", "\n"))
        return
    head, text = rest.split(": ", 1)
    if form == "-at":
        place, rule = head.split(" ")
        file, line_text, column = place.rsplit(":", 2)
        line = int(line_text)
    else:
        rule, column = head.split("@")
    case.expected.append(Expected((file, line, int(column)), rule, [text.replace("\\n", "\n")], form == "-note"))


CASES = [load(path) for path in sorted(FOLDER.rglob("*.yml"))]
