"""The sections of report.html, one function each. All take what a run left and return markup, or nothing at all."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from slipway.deploy import record
from slipway.deploy.record import Record
from slipway.image.reference import short
from slipway.pipeline.result import RunResult, StageResult
from slipway.policy.finding import Finding, severe
from slipway.policy.junit import SLOWEST, Case
from slipway.report import console, history
from slipway.report.evidence import Evidence, Log, Package
from slipway.report.html import EMPTY, html, join
from slipway.report.text import count, duration, megabytes

MARKS = {status: mark for status, (mark, _) in console.MARKS.items()} | {"not-ready": "✘"}
SHOWN_DEPLOYS = 200
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)  # seconds between two marks of the axis


def section(name: str, title: str, *content: Markup) -> Markup:
    """A section with a heading that the navigation leads to."""
    template = '<section id="{0}" aria-labelledby="{0}-title"><h2 id="{0}-title">{1}</h2>\n{2}</section>\n'
    return html(template, name, title, join(content))


def folded(title: str, content: Markup, *, opened: bool = False) -> Markup:
    """Something that is there for who wants it."""
    return html("<details{}><summary>{}</summary>\n{}</details>\n", html(" open") if opened else EMPTY, title, content)


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Markup:
    """A table; heads that begin with `>` are of numbers."""
    numeric = [head.startswith(">") for head in heads]
    classes = [html(' class="n"') if n else EMPTY for n in numeric]
    top = join(html('<th scope="col"{}>{}</th>', c, h.lstrip(">")) for c, h in zip(classes, heads, strict=True))
    body = join(
        html("<tr>{}</tr>\n", join(html("<td{}>{}</td>", c, cell) for c, cell in zip(classes, row, strict=True)))
        for row in rows
    )
    template = "<table><caption>{}</caption><thead><tr>{}</tr></thead>\n<tbody>{}</tbody></table>\n"
    return html(template, caption, top, body)


def bar(start: float, length: float, status: str, said: str, ticks: Sequence[float] = ()) -> Markup:
    """A bar from `start` over `length`, both in percent, on marks that every row repeats."""
    lines = join(html('<line x1="{0:.2f}%" x2="{0:.2f}%" y1="0" y2="100%"/>', tick) for tick in ticks)
    rect = html('<rect class="{}" x="{:.2f}%" width="{:.2f}%" y="3" height="10" rx="2"/>', status, start, length)
    drawn = rect if length else EMPTY
    return html('<svg class="bar" width="100%" height="16" role="img" aria-label="{}">{}{}</svg>', said, lines, drawn)


def stages(evidence: Evidence) -> Markup:
    """Every stage as a bar on one axis: what overlapped is seen at a glance. One that was reused says how long it took
    where it really ran."""
    run = evidence.run
    end = max([run.seconds, *(s.started + s.seconds for s in run.stages), 0.001])
    step = next((s for s in STEPS if end / s <= 6), end / 4)
    marks = [step * n for n in range(int(end / step) + 1)]
    ticks = [100 * mark / end for mark in marks]
    labels = join(
        html('<text x="{:.2f}%" y="11" class="{}">{:g} s</text>', t, "end" if t > 95 else "start" if t < 5 else "", m)
        for t, m in zip(ticks, marks, strict=True)
    )
    axis = html('<div class="axis" aria-hidden="true"><svg width="100%" height="14">{}</svg></div>\n', labels)
    rows = join(_stage(stage, end, ticks, history.really(stage, evidence.earlier)) for stage in run.stages)
    return section("stages", "Stages", axis, html('<ol class="stages">{}</ol>', rows))


def _stage(stage: StageResult, end: float, ticks: Sequence[float], first: StageResult | None) -> Markup:
    ran = stage.status not in ("reused", "skipped")
    length = max(100 * stage.seconds / end, 0.6) if ran else 0
    start = min(100 * stage.started / end, 100 - length)
    until = stage.started + stage.seconds
    said = f"from second {stage.started:.1f} to {until:.1f}" if ran else "did not run"
    row = """<li class="{status}"><span class="mark" aria-hidden="true">{mark}</span><b>{name}</b>
