"""Run folders as runs leave them, made from what a test wants to be in them."""

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from slipway.deploy import record
from slipway.deploy.record import Record
from slipway.pipeline.result import ImageResult, RunResult, SourceResult, StageResult, encode
from slipway.policy.finding import Finding

DIGEST = "sha256:9d2e" + "0" * 56 + "c285"
OLD_DIGEST = "sha256:41aa" + "0" * 56 + "07be"

# What others have written into names, logs and versions, to be more than text in a page.
HOSTILE = (
    "<script>window.pwned = 1</script>",
    "</script><script>window.pwned = 2</script>",
    "</style><style>* { background: url(http://127.0.0.1:9/pwned) }</style>",
    '"><img src=x onerror="window.pwned = 3">',
    "' onmouseover='window.pwned = 4' autofocus onfocus='window.pwned = 5",
    "<svg/onload=window.pwned=6>",
    "<iframe srcdoc='<script>parent.pwned = 7</script>'></iframe>",
    "<img src=http://127.0.0.1:9/pwned.png>",
    "<link rel=stylesheet href=//127.0.0.1:9/pwned.css>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/pwned'>",
    "<base href=http://127.0.0.1:9/>",
    "<form action=http://127.0.0.1:9/><input autofocus onfocus=window.pwned=8></form>",
    "<object data=http://127.0.0.1:9/pwned></object><embed src=http://127.0.0.1:9/pwned>",
    "<a href=javascript:window.pwned=9>x</a>",
    "javascript:window.pwned=10",
    "data:text/html,<script>window.pwned=11</script>",
    "<!--<script>window.pwned = 12</script>-->",
    "]]><script>window.pwned = 13</script>",
    "<details open ontoggle=window.pwned=14>",
    "<math><mtext><table><mglyph><style><img src=x onerror=window.pwned=15>",
    "&lt;script&gt;window.pwned = 16&lt;/script&gt; &#x3c;b&#x3e; &amp;",
    "{{ 7 * 7 }} ${7 * 7} {0} {run.__class__} %s %n",
    "\x1b[2J\x1b]0;owned\x07 \x00 \x9b31m \u202egnp.exe \u2066x\u2069 \u2028",
    "::error::evil %0A::set-output name=x::y",
    "x" * 3000,
)


def junit(cases: list[tuple[str, float, str]]) -> str:
    """A report of pytest's: name, seconds, and the text of a failure where it is one."""

    def one(name: str, seconds: float, failure: str) -> str:
        inner = f"<failure message={quoteattr(failure[:200])}>{escape(failure)}</failure>" if failure else ""
        return f'<testcase classname="test_app" name={quoteattr(name)} time="{seconds}">{inner}</testcase>'

    return f"<testsuites><testsuite>{''.join(one(*case) for case in cases)}</testsuite></testsuites>"


def coverage(files: dict[str, dict[int, int]]) -> str:
    """A report of coverage.py's: file → line → how often it ran."""
    classes = "".join(
        f"<class filename={quoteattr(name)}><lines>"
        + "".join(f'<line number="{n}" hits="{hits}"/>' for n, hits in lines.items())
        + "</lines></class>"
        for name, lines in files.items()
    )
    return f'<coverage line-rate="0.97"><packages><package><classes>{classes}</classes></package></packages></coverage>'


def scan(packages: list[tuple[str, str]]) -> str:
    """A report of Trivy's, as it is kept."""
    listed = [{"Name": name, "Version": version, "Licenses": ["MIT"]} for name, version in packages]
    return json.dumps({"Results": [{"Target": "Python", "Type": "python-pkg", "Packages": listed}]})


def write(root: Path, run: RunResult, **files: str) -> Path:
    """The folder of a run in a project, with files given as `test__junit_xml="…"`; `latest` points to it."""
    folder = root / ".slipway" / "runs" / run.id
    folder.mkdir(parents=True)
    (folder / "result.json").write_bytes(encode(run))
    for name, text in files.items():
        stem, _, suffix = name.replace("__", "/").rpartition("_")
        path = folder / f"{stem}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace("\x00", ""), encoding="utf-8", errors="replace")
    latest = root / ".slipway" / "latest"
    latest.unlink(missing_ok=True)
    latest.symlink_to(Path("runs") / run.id)
    for facts in (stage.facts for stage in run.stages if stage.name == "deploy" and stage.facts.get("result")):
        done = (facts["environment"], "compose", run.image.reference, "", facts["result"], facts["previous"])
        record.append(root / ".slipway", Record(run.started, *done, facts["url"], "ada"))
    return folder


