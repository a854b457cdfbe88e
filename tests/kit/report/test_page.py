"""report.html as text: what stands in it, that nothing from outside becomes markup, and how large it gets."""

import ast
import base64
import hashlib
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report import left

from slipway.errors import UsageError
from slipway.pipeline.result import StageResult
from slipway.policy.finding import Finding
from slipway.report import evidence, html, page

ROOMS = Path(html.__file__).parent
TAGS = {
    "html", "head", "meta", "title", "link", "style", "body", "script", "header", "main", "footer", "nav", "section",
    "p", "h1", "h2", "h3", "span", "b", "br", "a", "code", "pre", "dl", "div", "dt", "dd", "button", "ol", "ul", "li",
    "details", "summary", "table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "line", "rect", "text",
    "meter",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "rel", "href", "class", "id", "aria-labelledby", "aria-hidden",
    "aria-label", "type", "data-copy", "title", "role", "open", "scope", "width", "height", "x", "y", "rx", "x1", "x2",
    "y1", "y2", "min", "max", "value",
}  # fmt: skip
VOID = {"meta", "link", "br", "line", "rect"}


class Reader(HTMLParser):
    """Takes a page apart: its elements, and its text."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["script"], ["style"]):
            self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data[:80]}")


def rendered(folder: Path) -> str:
    return page.write(folder).read_text(encoding="utf-8")


@pytest.mark.parametrize("text", left.HOSTILE, ids=range(len(left.HOSTILE)))
def test_text_from_outside_is_never_markup(text: str, tmp_path: Path) -> None:
    run, files = left.hostile(text)
    left.write(tmp_path, left.hostile(text, 0)[0])
    read = Reader(rendered(left.write(tmp_path, run, **files)))
    assert not read.open, "every element is closed"
    assert {tag for tag, _ in read.elements} <= TAGS
    assert {name for _, attributes in read.elements for name in attributes} <= ATTRIBUTES
    assert sum(tag == "script" for tag, _ in read.elements) == 1
    addresses = [value for _, attributes in read.elements for name, value in attributes.items() if name == "href"]
    assert all(re.match(r"#|https?://|data:,$", value or "") for value in addresses)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", read.text)
    shown = re.sub(r"\s+", "", read.text)
    assert re.sub(r"\s+", "", html.plain(text)) in shown, "it is shown as it is"


def test_markup_is_made_of_constants_alone() -> None:
    """The one way to write any is `html("a constant", …)`; and three files of ours."""
    made = []
    for path in ROOMS.glob("*.py"):
        module = ast.parse(path.read_text(encoding="utf-8"))
        constants = {
            ast.unparse(target)
            for node in ast.walk(module)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
        }
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("html", "Markup"):
                first = node.args[0]
                if not isinstance(first, ast.Constant) and ast.unparse(first) not in constants:
                    made.append(f"{path.name}: {ast.unparse(node)}")
    assert sorted(made) == ["html.py: Markup(template)", "page.py: Markup(_file(name))"]


def test_only_our_own_script_and_style_are_allowed(tmp_path: Path) -> None:
    content = rendered(left.write(tmp_path, left.result(1, left.stages())))
    read = Reader(content)
    policy = next(a["content"] or "" for tag, a in read.elements if a.get("http-equiv") == "Content-Security-Policy")
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        inner = re.findall(rf"(?s)<{tag}>(.*?)</{tag}>", content)
        hashed = base64.b64encode(hashlib.sha256(inner[0].encode()).digest()).decode()
        assert len(inner) == 1 and f"{directive} 'sha256-{hashed}'" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert content.index("Content-Security-Policy") < content.index("<style>"), "it comes before what it governs"


def test_what_stands_in_it(tmp_path: Path) -> None:
    found = (
        Finding("CVE-2024-1135", "HIGH", "request smuggling", "pyproject.toml", 14, "raise it", package="gunicorn"),
        Finding("CVE-listed", "LOW", "of no matter", stops=False),
        Finding("CVE-taken", "HIGH", "known", stops=False, accepted="until 2026-12-01 by ada: no way in"),
        Finding(
            "CVE-old",
            "HIGH",
            "old",
            stops=False,
            known="main",
            source="uv.lock",
            source_line=7,
            url="https://a.example/1",
        ),
    )
    cases = [("test_good", 0.1, ""), ("test_bad", 0.2, "E   assert 1 == 2")]
    run = left.result(1, left.stages(scan_findings=found), status="failed", reason="1 finding stops this image")
    folder = left.write(
        tmp_path, run,
        test__junit_xml=left.junit(cases), scan_json=left.scan([("flask", "3.1"), ("gunicorn", "20.1.0")]),
        test__coverage_xml=left.coverage({"whole.py": {1: 1}, "half.py": {1: 0, 2: 0, 3: 1, 7: 0}}),
        build_log="[1/2] FROM base\n\x1b[32mdone\x1b[0m\n10 %\r50 %\r100 %\n",
    )  # fmt: skip
    text = Reader(rendered(folder)).text
    for part in (
        "shop: failed", "1 finding stops this image", left.DIGEST, "3f2c1ab", "7.4 s (12.1 s of work overlapped)",
        "Findings: 4", "in main already", "from uv.lock:7", "https://a.example/1",
        "1 stops this image", "CVE-2024-1135", "pyproject.toml:14", "fix: raise it", "gunicorn",
        "3 listed, which stop nothing", "accepted until 2026-12-01 by ada", "test_app::test_bad", "assert 1 == 2",
        "The slowest ten", "test_app::test_slow", "All 2 tests", "Coverage: 97.0 % of lines", "half.py", "1-2, 7",
        "COPY /app /app", "40.1 MB in 2 layers", "2 packages", "flask", "local: sha256:9d2e…c285", "100 %\n",
        ".slipway/runs/20261121-080100-abcd/build.log", "slipway report 20261121-080100-abcd",
    ):  # fmt: skip
        assert part in text, part
    assert "10 %\r" not in text and "\x1b" not in text
    assert "whole.py" not in text, "what has no gap is counted, not listed"


def test_beside_the_last_green_run(tmp_path: Path) -> None:
    """A red run in between is not what one compares with."""
    base, app, other = ("sha256:" + c * 64 for c in "abc")
    green = left.stages(layers=[(base, 40_000_000, "base"), (app, 100_000, "COPY /app /app")])
    left.write(tmp_path, left.result(1, green), scan_json=left.scan([("flask", "3.0"), ("gone", "1")]))
    red = left.stages(layers=[(other, 1, "never mind")])
    left.write(tmp_path, left.result(2, red, status="failed"))
    now = left.stages(layers=[(base, 40_000_000, "base"), (other, 350_000, "COPY /app /app")])
    folder = left.write(tmp_path, left.result(3, now), scan_json=left.scan([("flask", "3.1"), ("new", "2")]))
    text = Reader(rendered(folder)).text
    assert "Against the last green run, 20261121-080100-abcd: +250 kB, 1 of 2 layers are new." in text
    assert re.search(r"COPY /app /app\s*new", text) and re.search(r"base\s*same", text)
    assert "Gone since then: 100 kB COPY /app /app." in text
    assert "Since the last green run: flask 3.0 → 3.1; - gone 1; + new 2." in text


def test_what_runs_where_after_a_deploy_went_wrong(tmp_path: Path) -> None:
    def deploy(number: int, digest: str, **facts: str) -> Path:
        stage = StageResult(name="deploy", status="passed", seconds=1, started=0, facts={"url": "http://u", **facts})
        image = left.ImageResult(f"localhost:5001/shop@{digest}", digest)
        return left.write(tmp_path, left.result(number, (stage,), image=image))

    deploy(1, left.OLD_DIGEST, environment="staging", result="live", previous="")
    deploy(2, left.OLD_DIGEST, environment="production", result="live", previous="")
    deploy(3, left.DIGEST, environment="production", result="needs-human", previous=f"r@{left.OLD_DIGEST}")
    folder = deploy(4, left.DIGEST, environment="staging", result="rolled-back", previous=f"r@{left.OLD_DIGEST}")
    text = Reader(rendered(folder)).text
    assert "staging: sha256:41aa…07be http://u" in text
    assert "production: not known, a person must look http://u" in text
    assert "4 deploys" in text and text.index("rolled-back") < text.index("needs-human")
    second = Reader(rendered(folder.parent / "20261121-080200-abcd")).text
    assert "2 deploys" in second and "rolled-back" not in second, "what came later is not known to an earlier run"
    assert "1 deploy" in Reader(rendered(shutil.copytree(folder, tmp_path / "a" / "b" / "alone"))).text


def test_what_a_reused_stage_left_is_in_the_run_it_comes_from(tmp_path: Path) -> None:
    first = left.result(1, left.stages())
    left.write(tmp_path, first, test__junit_xml=left.junit([("test_once", 0.1, "")]), test_log="said once\n")
    reused = tuple(
        StageResult(name=s.name, status="reused", seconds=0, started=0, facts={**s.facts, "run": first.id})
        for s in first.stages
    )
    again = left.write(tmp_path, left.result(2, reused))
    assert "test_once" in rendered(again) and "said once" in rendered(again)
    text = re.sub(r"\s+", " ", Reader(rendered(again)).text)
    assert f"✔test reused (1.8 s in run {first.id})" in text, "and how long it took"
    assert f"in run {first.id}" not in Reader(rendered(again.parent / first.id)).text
    for path in (tmp_path / ".slipway" / "runs" / first.id).rglob("*.*"):
        path.unlink()
    text = rendered(again)
    assert "test_slow" in text and "test_once" not in text, "what was written into the result itself is still there"


@pytest.mark.parametrize("run", ["../../elsewhere", "/etc", "latest", "..", ""])
def test_a_result_leads_nowhere_else(run: str, tmp_path: Path) -> None:
    """A run folder may come from elsewhere, and say what it likes."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "lint.log").write_text("not of this run")
    stage = StageResult(name="lint", status="reused", seconds=0, started=0, facts={"run": run})
    folder = left.write(tmp_path, left.result(1, (stage,)), lint_log="of this run")
    assert "of this run" in rendered(folder) and "not of this run" not in rendered(folder)


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the machine")
    folder = left.write(tmp_path, left.result(1, left.stages()))
    (folder / "lint.log").symlink_to(tmp_path / "secret")
    (folder / "test").mkdir()
    (folder / "test" / "junit.xml").symlink_to(tmp_path / "secret")
    (folder / "scan.json").symlink_to(tmp_path / "secret")
    assert "of the machine" not in rendered(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"Results": 1}', '{"Results": [{"Packages": null}]}', "\x00\xff"])
