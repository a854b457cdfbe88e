"""The command's help: one screen each, ending with two examples that the command itself understands."""

import re
import shlex

import click
import pytest
from click.testing import CliRunner

from slipway.cli import main


def pages(group: click.Group, before: str = "") -> dict[str, click.Command]:
    """Every help page that people are meant to see, by the words that lead to it."""
    found: dict[str, click.Command] = {}
    for name, command in sorted(group.commands.items()):
        found[f"{before}{name}"] = command
        if isinstance(command, click.Group) and not command.hidden:
            found |= pages(command, f"{before}{name} ")
    return found


PAGES = pages(main)
NAMES = ["", *PAGES]


def shown(name: str, width: int = 100) -> str:
    """A help page on a terminal of this width."""
    result = CliRunner().invoke(main, [*name.split(), "--help"], terminal_width=width)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [80, 100])
def test_help_fits_one_screen(name: str, width: int) -> None:
    lines = shown(name, width).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= width
    assert "..." not in "".join(line for line in lines if not line.startswith("Usage")), "a sentence is cut"


def test_every_command_is_listed_once_and_the_first_is_run() -> None:
    rows = re.findall(r"(?m)^  (\S.*?)  +\S", shown("").partition("Commands:")[2].partition("Examples:")[0])
    names = [name for row in rows for name in row.split(", ")]
    assert sorted(names) == sorted(name for name, one in main.commands.items() if not one.hidden)
    assert names[0] == "run"


@pytest.mark.parametrize("name", NAMES)
def test_help_ends_with_two_examples_that_work(name: str) -> None:
    *_, head, first, second = shown(name).rstrip().splitlines()
    assert head.strip() == "Examples:"
    for line in (first, second):
        program, *words = shlex.split(line)
        assert program == "slipway"
        known = max((page for page in PAGES if words[: len(page.split())] == page.split()), key=len)
        assert known.startswith(name)
        PAGES[known].make_parser(click.Context(PAGES[known])).parse_args(words[len(known.split()) :])


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_a_help_text(name: str) -> None:
    command = PAGES.get(name, main)
    options = [p for p in command.params if isinstance(p, click.Option)]
    assert [o.name for o in options if not o.help or not re.match(r"[A-Z].*\.$", o.help)] == []


def test_the_same_option_means_the_same_everywhere() -> None:
    """One name, one meaning: type and shape of an option do not differ from command to command."""
    seen: dict[str, set[tuple[str, str, bool]]] = {}
    for command in PAGES.values():
        for option in (p for p in command.params if isinstance(p, click.Option)):
            shape = (str(option.name), type(option.type).__name__, option.is_flag)
            for word in option.opts:
                seen.setdefault(word, set()).add(shape)
    assert {word: shapes for word, shapes in seen.items() if len(shapes) > 1} == {}
