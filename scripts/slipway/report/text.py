"""Text from outside, made harmless: what tools, tests and apps say, they say as they like."""

import re

# What would move a cursor, colour the rest or turn text around.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def plain(text: str) -> str:
    """A text that does nothing but stand there."""
    return _CONTROL.sub("\ufffd", text)


def legible(log: str) -> str:
    """A log without colours and cursor movements; of lines that were written over the last state is kept."""
    text = _ESCAPE.sub("", log).replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def count(number: int, what: str) -> str:
    """`1 layer`, `2 layers`."""
    return f"{number} {what}{'s' * (number != 1)}"


def megabytes(size: float) -> str:
    """A size for people: 62.3 MB, 95 kB."""
    if abs(size) >= 1e6:
        return f"{size / 1e6:.1f} MB"
    return f"{size / 1e3:.0f} kB" if abs(size) >= 1000 else f"{size:.0f} B"


def duration(seconds: float) -> str:
    """A time for people: 0.4 s, 1 min 05 s."""
    return f"{seconds:.1f} s" if seconds < 59.95 else f"{round(seconds) // 60} min {round(seconds) % 60:02} s"