def stages(*, layers: list[tuple[str, int, str]] | None = None, scan_findings: tuple[Finding, ...] = ()) -> Any:
    """The stages of a run that went well."""
    made = layers or [("sha256:" + "a" * 64, 40_000_000, "base"), ("sha256:" + "b" * 64, 95_000, "COPY /app /app")]
    build = {"digest": DIGEST, "size": sum(s for _, s, _ in made), "layers": made, "platform": "linux/amd64"}
    deploy = {"environment": "local", "result": "live", "previous": "", "url": "http://127.0.0.1:8000"}
    return (
        StageResult(name="lint", status="passed", seconds=0.4, started=0.0, reason="3 files clean"),
        StageResult(name="build", status="passed", seconds=2.1, started=0.0, reason="65 MB", facts=build),
        StageResult(name="test", status="passed", seconds=1.8, started=2.1, reason="42 passed · 97 % covered",
                    facts={"tests": 42, "slowest": [["test_app::test_slow", 0.9]], "coverage": 97.0}),
        StageResult(name="scan", status="passed", seconds=1.9, started=2.1, reason="2 packages", findings=scan_findings,
                    facts={"packages": 2}),
        StageResult(name="integration", status="passed", seconds=3.2, started=2.2, reason="11 passed"),
        StageResult(name="publish", status="passed", seconds=0.3, started=5.5, reason="localhost:5001/shop:main"),
        StageResult(name="deploy", status="passed", seconds=2.2, started=5.8, reason="live", facts=deploy),
    )  # fmt: skip


def result(number: int, stages: tuple[StageResult, ...], **parts: Any) -> RunResult:
    """A run of these stages; later numbers are later runs."""
    whole = {
        "id": f"20261121-08{number:02}00-abcd", "status": "passed", "exit_code": 0, "seconds": 7.4,
        "started": f"2026-11-21T08:{number:02}:00Z", "work_seconds": 12.1, "project": "shop",
        "source": SourceResult("3f2c1ab" + "0" * 33, "main", False), "engine": "26.1.5",
        "image": ImageResult(f"localhost:5001/shop@{DIGEST}", DIGEST), "url": "http://127.0.0.1:8000",
    }  # fmt: skip
    return RunResult(stages=stages, **whole | parts)


def hostile(text: str, number: int = 1) -> tuple[RunResult, dict[str, str]]:
    """A run, and files of its folder, in which every text from outside is `text`."""
    finding = Finding(
        text, "HIGH", text, text, 1, text, package=text, accepted=text, known=text, purl=text, url=text, source=text
    )
    slow = [[text, 0.5]]
    layers = [("sha256:" + "a" * 64, 1000, text), (text, 2000, text)]
    facts = {
        "build": {"digest": text, "size": 3000, "layers": layers}, "test": {"slowest": slow, "coverage": 50.0},
        "deploy": {"environment": text, "result": text, "previous": text, "url": text}, "scan": {"packages": 1},
        "integration": {"slowest": slow},
    }  # fmt: skip
    names = ("lint", "build", "test", "scan", "integration", "publish", "deploy")
    made = tuple(
        StageResult(name=name, status="failed", seconds=1.0, started=0.0, reason=text, fix=text, log=text,
                    findings=(finding,), facts=facts.get(name, {}))
        for name in names
    )  # fmt: skip
    run = result(
        number, made, status="failed", exit_code=1, project=text, url=text, reason=text, engine=text,
        source=SourceResult(text, text, True), image=ImageResult(text, text),
    )  # fmt: skip
    clean = "".join(c for c in text if c.isprintable())
    files = {f"{name}_log": text for name in names} | {
        "test__junit_xml": junit([(clean, 0.5, clean)]), "integration__junit_xml": junit([(clean, 0.5, clean)]),
        "test__coverage_xml": coverage({clean: {1: 0, 2: 1}}), "scan_json": scan([(clean, clean)]),
    }  # fmt: skip
    return run, files


def large(tests: int = 2000, findings: int = 500) -> tuple[RunResult, dict[str, str]]:
    """A run at the size that a page must still be fast at."""
    found = tuple(
        Finding(
            f"CVE-2026-{n:05}", ("CRITICAL", "HIGH", "MEDIUM", "LOW")[n % 4], f"package-{n}: " + "what it is " * 8,
            f"/venv/lib/package-{n}/METADATA", n, f"raise package-{n} to 2.{n}", n % 3 == 0, f"package-{n}",
        )
        for n in range(findings)
    )  # fmt: skip
    made = stages(scan_findings=found)
    cases = [(f"test_number_{n}_of_a_suite_with_names_that_say_something[{n}]", n / 1000, "") for n in range(tests)]
    cases[5] = ("test_that_fails", 0.1, "E   assert 1 == 2\n" * 40)
    lines = "".join(f"line {n} of a log that says what a stage did, step by step\n" for n in range(20_000))
    files = {f"{stage.name}_log": lines for stage in made} | {
        "test__junit_xml": junit(cases), "scan_json": scan([(f"package-{n}", f"1.{n}") for n in range(400)]),
        "test__coverage_xml": coverage({f"app/module_{n}.py": {i: i % 7 for i in range(200)} for n in range(60)}),
    }  # fmt: skip
    return result(1, made, status="failed", exit_code=1), files
