"""Which workflow signs what this project publishes: the publish.yml that its own workflows call."""

import re
from collections.abc import Iterator
from pathlib import Path

from slipway.errors import UsageError

PATH = ".github/workflows/publish.yml"
NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+/\.github/workflows/[\w.-]+\.ya?ml")
_USES = re.compile(r"""^\s*(?:-\s*)?uses:\s*["']?([\w.-]+/[\w.-]+)/\.github/workflows/publish\.yml@""", re.M)


def expected(root: Path, repository: str, chosen: str = "") -> str:
    """The signer as owner/name/path.

    Args:
        root: the project.
        repository: owner/name of the project: it signs itself where its workflows call nobody else's publish.yml.
        chosen: what the user says instead.

    Raises:
        UsageError: `chosen` is no workflow, or the project's workflows call two.
    """
    if chosen and not NAME.fullmatch(chosen):
        raise UsageError(f"{chosen!r} is not a workflow. Write it as OWNER/NAME/.github/workflows/publish.yml.")
    callees = sorted({name.lower(): name for text in _workflows(root) for name in _USES.findall(text)}.values())
    if not chosen and len(callees) > 1:
        raise UsageError(
            f"the project's workflows call the publish.yml of {' and '.join(callees)}. "
            "Say which one signs: [publish] signer in slipway.toml."
        )
    return chosen or f"{callees[0] if callees else repository}/{PATH}"


def _workflows(root: Path) -> Iterator[str]:
    """The texts of the repository's workflows; the project may be a folder in it."""
    for folder in (root, *root.parents):
        if (folder / ".github" / "workflows").is_dir():
            files = sorted((folder / ".github" / "workflows").glob("*.y*ml"))
            yield from (file.read_text(encoding="utf-8", errors="replace") for file in files)
            return
        if (folder / ".git").exists():
            return
