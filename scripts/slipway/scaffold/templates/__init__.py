"""The files that `slipway init` writes, with `%{name}` where the project's own words go."""

import string
from pathlib import Path

FOLDER = Path(__file__).parent


class _Template(string.Template):
    delimiter = "%"


def fill(name: str, /, **words: object) -> str:
    """A template with its words.

    Raises:
        KeyError: a word is missing.
    """
    return _Template((FOLDER / name).read_text(encoding="utf-8")).substitute(words)