<span class="n">{time}</span>{bar}<span class="why"><span class="word">{status}</span> {reason}{then}</span></li>\n"""
    then = (
        html(' <span class="dim">({} in run {})</span>', duration(first.seconds), stage.facts["run"])
        if first
        else EMPTY
    )
    return html(
        row, status=stage.status, mark=MARKS[stage.status], name=stage.name, reason=stage.reason,
        time=duration(stage.seconds) if ran else "", bar=bar(start, length, stage.status, said, ticks),
        then=then,
    )  # fmt: skip


def findings(run: RunResult) -> Markup:
    """What stops the image, most severe first and with its fix; what does not is folded."""
    found = [(stage, finding) for stage in run.stages for finding in stage.findings]
    if not found:
        return section("findings", "Findings", html("<p>None.</p>"))
    stage_of = {id(finding): stage.name for stage, finding in found}
    ordered = severe([finding for _, finding in found])
    stopping, listed = [f for f in ordered if f.stops], [f for f in ordered if not f.stops]
    parts = [html('<p class="stops">{} stop{} this image.</p>', len(stopping), "s" * (len(stopping) == 1))]
    parts += [_findings(stopping, stage_of)] if stopping else []
    parts += [html("<p>To fix {}: {}</p>", s.name, s.fix) for s in run.stages if s.fix and s.status != "passed"]
    if listed:
        parts.append(folded(f"{len(listed)} listed, which stop nothing", _findings(listed, stage_of)))
    return section("findings", f"Findings: {len(found)}", *parts)


def _findings(found: Sequence[Finding], stage_of: dict[int, str]) -> Markup:
    return html('<ul class="findings">{}</ul>', join(_finding(f, stage_of[id(f)]) for f in found))


def _finding(finding: Finding, stage: str) -> Markup:
    where = f"{finding.file}{f':{finding.line}' if finding.line else ''}" if finding.file else ""
    package = f" {finding.package}" if finding.package and finding.package not in finding.message else ""
    parts = [
        html('<span class="severity {0}">{0}</span> <b>{1}</b> <span class="dim">{2}</span>', finding.severity,
             finding.rule, stage),
        html(" <code>{}</code>", where) if where else EMPTY,
        html("<br>{}{}", finding.message, package),
        html("<br>from <code>{}:{}</code>", finding.source, finding.source_line) if finding.source else EMPTY,
        html('<br><span class="fix">fix: {}</span>', finding.fix) if finding.fix else EMPTY,
        html('<br><span class="dim">accepted {}</span>', finding.accepted) if finding.accepted else EMPTY,
        html('<br><span class="dim">in {} already</span>', finding.known) if finding.known else EMPTY,
        html("<br>{}", link(finding.url)) if finding.url else EMPTY,
    ]  # fmt: skip
    return html("<li>{}</li>\n", join(parts))


def tests(evidence: Evidence) -> Markup:
    """Failures with all that they said, the slowest ten, every test folded; coverage."""
    parts = [_suite(stage, evidence.cases.get(stage.name, [])) for stage in evidence.run.stages]
    shown = [part for part in parts if part]
    return section("tests", "Tests", *shown, _coverage(evidence)) if shown else EMPTY


def _suite(stage: StageResult, cases: list[Case]) -> Markup:
    slowest = [(str(name), float(seconds)) for name, seconds in stage.facts.get("slowest", ())]
    if stage.name not in ("test", "integration") or not (cases or slowest):
        return EMPTY
    failed = [case for case in cases if case.outcome == "failed"]
    parts = [html("<h3>{}: {}</h3>", stage.name, stage.reason)]
    parts += [folded(f"✘ {c.name}", html("<p>{}</p><pre>{}</pre>", c.message, c.text), opened=True) for c in failed]
    longest = max([seconds for _, seconds in slowest], default=0) or 1
    rows = [
        (name, bar(0, max(100 * s / longest, 0.6), "passed", f"{s:.2f} s"), f"{s:.2f} s")
        for name, s in slowest[:SLOWEST]
    ]
    parts.append(html('<div class="slow">{}</div>', table("The slowest ten", ("Test", "Share", ">Time"), rows)))
    if cases:
        every = [(case.name, case.outcome, f"{case.seconds:.3f} s") for case in cases]
        parts.append(
            folded(f"All {count(len(cases), 'test')}", table("In their order", ("Test", "Outcome", ">Time"), every))
        )
    return join(parts)


def _coverage(evidence: Evidence) -> Markup:
    percent = next((s.facts["coverage"] for s in evidence.run.stages if "coverage" in s.facts), None)
    if not isinstance(percent, int | float):
        return EMPTY
    head = html(
        '<h3>Coverage: {0:.1f} % of lines</h3><meter min="0" max="100" value="{0:.1f}" aria-label="Coverage">{0:.1f} %'
        "</meter>",
        percent,
    )
    gaps = [c for c in evidence.coverage if c.missed]
    if not gaps:
        return head
    rows = [(c.file, f"{c.percent:.0f} %", _lines(c.missed)) for c in gaps]
    whole = len(evidence.coverage) - len(gaps)
    heads = ("File", ">Covered", "Lines that never ran")
    return head + folded(
        f"{count(len(gaps), 'file')} with gaps, {whole} without", table("Least covered first", heads, rows)
    )


def _lines(numbers: Sequence[int]) -> str:
    """1-3, 7"""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def image(evidence: Evidence) -> Markup:
    """The image by layer, beside the one of the last green run."""
    change = history.image_change(evidence.run, evidence.earlier)
    if not change.layers:
        return EMPTY
    before = (
        html(" Against the last green run, <code>{}</code>: {}.", change.before, change.words) if change.before else ""
    )
    largest = max(size for _, size, _, _ in change.layers) or 1
    rows = [
        (
            html("<code>{}</code>", short(digest)), html('<code class="step">{}</code>', step or "(not named)"),
            html('<span class="{0}">{0}</span>', state), bar(0, 100 * size / largest, state, megabytes(size)),
            megabytes(size),
        )
        for digest, size, step, state in change.layers
    ]  # fmt: skip
    lost = "; ".join(f"{megabytes(size)} {step}" for size, step in change.gone)
    gone = html("<p>Gone since then: {}.</p>", lost) if change.gone else EMPTY
    layers = table("Layers, the lowest first", ("Layer", "Made by", "State", "Share", ">Size"), rows)
    total = html("<p>{} in {}.{}</p>", megabytes(change.size), count(len(rows), "layer"), before)
    return section(
        "image", "Image", total, html('<div class="layers">{}</div>', layers), *(gone if change.gone else ())
    )


def packages(found: Sequence[tuple[str, Package]], changed: Sequence[str]) -> Markup:
    """What is in the image, package by package."""
    if not found:
        return EMPTY
    rows = [(p.name, p.version, kind, ", ".join(p.licenses[:4])) for kind, p in found]
    parts = [html("<p>Since the last green run: {}.</p>", "; ".join(changed))] if changed else []
    heads = ("Package", "Version", "Kind", "Licences")
    whole = folded(
        count(len(rows), "package"), table("From the scan; as CycloneDX: .slipway/sbom.cdx.json", heads, rows)
    )
    return section("packages", "Software bill of materials", *parts, whole)


def deploys(done: Sequence[Record]) -> Markup:
    """What runs where, and how it came there."""
    if not done:
        return EMPTY
    places = {one.environment: one for one in done}  # the last of each
    lines = join(html("<li><b>{}</b>: {} {}</li>", name, _now(done, name), link(places[name].url)) for name in places)
    rows = [
        (
            one.time, one.environment, html('<span class="{}">{}</span>', _outcome(one), one.result),
            html("<code>{}</code>", short(one.reference.rpartition("@")[2])), one.version[:12], one.by, one.reason,
        )
        for one in reversed(done[-SHOWN_DEPLOYS:])
    ]  # fmt: skip
    heads = ("When (UTC)", "Environment", "Result", "Image", "Version", "By", "Why")
    runs_now = html('<p>By what was deployed from here, there runs now:</p><ul class="now">{}</ul>', lines)
    return section("deploys", "Deploys", runs_now, folded(count(len(rows), "deploy"), table("Last first", heads, rows)))


def _now(done: Sequence[Record], environment: str) -> object:
    ours = [one for one in done if one.environment == environment]
    if now := record.left_running(ours):
        return html("<code>{}</code>", short(now.rpartition("@")[2]))
    return "nothing" if ours[-1].result == "kept-old" else "not known, a person must look"


def _outcome(one: Record) -> str:
    return "passed" if one.result.startswith("live") else "failed" if one.sent else "skipped"


def logs(found: dict[str, Log]) -> Markup:
    """The logs, folded; their files hold what is left out here."""
    if not found:
        return EMPTY
    return section("logs", "Logs", *(_log(name, log) for name, log in found.items()))


def _log(name: str, log: Log) -> Markup:
    cut = html("<p>The first {} are left out here.</p>", megabytes(log.left_out)) if log.left_out else EMPTY
    return folded(name, html("<p><code>{}</code></p>{}<pre>{}</pre>", log.path, cut, log.text))


def link(address: str) -> Markup:
    """An address to click where it is one of the web, else its text."""
    if not address.startswith(("http://", "https://")):
        return html("{}", address)
    return html('<a href="{0}" rel="noreferrer noopener">{0}</a>', address)
