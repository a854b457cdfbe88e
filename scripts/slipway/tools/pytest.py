"""What pytest says while it runs: the test that it is at."""

import re
from collections.abc import Callable

# Each test is named before it begins, whatever -q or -v the command has. Before 8.1 pytest knows no such option, minds
# none, and names the file alone.
NAMED = ("-o", "verbosity_test_cases=1")
_TEST = re.compile(
    r"""(?x) (?:\[gw\d+\]\ (?:\[\s*\d+%\]\ )?[A-Z]+\ )?  # pytest-xdist
    (?:\S*/)? (?P<file>\S+\.py)::(?P<test>.+?) (?:\ (?:PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b.*)? \s*"""
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LONGEST = 80  # characters


class Now:
    """Takes lines of pytest's, also those that have only begun, and says each test once."""

    def __init__(self, doing: Callable[[str], None]):
        self.test = ""  # the one named last
        self._doing, self._said = doing, ""

    def __call__(self, line: str) -> None:
        line = _COLOUR.sub("", line)
        said = line.strip().strip("=").strip()  # 3 passed in 0.1s
        if named := _TEST.fullmatch(line):
            self.test = f"{named['file']}::{named['test']}"[:LONGEST]
            said = f"{named['test']} in {named['file']}"  # its own name first: the end may be cut off
        said = said[:LONGEST]
        if said and said != self._said:
            self._said = said
            self._doing(said)

    @property
    def at(self) -> str:
        """` at test_a.py::test_b`, to say where it was ended."""
        return f" at {self.test}" if self.test else ""
