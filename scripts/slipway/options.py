"""What the commands share: options that mean the same everywhere, and the end of a help page."""

from pathlib import Path

import click

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

directory = click.option(
    "-C", "--directory", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".", help="The project."
)


def examples(*lines: str) -> str:
    """The end of a help page."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
