"""The real Trivy on layouts made by hand: found, not distracted, and not believed where it contradicts itself."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trivydb
from layouts import SYSTEM, app, layout

from slipway.errors import Broken
from slipway.tools import trivy as tool
from slipway.tools.trivy import Trivy

Program = Callable[[str, str], Path]
# Made up here, so that no file of ours holds something that looks like a key.
SECRET = "GITHUB_TOKEN=ghp_" + "x7Rk2Vq9Lm" * 3 + "B4tZ8w\n"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that knows real advisories on gunicorn."""
    return trivydb.write(tmp_path_factory.mktemp("trivy-database"))


def scan(binary: Path, folder: Path, image: Path, cache: Path | None, timeout: float = 60) -> dict[str, Any]:
    """A report on a layout."""
    scanner = Trivy(binary, cache or folder / "nothing", folder / "log")
    return asyncio.run(scanner.scan(image, vulnerabilities=cache is not None, timeout=timeout))


def rules(report: dict[str, Any]) -> set[str]:
    """What a report found."""
    results = report.get("Results") or []
    return {v["VulnerabilityID"] for r in results for v in r.get("Vulnerabilities") or []} | {
        s["RuleID"] for r in results for s in r.get("Secrets") or []
    }


def test_a_vulnerable_package_is_found_whatever_lies_about(
    trivy: Path, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file of the project or the user and no variable makes it overlook something."""
    (tmp_path / "trivy.yaml").write_text(
        "scan:\n  skip-dirs: [usr, var, etc]\nvulnerability:\n  ignore-status: [fixed]\n"
    )
    (tmp_path / ".trivyignore").write_text("CVE-2024-1135\ngithub-pat\n")
    (tmp_path / "trivy-secret.yaml").write_text("disable-rules: [github-pat]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in {
        "SEVERITY": "LOW",
        "SKIP_DIRS": "/usr,/var",
        "IGNORE_STATUS": "fixed",
        "SKIP_FILES": "**",
    }.items():
        monkeypatch.setenv(f"TRIVY_{name}", value)
    image = layout(tmp_path / "a folder $(touch PWNED)", app(**{"app/.env": SECRET}))
    report = scan(trivy, tmp_path, image, database)
    assert {"CVE-2024-1135", "github-pat"} <= rules(report)
    assert {p["Name"] for p in tool.packages(report)} == {*SYSTEM, "gunicorn"}
    assert not (tmp_path / "PWNED").exists()
    for file, key in (("sbom.cdx.json", "components"), ("sbom.spdx.json", "packages")):
        asyncio.run(Trivy(trivy, database, tmp_path / "log").sbom(report, tmp_path / file))
        names = {one["name"] for one in json.loads((tmp_path / file).read_text())[key]}
        assert {"base-files", "gunicorn"} <= names
    assert json.loads((tmp_path / "sbom.spdx.json").read_text())["spdxVersion"] == "SPDX-2.3"


def test_the_fixed_version_is_clean(trivy: Path, database: Path, tmp_path: Path) -> None:
    assert rules(scan(trivy, tmp_path, layout(tmp_path / "image", app("23.0.0")), database)) == set()


KEY = "q8Jt3Lx0" * 4
OURS = {
    "render-api-key": (f"RENDER_API_KEY=rnd_{KEY}", "RENDER_API_KEY=rnd_x"),
    "render-deploy-hook": (
        f"https://api.render.com/deploy/srv-abc123?key={KEY}", "https://api.render.com/deploy/srv-abc123"),
    "railway-token": (
        "RAILWAY_TOKEN=12345678-1234-4234-8234-0123456789ab", "RAILWAY_TOKEN=${{ secrets.RAILWAY_TOKEN }}"),
    "password-in-url": (f"DATABASE_URL=postgresql+psycopg://app:{KEY}@db/app", "postgresql://app:${PASSWORD}@db/app"),
    "flask-secret-key": (f"SECRET_KEY = '{KEY}'", "SECRET_KEY = os.environ['SECRET_KEY_OF_THE_APP']"),
}  # fmt: skip


@pytest.mark.parametrize("rule", OURS)
def test_secrets_that_its_own_rules_miss(trivy: Path, tmp_path: Path, rule: str) -> None:
    secret, harmless = OURS[rule]
    assert rules(scan(trivy, tmp_path, layout(tmp_path / "a", app(**{"app/settings.py": secret})), None)) == {rule}
    name, _, value = secret.replace(" ", "").replace("'", "").partition("=")
    image = layout(tmp_path / "b", app(), {"app/later": "x"}, Env=[f"{name}={value}"])
    if "://" not in name:
        assert rule in rules(scan(trivy, tmp_path, image, None)), "in the image's environment too"
    assert rules(scan(trivy, tmp_path, layout(tmp_path / "c", app(**{"app/settings.py": harmless})), None)) == set()


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://postgres:postgres@localhost/app", "redis://:password@cache:6379/0",
        "SECRET_KEY=change-me-please-now",
        'SECRET_KEY = config("SECRET_KEY")', "app.config['SECRET_KEY'] = settings.secret_key_value", "rnd_seed = 3",
        "# mysql://user:secret@host/db", "SECRET_KEY_FILE=/run/secrets/session_key",
    ],
)  # fmt: skip
def test_words_of_examples_are_no_secrets(trivy: Path, tmp_path: Path, text: str) -> None:
    assert rules(scan(trivy, tmp_path, layout(tmp_path / "a", app(**{"app/settings.py": text})), None)) == set()


def test_without_a_database_secrets_are_still_found(trivy: Path, tmp_path: Path) -> None:
    report = scan(trivy, tmp_path, layout(tmp_path / "image", app(**{"app/.env": SECRET})), None)
    assert rules(report) == {"github-pat"}
    assert len(tool.packages(report)) == len(SYSTEM) + 1


def test_what_it_kept_of_layers_gives_the_same_report_and_new_data_are_asked_again(
    trivy: Path, database: Path, tmp_path: Path
) -> None:
    image, kept = layout(tmp_path / "image", app(**{"app/.env": SECRET})), tmp_path / "kept" / "analyses.db"
    knows_nothing = trivydb.write(tmp_path / "knows-nothing", only=())

    def again(data: Path) -> dict[str, Any]:
        scanner = Trivy(trivy, data, tmp_path / "log")
        report = asyncio.run(scanner.scan(image, vulnerabilities=True, timeout=60, analyses=kept))
        kept.with_suffix(".new").replace(kept)
        return {name: part for name, part in report.items() if name not in ("ReportID", "CreatedAt")}

    assert rules(again(knows_nothing)) == {"github-pat"}
    first = again(database)
    assert {"CVE-2024-1135", "github-pat"} <= rules(first)
    (layer,) = [blob for blob in (image / "blobs" / "sha256").iterdir() if blob.read_bytes()[:2] == b"\x1f\x8b"]
    layer.write_bytes(b"")  # were it opened, the scan would break: it is the kept file that makes it fast
    assert again(database) == first
    assert not (database / "fanal").exists()


def test_an_operating_system_whose_packages_are_gone_is_broken(trivy: Path, database: Path, tmp_path: Path) -> None:
    """Trivy warns of it, ends with 0 and reports the Python packages alone."""
    files = {name: text for name, text in app("23.0.0").items() if "dpkg" not in name}
    with pytest.raises(Broken, match=r"Trivy left something unexamined: .*No OS package is detected"):
        scan(trivy, tmp_path, layout(tmp_path / "image", files), database)


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000], ids=["empty", "garbage"])
def test_a_broken_database_is_broken(trivy: Path, database: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cache" / "db").mkdir(parents=True)
    (tmp_path / "cache" / "db" / "trivy.db").write_bytes(content)
    (tmp_path / "cache" / "db" / "metadata.json").write_bytes((database / "db" / "metadata.json").read_bytes())
    with pytest.raises(Broken, match=r"Trivy ended with [12], which is no verdict"):
        scan(trivy, tmp_path, layout(tmp_path / "image", app()), tmp_path / "cache")


def test_a_layout_that_is_none_is_broken(trivy: Path, tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    with pytest.raises(Broken, match="which is no verdict"):
        scan(trivy, tmp_path, tmp_path / "image", None)


REPORT = "sys.argv[sys.argv.index('--output') + 1]"
CLEAN: dict[str, Any] = {"SchemaVersion": 2, "Results": [{"Packages": [{"Name": "a"}]}]}
FOUND = CLEAN | {"Results": [{"Vulnerabilities": [{"VulnerabilityID": "CVE-1"}]}]}
SECRETS = CLEAN | {"Results": [{"Secrets": [{"RuleID": "x"}]}]}
WRONG = CLEAN | {"Results": [{"Misconfigurations": [{"ID": "x", "Status": "FAIL"}]}]}
RIGHT = CLEAN | {"Results": [{"Misconfigurations": [{"ID": "x", "Status": "PASS"}]}]}
OLD = CLEAN | {"Metadata": {"OS": {"Family": "debian", "EOSL": True}}}


def pretend(report: Any, code: int, said: str = "") -> str:
    """A scanner that writes a report and ends like this."""
    return f"open({REPORT}, 'w').write({json.dumps(report)!r}); print({said!r}, file=sys.stderr); sys.exit({code})"


@pytest.mark.parametrize(
    ("report", "code"), [(CLEAN, 0), (FOUND, 10), (SECRETS, 10), (WRONG, 10), (RIGHT, 0), (OLD, 11), (OLD | FOUND, 11)]
)
def test_a_verdict_that_agrees_with_its_report_is_taken(
    program: Program, tmp_path: Path, report: Any, code: int
) -> None:
    assert scan(program("trivy", pretend(report, code)), tmp_path, tmp_path, None) == report


LIES = {
    "findings, and 0": (pretend(FOUND, 0), "Trivy ended with 0, its report says 10"),
    "a secret, and 0": (pretend(SECRETS, 0), "Trivy ended with 0, its report says 10"),
    "no findings, and 10": (pretend(CLEAN, 10), "Trivy ended with 10, its report says 0"),
    "end of life, and 0": (pretend(OLD, 0), "Trivy ended with 0, its report says 11"),
    "clean, and 11": (pretend(CLEAN, 11), "Trivy ended with 11, its report says 0"),
    "clean, and 1": (pretend(CLEAN, 1), "Trivy ended with 1, which is no verdict"),
    "clean, and 2": (pretend(CLEAN, 2), "Trivy ended with 2, which is no verdict"),
    "clean, and a signal": ("os.kill(os.getpid(), 9)", "Trivy ended with -9, which is no verdict"),
    "0 and no report": ("sys.exit(0)", "Trivy ended with 0 and left no report"),
    "0 and half a report": (f"open({REPORT}, 'w').write('{{')", "left no report"),
    "0 and an empty report": (f"open({REPORT}, 'w')", "left no report"),
    "0 and a list": (pretend([], 0), "not of the kind that Slipway reads"),
    "0 and another schema": (pretend(CLEAN | {"SchemaVersion": 3}, 0), "not of the kind that Slipway reads"),
    "0 and a warning of a loss": (
        pretend(CLEAN, 0, "2026-11-21T08:00:00Z\tWARN\tVersion matching error\terr=\"improper constraint\""),
        "Trivy left something unexamined: Version matching error",
    ),
    "an operating system of which nothing is known": (
        pretend(CLEAN, 0, "2026-11-21T08:00:00Z\tWARN\tThis OS version is not on the EOL list: debian 99"),
        "Trivy left something unexamined",
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_scanner_that_lies_or_crashes_is_broken(program: Program, tmp_path: Path, lie: str) -> None:
    code, said = LIES[lie]
    with pytest.raises(Broken, match=said):
        scan(program("trivy", code), tmp_path, tmp_path, None)


def test_a_scanner_that_hangs_is_broken(program: Program, tmp_path: Path) -> None:
    with pytest.raises(Broken, match=r"took longer than \[scan\] timeout"):
        scan(program("trivy", "time.sleep(60)"), tmp_path, tmp_path, None, timeout=0.4)


def test_a_scanner_sees_nothing_of_our_environment(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIVY_SEVERITY", "LOW")
    monkeypatch.setenv("GITHUB_TOKEN", "x")
    spy = f"open({str(tmp_path / 'seen')!r}, 'w').write(json.dumps([dict(os.environ), os.listdir(), os.getcwd()]));"
    scan(program("trivy", spy + pretend(CLEAN, 0)), tmp_path, tmp_path, None)
    environment, files, folder = json.loads((tmp_path / "seen").read_text())
    assert set(environment) <= {"PATH", "HOME", "TMPDIR", "GOGC", "LC_CTYPE"}
    assert sorted(files) == ["cache", "home", "image"]
    assert not Path(folder).exists(), "its folder stays behind"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit(1)", "the SBOM could not be made"),
        ("open('sbom.json', 'w').write('{}')", "the SBOM lists fewer packages"),
        ("open('sbom.json', 'w').write('garbage')", "the SBOM"),
        ("pass", "the SBOM"),
    ],
)
@pytest.mark.parametrize("file", ["sbom.cdx.json", "sbom.spdx.json"])
def test_an_sbom_that_lists_less_than_was_found_is_broken(
    program: Program, tmp_path: Path, code: str, said: str, file: str
) -> None:
    """Trivy writes an empty one, and ends with 0, where it finds no packages in the report."""
    scanner = Trivy(program("trivy", code), tmp_path, tmp_path / "log")
    with pytest.raises(Broken, match=said):
        asyncio.run(scanner.sbom(CLEAN, tmp_path / file))
    assert not (tmp_path / file).exists()
