"""A pull request's preview in Markdown: where it is, what it runs, or what became of it."""

from urllib.parse import quote

from slipway.deploy.record import Record
from slipway.pipeline.preview import REMOVED
from slipway.pipeline.recorded import GREEN
from slipway.report.summary import code, text


def markdown(one: Record, run: str) -> str:
    """The comment.

    Args:
        run: address of the workflow run.
    """
    name, again = code(one.environment), f" ([run]({run}))" if run else ""
    if one.result == REMOVED:
        return f"The preview {name} was removed{again}.\n"
    image = f"{code(one.reference)}\n"
    if one.result in GREEN:
        return f"**Preview {name}**: {_link(one.url)}{again}\n\n{image}"
    said = f"**Preview {name}: {text(one.result)}**{again}. {text(one.reason)}\n\n{image}"
    kept = one.result in ("kept-old", "rolled-back") and one.previous
    return f"{said}\nWhat ran before still does: {_link(one.url)}\n" if kept else said


def _link(url: str) -> str:
    return f"[{text(url)}](<{quote(url, safe=':/?&=%#~@+,;')}>)"
