"""report.html: one run on one page, in one file. It asks no network for anything and runs no script but its own."""

import base64
import hashlib
from pathlib import Path

from markupsafe import Markup

from slipway.pipeline.result import RunResult
from slipway.report import evidence as evidences
from slipway.report import history, sections
from slipway.report.evidence import Evidence
from slipway.report.html import EMPTY, html, join
from slipway.report.text import duration

NAME = "report.html"
# What the page is made of, by hash: whatever else got into it would neither run nor load.
POLICY = (
    "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'"
)
SHELL = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
{body}<script>{script}</script>
</body>
</html>
"""


def write(folder: Path) -> Path:
    """Write the page into a run's folder.

    Raises:
        UsageError: the folder holds no result.
        OSError: the page cannot be written.
    """
    content = render(evidences.gather(folder)).encode("utf-8", "replace")
    fresh = folder / f".{NAME}"
    fresh.write_bytes(content)
    return fresh.replace(folder / NAME)


def render(evidence: Evidence) -> Markup:
    """The whole page."""
    run = evidence.run
    # Files of ours, and the only things here that are written as they are.
    style, script = (Markup(_file(name)) for name in ("page.css", "page.js"))  # noqa: S704
    policy = POLICY.format(_hash(script), _hash(style))
    parts = [
        sections.stages(evidence), sections.findings(run), sections.tests(evidence), sections.image(evidence),
        sections.packages(evidence.packages, _package_changes(evidence)),
        sections.deploys(evidence.deploys), sections.logs(evidence.logs),
    ]  # fmt: skip
    body = html("{}<main>\n{}</main>\n{}", _head(run, [part for part in parts if part]), join(parts), _foot(run))
    title = f"{run.project}: {run.status}, slipway run {run.id}"
    return html(SHELL, policy=policy, title=title, style=style, script=script, body=body)


def _head(run: RunResult, parts: list[Markup]) -> Markup:
    names = [part.split('"', 2)[1] for part in parts]
    nav = join(html('<a href="#{}">{}</a> ', name, name) for name in names)
    overlapped = f" ({duration(run.work_seconds)} of work overlapped)" if run.work_seconds > run.seconds else ""
    source = f"{run.source.commit[:12] or 'not a git repository'}{', with changes' if run.source.dirty else ''}"
    known = [
        ("Digest", _digest(run)), ("Commit", html("<code>{}</code>", source)), ("Branch", run.source.branch),
        ("Took", duration(run.seconds) + overlapped), ("Started", run.started), ("Engine", run.engine),
        ("Base images", "offline stand-ins" if run.stand_ins else ""), ("Runs at", run.url and sections.link(run.url)),
    ]  # fmt: skip
    said = join(html("<div><dt>{}</dt><dd>{}</dd></div>\n", name, value) for name, value in known if value)
    template = """<header class="{status}">
<p class="dim">slipway run {id}</p>
<h1><span class="mark" aria-hidden="true">{mark}</span> {project}: <span class="word">{status}</span></h1>
{reason}<dl>
{said}</dl>
<nav aria-label="Sections">{nav}</nav>
</header>
"""
    reason = html('<p class="reason">{}</p>\n', run.reason) if run.reason else EMPTY
    mark = sections.MARKS[run.status]
    return html(
        template, status=run.status, id=run.id, mark=mark, project=run.project, reason=reason, said=said, nav=nav
    )


def _digest(run: RunResult) -> Markup:
    if not run.image.digest:
        return EMPTY
    template = """<button type="button" class="copy" data-copy="{0}" title="Copy the digest"><code>{0}</code></button>
<span class="dim" role="status"></span><br><code class="dim">{1}</code>"""
    return html(template, run.image.digest, run.image.reference)


def _foot(run: RunResult) -> Markup:
    again = f"slipway report {run.id}"
    return html('<footer class="dim"><p>Written by Slipway. Again: <code>{}</code></p></footer>\n', again)


def _package_changes(evidence: Evidence) -> list[str]:
    green = history.green_before(evidence.earlier, "scan")
    if not green or not evidence.packages:
        return []
    before = evidences.packages(evidence.folder.parent / green.id, green)
    return history.package_changes(before, evidence.packages) if before else []


def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