def test_files_that_were_cut_cost_their_section_alone(content: str, tmp_path: Path) -> None:
    files = {name: content for name in ("scan_json", "test__junit_xml", "test__coverage_xml", "build_log")}
    text = Reader(rendered(left.write(tmp_path, left.result(1, left.stages()), **files))).text
    assert "shop: passed" in text


@pytest.mark.parametrize("content", ["", "{}", "[]", "\x00"])
def test_no_result_no_page(content: str, tmp_path: Path) -> None:
    folder = left.write(tmp_path, left.result(1, left.stages()))
    (folder / "result.json").write_text(content)
    with pytest.raises(UsageError, match="holds no result of a run"):
        page.write(folder)


def test_a_log_is_cut_at_its_beginning(tmp_path: Path) -> None:
    lines = "".join(f"line {n}\n" for n in range(100_000))
    folder = left.write(tmp_path, left.result(1, left.stages()), build_log=lines)
    log = evidence.gather(folder).logs["build"]
    assert log.text.startswith("line ") and log.text.endswith("line 99999\n")
    assert log.left_out + len(log.text) == len(lines)
    assert "The first 1" in rendered(folder) and "are left out here" in rendered(folder)


def test_size(tmp_path: Path) -> None:
    run, files = left.large()
    content = rendered(left.write(tmp_path / "large", run, **files))
    assert len(content.encode()) < 3_000_000
    assert content.count("<li>") >= 500 and "test_number_1999" in content
    assert len(rendered(left.write(tmp_path / "small", left.result(1, left.stages()))).encode()) < 60_000
