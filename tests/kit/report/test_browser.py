"""report.html in a real browser: it asks the network for nothing, runs nothing that it was told by others, is legible
at every width, in light and dark, by keyboard and on paper, and axe-core has nothing to object.

Screenshots are kept where SLIPWAY_SCREENSHOTS names a folder.
"""

import http.server
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from report import left
from workflows.harness import provision

from slipway.pipeline.result import StageResult
from slipway.policy.finding import Finding
from slipway.report import page as pages

WIDTHS = (360, 768, 1280)
AXE = Path(__file__).parent / "axe"
FINDINGS = (
    Finding("CVE-2024-1135", "HIGH", "gunicorn 20.1.0 → 22.0.0: request smuggling", "pyproject.toml", 14, "raise it"),
    Finding("secret", "CRITICAL", "an AWS key", "/app/.env", 3, "add .env to .dockerignore"),
    Finding("DL3057", "MEDIUM", "HEALTHCHECK instruction missing", "Dockerfile", 24, stops=False),
    Finding("CVE-2023-1", "LOW", "of no matter", stops=False, accepted="until 2026-12-01 by ada: no way in"),
)


@dataclass
class Seen:
    """A page that is open, and what came of opening it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = provision.need(provision.browser)
    with sync_playwright() as playwright:
        # No sandbox of its own where we are root; what it opens is a file of ours.
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def look(browser: Browser) -> Iterator[Any]:
    """Opens a file, at a width and in a colour scheme."""
    contexts = []

    def opened(file: Path, width: int = 1280, scheme: Literal["light", "dark"] = "light") -> Seen:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        context.set_default_timeout(120_000)  # milliseconds: a busy machine is no finding
        seen = Seen(context.new_page())
        seen.page.on("request", lambda request: seen.requests.append(request.url))
        seen.page.on("console", lambda message: seen.said.append(message.text))
        seen.page.on("pageerror", lambda error: seen.said.append(str(error)))
        seen.page.on("dialog", lambda dialog: seen.said.append(f"dialog {dialog.message}"))
        seen.page.goto(file.as_uri())
        return seen

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run with something in each section."""
    root = tmp_path_factory.mktemp("shop")
    first = left.result(1, left.stages(layers=[("sha256:" + "a" * 64, 40_000_000, "base")]))
    left.write(root, first)
    bad = left.stages(scan_findings=FINDINGS)
    more = (
        StageResult(name="lint", status="reused", seconds=0, started=0, reason="3 files clean",
                    facts={"run": first.id}),
        StageResult(name="scan", status="failed", seconds=1.9, started=2.1, reason="2 findings stop this image",
                    findings=FINDINGS, fix="uv add 'gunicorn>=22'; add .env to .dockerignore"),
        StageResult(name="integration", status="broken", seconds=3.1, started=2.2, reason="the stack did not come up"),
        StageResult(name="publish", status="skipped", seconds=0, started=5.2, reason="needs scan"),
        StageResult(name="deploy", status="cancelled", seconds=0.3, started=5.3, reason="stopped before its end"),
    )  # fmt: skip
    by_name = {stage.name: stage for stage in (*bad, *more)}
    run = left.result(2, tuple(by_name.values()), status="failed", reason="2 findings stop this image", stand_ins=True)
    cases = [(f"test_number_{n}", n / 50, "E   assert 1 == 2\n" * 8 if n == 3 else "") for n in range(42)]
    folder = left.write(
        root, run, test__junit_xml=left.junit(cases), scan_json=left.scan([("flask", "3.1"), ("gunicorn", "20.1.0")]),
        test__coverage_xml=left.coverage({"app/web.py": {n: n % 5 for n in range(60)}, "app/db.py": {1: 1}}),
        **{f"{name}_log": f"[1/9] FROM base\nlong {'x' * 300}\n" * 30 for name in by_name},
    )  # fmt: skip
    return pages.write(folder)


