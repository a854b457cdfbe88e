"""Links of the documentation: what is here is there, headings too; what is elsewhere is by https, and listed."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from docs import blocks
from support import REPOSITORY

LINK = re.compile(r"\[(?:[^\]\[]|\[[^\]]*\])*\]\(<?([^)>\s]+)>?\)|<(https?://[^>\s]+)>")


def links(path: Path) -> list[str]:
    """What a file refers to, outside of its blocks."""
    text = re.sub(r"`[^`\n]*`", "", blocks.FENCE.sub("", path.read_text(encoding="utf-8")))
    return [match[1] or match[2] for match in LINK.finditer(text)]


def anchors(path: Path) -> set[str]:
    """A file's headings as GitHub names them."""
    headings = re.findall(r"(?m)^#+ (.+)$", blocks.FENCE.sub("", path.read_text(encoding="utf-8")))
    plain = [re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", h)).lower() for h in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


def broken(path: Path) -> list[str]:
    """Local links of a file that lead nowhere."""
    found = []
    for link in links(path):
        name, _, anchor = link.partition("#")
        target = (path.parent / unquote(name)).resolve() if name else path
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("path", blocks.FILES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_a_link_leads_somewhere(path: Path) -> None:
    assert broken(path) == []


def test_a_link_that_leads_nowhere_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One `two`\n[a](gone.md) [b](page.md#one-two) [c](page.md#three) ```\n[d](https://x.example)\n")
    assert broken(page) == ["gone.md", "page.md#three"]


def test_links_to_elsewhere_are_by_https(record_property: Callable[[str, object], None]) -> None:
    outside = sorted({link for path in blocks.FILES for link in links(path) if "://" in link})
    record_property("external links, not asked", "\n".join(outside))
    assert outside
    assert [link for link in outside if not re.match(r"https://|http://(127\.0\.0\.1|localhost)", link)] == []


def test_a_path_that_is_named_is_there() -> None:
    """Files of this repository that the text names without a link."""
    named = {
        (path.relative_to(REPOSITORY).as_posix(), name.rstrip("/"))
        for path in blocks.FILES
        for name in re.findall(r"`((?:tests/kit|scripts/slipway|docs)/[\w./-]+)`", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 10
    assert [(page, name) for page, name in sorted(named) if not (REPOSITORY / name).exists()] == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    todo = [REPOSITORY / "README.md"]
    while todo:
        page = todo.pop()
        if page not in seen and page.suffix == ".md" and page.exists():
            seen.add(page)
            todo += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link]
    pages = {path for path in blocks.FILES if "decisions" not in path.parts}
    assert {path.relative_to(REPOSITORY).as_posix() for path in pages - seen} == set()
