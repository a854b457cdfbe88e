"""What the commands share: options that mean the same everywhere, and the end of a help page."""

from pathlib import Path

import click

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
directory = click.option("-C", "--directory", type=FOLDER, default=".", help="The project.")
directories = click.option(
    "-C", "--directory", type=FOLDER, multiple=True, default=["."], help="The project. Several run one after another."
)


def examples(*lines: str) -> str:
    """The end of a help page."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
