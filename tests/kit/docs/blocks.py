"""The blocks of the documentation: each with its file, its language and what it is marked as."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from support import REPOSITORY

FILES = sorted({*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), REPOSITORY / "benchmarks/README.md"})
FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n]*)\n(?P<text>.*?)^(?P=indent)```", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    file: str
    line: int
    language: str
    mark: str  # "wrong", "right" or nothing
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def of(path: Path) -> list[Block]:
    """The blocks of one file."""
    text = path.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        language, _, mark = match["info"].strip().partition(" ")
        line = text.count("\n", 0, match.start()) + 1
        body = textwrap.dedent(match["text"]) if match["indent"] else match["text"]
        found.append(Block(path.relative_to(REPOSITORY).as_posix(), line, language, mark, body))
    return found


ALL = [block for path in FILES for block in of(path)]


def written(language: str) -> list[Block]:
    """All blocks in one language."""
    return [block for block in ALL if block.language == language]
