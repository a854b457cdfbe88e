"""The command's help: one screen each, ending with two examples that the command itself understands."""

import re
import shlex

import click
import pytest
from click.testing import CliRunner

from slipway.cli import main

NAMES = ["", *sorted(main.commands)]


def shown(name: str, width: int = 100) -> str:
    """A help page on a terminal of this width."""
    words = [name] if name else []
    result = CliRunner().invoke(main, [*words, "--help"], terminal_width=width)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [80, 100])
def test_help_fits_one_screen(name: str, width: int) -> None:
    lines = shown(name, width).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= width
    assert "..." not in "".join(line for line in lines if not line.startswith("Usage")), "a sentence is cut"


@pytest.mark.parametrize("name", NAMES)
def test_help_ends_with_two_examples_that_work(name: str) -> None:
    *_, head, first, second = shown(name).rstrip().splitlines()
    assert head.strip() == "Examples:"
    for line in (first, second):
        program, command, *words = shlex.split(line)
        assert program == "slipway"
        assert not name or command == name
        main.commands[command].make_parser(click.Context(main.commands[command])).parse_args(words)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_a_help_text(name: str) -> None:
    command = main.commands[name] if name else main
    options = [p for p in command.params if isinstance(p, click.Option)]
    assert [o.name for o in options if not o.help or not re.match(r"[A-Z].*\.$", o.help)] == []


def test_the_same_option_means_the_same_everywhere() -> None:
    """One name, one meaning: type and shape of an option do not differ from command to command."""
    seen: dict[str, set[tuple[str, str, bool]]] = {}
    for command in main.commands.values():
        for option in (p for p in command.params if isinstance(p, click.Option)):
            shape = (str(option.name), type(option.type).__name__, option.is_flag)
            for word in option.opts:
                seen.setdefault(word, set()).add(shape)
    assert {word: shapes for word, shapes in seen.items() if len(shapes) > 1} == {}