@pytest.fixture(scope="module", params=["failed", "hostile", "large"])
def any_report(request: pytest.FixtureRequest, report: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, one of hostile text alone, and a very large one."""
    if request.param == "failed":
        return report
    run, files = (
        left.large() if request.param == "large" else left.hostile(" ".join(text[:300] for text in left.HOSTILE))
    )
    return pages.write(left.write(tmp_path_factory.mktemp(request.param), run, **files))


def until(seen: Seen, condition: Callable[[Seen], bool], what: str) -> None:
    """Wait for it, ten seconds at most."""
    for _ in range(100):
        if condition(seen):
            return
        seen.page.wait_for_timeout(100)
    raise AssertionError(what)


def quiet(seen: Seen, file: Path) -> None:
    """Nothing was fetched but the page itself, nothing complained, nothing ran."""
    assert [url for url in seen.requests if not url.startswith("data:")] == [file.as_uri()]
    assert seen.said == []
    assert seen.page.evaluate("window.pwned") is None
    assert seen.page.url.partition("#")[0] == file.as_uri()


@pytest.mark.parametrize("text", left.HOSTILE, ids=range(len(left.HOSTILE)))
def test_hostile_text_runs_nothing(text: str, look: Any, tmp_path: Path) -> None:
    run, files = left.hostile(text)
    file = pages.write(left.write(tmp_path, run, **files))
    seen = look(file)
    unfolded = seen.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert unfolded is None
    for _ in range(30):
        seen.page.keyboard.press("Tab")
    seen.page.mouse.move(200, 200)
    seen.page.wait_for_timeout(50)
    quiet(seen, file)
    assert seen.page.evaluate("document.querySelectorAll('script, iframe, img, object, embed, form, base').length") == 1


def test_what_got_in_all_the_same_would_not_run(look: Any, report: Path, tmp_path: Path) -> None:
    """The second line: markup that got into the page past all escaping is stopped by the policy, and asks nobody."""
    asked: list[str] = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    # Threads: a browser opens connections that it then does not use, and one of them would hold all others up.
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # Not the one that leads elsewhere by itself: no policy of a page can forbid that.
    text = "".join(h for h in left.HOSTILE[:14] if "refresh" not in h).replace(":9/", f":{server.server_port}/")
    file = tmp_path / "pwned.html"
    try:
        for policy in ("Content-Security-Policy", "no-policy"):
            whole = report.read_text().replace("Content-Security-Policy", policy).replace("<main>", f"<main>{text}")
            file.write_text(whole)
            seen = look(file)
            if policy == "no-policy":
                until(seen, lambda seen: bool(asked) and seen.page.evaluate("window.pwned"), "without it they would")
            else:
                until(seen, lambda seen: any("Content Security Policy" in said for said in seen.said), "refused aloud")
                seen.page.wait_for_timeout(300)
                assert not asked and seen.page.evaluate("window.pwned") is None
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_width_and_scheme(look: Any, any_report: Path, width: int, scheme: Literal["light", "dark"]) -> None:
    seen = look(any_report, width, scheme)
    quiet(seen, any_report)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width, "nothing to scroll sideways"
    wide = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
    assert seen.page.evaluate(f"{wide}.map(e => e.outerHTML.slice(0, 80))") == []
    back = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") == (scheme == "light")
    if kept := os.environ.get("SLIPWAY_SCREENSHOTS"):
        name = f"{any_report.parents[3].name.rstrip('0')}-{width}-{scheme}.png"
        seen.page.screenshot(path=Path(kept) / name, full_page="large" not in name)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_has_nothing_to_object(look: Any, report: Path, width: int, scheme: Literal["light", "dark"]) -> None:
    axe = provision.need(provision.npm, AXE, "axe-core") / "node_modules" / "axe-core" / "axe.min.js"
    seen = look(report, width, scheme)
    seen.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    seen.page.evaluate(axe.read_text())  # as a debugger would: the page's own policy lets no script in
    found = seen.page.evaluate("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
    assert found == []
    pale = "#999" if scheme == "light" else "#555"
    seen.page.evaluate(f"document.querySelector('.reason').style.color = '{pale}'")
    ids = seen.page.evaluate("axe.run().then(r => r.violations.map(v => v.id))")
    assert ids == ["color-contrast"], "it does look"


def test_by_keyboard_alone(look: Any, report: Path) -> None:
    page = look(report).page
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.tagName + ' ' + document.activeElement.textContent.trim()")
        )
        if reached[-1].startswith("SUMMARY deploy"):
            break
    assert reached[0].startswith(f"BUTTON {left.DIGEST}"), "the digest comes first"
    assert any(r == "A findings" for r in reached) and any(r.startswith("SUMMARY All 42 tests") for r in reached)
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid", "one sees where one is"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open") is True


def test_the_digest_is_copied_by_a_click_and_by_enter(look: Any, report: Path) -> None:
    page = look(report).page
    for act in (lambda: page.click("button.copy"), lambda: page.press("button.copy", "Enter")):
        page.evaluate("navigator.clipboard.writeText('')")
        act()
        page.wait_for_function("document.querySelector('[role=status]').textContent == 'copied'")
        assert page.evaluate("navigator.clipboard.readText()") == left.DIGEST


def test_without_a_clipboard_the_digest_is_selected(look: Any, report: Path) -> None:
    page = look(report).page
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')) }")
    page.click("button.copy")
    page.wait_for_function("document.querySelector('[role=status]').textContent.startsWith('selected')")
    assert page.evaluate("getSelection().toString()") == left.DIGEST


def test_the_bars_show_what_overlapped(look: Any, report: Path) -> None:
    page = look(report).page
    box = "e => { const b = e.getBoundingClientRect(); return [b.left, b.right] }"
    bars = {
        li.locator("b").inner_text(): li.locator("rect").evaluate(box)
        for li in page.locator(".stages > li").all() if li.locator("rect").count()
    }  # fmt: skip
    assert "lint" not in bars and "publish" not in bars, "what did not run has none"
    assert bars["scan"][0] < bars["integration"][1] and bars["integration"][0] < bars["scan"][1]
    assert bars["build"][1] <= bars["test"][0] + 1
    assert all(right - left_ >= 1 for left_, right in bars.values())


def test_on_paper(look: Any, report: Path, tmp_path: Path) -> None:
    page = look(report, scheme="dark").page
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)", "ink is dear"
    assert not page.locator("nav").is_visible()
    assert page.get_by_text("assert 1 == 2").first.is_visible(), "what failed is unfolded"
    made = page.pdf(path=os.environ.get("SLIPWAY_SCREENSHOTS", str(tmp_path)) + "/report.pdf", format="A4")
    assert made.startswith(b"%PDF") and 1 <= made.count(b"/Type /Page\n") + made.count(b"/Type /Page>") <= 12
