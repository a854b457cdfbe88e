"""Scans that find something, and scans that prove nothing: the second are never green."""

import json
import secrets
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trivydb
from support import Project

from slipway.tools import provision

pytestmark = pytest.mark.engine
ONLY = ("scan", "--skip", "lint", "--skip", "test")
NOWHERE = "127.0.0.1:1/db:2"


def with_gunicorn(project: Callable[..., Project], version: str) -> Project:
    """The app with what pip leaves of an installed gunicorn: its metadata."""
    folder = f"gunicorn-{version}.dist-info"
    shop = project(**{f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: gunicorn\nVersion: {version}\n"})
    shop.replace(".dockerignore", "!server.py", f"!server.py\n!{folder}")
    shop.replace("Dockerfile", "COPY server.py", f"COPY {folder} /opt/lib/{folder}\nCOPY server.py")
    return shop


def test_a_known_vulnerability_stops_the_image_and_its_fix_lets_it_through(project: Callable[..., Project]) -> None:
    shop = with_gunicorn(project, "20.1.0")
    # Neither a file in the project nor a variable of the user changes the verdict.
    shop.write(".trivyignore", "CVE-2024-1135\nCVE-2018-1000164\n")
    shop.write("trivy.yaml", "severity: [LOW]\n")
    done = shop.run("publish", *ONLY[1:], TRIVY_SEVERITY="LOW", TRIVY_IGNORE_STATUS="fixed", TRIVY_SKIP_DIRS="/opt")
    assert done.code == 1, done.text
    assert done.rules("scan") == ["CVE-2024-1135"]
    finding = next(f for f in done.stage("scan")["findings"] if f["rule"] == "CVE-2024-1135")
    assert finding["severity"] == "HIGH"
    assert finding["message"].startswith("gunicorn 20.1.0 → 22.0.0")
    assert finding["fix"] == "raise gunicorn to 22.0.0"
    assert "CVE-2024-1135" in done.out
    assert "raise gunicorn to 22.0.0" in done.out
    shop.nothing_out()

    fixed = with_gunicorn(project, "22.0.0")
    done = fixed.run(*ONLY)
    assert done.code == 0, done.text
    assert done.stage("scan")["status"] == "passed"
    sbom = json.loads((fixed.root / ".slipway/sbom.cdx.json").read_text())
    assert any(c["name"] == "gunicorn" and c["version"] == "22.0.0" for c in sbom["components"])


def test_the_threshold_is_a_setting(project: Callable[..., Project]) -> None:
    shop = with_gunicorn(project, "20.1.0")
    done = shop.run(*ONLY, SLIPWAY_SCAN_FAIL_ON="CRITICAL")
    assert done.code == 0, done.text
    assert [f["rule"] for f in done.stage("scan")["findings"] if f["severity"] == "HIGH"] == ["CVE-2024-1135"]


def test_a_finding_is_accepted_until_a_day(project: Callable[..., Project]) -> None:
    shop = with_gunicorn(project, "20.1.0")
    today = datetime.now(UTC).date()
    entry = "- {{id: CVE-2024-1135, package: gunicorn, reason: behind our proxy, owner: '@alice', expires: {}}}\n"
    last = today + timedelta(30)
    shop.write("slipway.exceptions.yaml", entry.format(last))
    done = shop.run(*ONLY)
    assert done.code == 0, done.text
    finding = next(f for f in done.stage("scan")["findings"] if f["rule"] == "CVE-2024-1135")
    assert (finding["blocking"], finding["accepted"]) == (False, f"until {last} by @alice: behind our proxy")
    assert "1 of them accepted until a day" in done.out

    shop.write("slipway.exceptions.yaml", entry.format(today - timedelta(1)))
    done = shop.run(*ONLY)
    assert done.code == 1, done.text
    assert done.rules("scan") == ["CVE-2024-1135"]
    said = next(f for f in done.stage("scan")["findings"] if f["rule"] == "exception-expired")
    assert (said["file"], said["line"]) == ("slipway.exceptions.yaml", 1)

    shop.write("slipway.exceptions.yaml", entry.format(today + timedelta(91)))
    done = shop.run(*ONLY)
    assert done.code == 2, done.text
    assert "slipway.exceptions.yaml:1: expires" in done.out and "further than 90 days" in done.out


def test_only_new_findings_stop_where_the_gate_says_so(project: Callable[..., Project]) -> None:
    shop = with_gunicorn(project, "20.1.0")
    shop.write("slipway.toml", (shop.root / "slipway.toml").read_text() + '[scan]\ngate = "new"\n')
    first = shop.run(*ONLY)
    assert first.code == 1, first.text
    assert "every finding counts: there is no baseline of the last run yet" in first.out
    known = shop.run(*ONLY)
    assert known.code == 0, known.text
    assert "in the last run already, the worst: HIGH CVE-2024-1135" in known.out
    assert shop.run(*ONLY).stage("scan")["status"] == "reused"
    assert shop.run("publish", *ONLY[1:]).code == 0
    command = shop.command("rescan", known.record["image"]["reference"])
    whole = subprocess.run(command, env=shop.environment, capture_output=True, text=True, timeout=60, check=False)
    assert whole.returncode == 1 and "CVE-2024-1135" in whole.stdout, "what runs is looked at whole"

    key = "ghp_" + (secrets.token_hex(30) + "AbCdEfGhIj")[:36]
    shop.write(".env", f"\nGITHUB_TOKEN={key}\n")
    shop.replace(".dockerignore", "!server.py", "!server.py\n!.env")
    shop.replace("Dockerfile", "COPY server.py", "COPY .env ./\nCOPY server.py")
    more = shop.run(*ONLY)
    assert more.code == 1, more.text
    assert more.rules("scan") == ["secret"]
    assert "from .env:2" in more.out
    told = [f for f in more.stage("scan")["findings"] if f.get("baseline")]
    assert [(f["rule"], f["blocking"]) for f in told] == [("CVE-2024-1135", False)]
    (shop.root / ".slipway/baseline.json").write_text("{")
    done = shop.run(*ONLY)
    assert set(done.rules("scan")) == {"secret", "CVE-2024-1135"}
    assert "the baseline is not believed: it is damaged" in done.out


def test_a_package_of_the_lock_file_that_the_scanner_does_not_see(project: Callable[..., Project]) -> None:
    shop = with_gunicorn(project, "22.0.0")
    shop.write("requirements.txt", "gunicorn==22.0.0\nflask==3.1.0\n")
    shop.replace("Dockerfile", "COPY server.py", "# pip install -r requirements.txt\nCOPY server.py")
    done = shop.run(*ONLY)
    assert done.code == 4, done.text
    assert "requirements.txt puts flask 3.1.0 into the image" in done.stage("scan")["reason"]
    shop.write("slipway.toml", (shop.root / "slipway.toml").read_text() + '[scan]\npackages = "none"\n')
    assert shop.run(*ONLY).code == 0


def test_a_database_that_has_lost_its_advisories(project: Callable[..., Project], tmp_path: Path) -> None:
    """Trivy says nothing: the image is clean to it."""
    database = trivydb.write(tmp_path / "database", without=(trivydb.DEBIAN,))
    done = project().run(*ONLY, SLIPWAY_SCAN_DATABASE=str(database))
    assert done.code == 4, done.text
    assert "does not know the oldest advisories for debian" in done.stage("scan")["reason"]


def test_a_secret_in_the_image_stops_it_without_any_database(project: Callable[..., Project]) -> None:
    key = "ghp_" + (secrets.token_hex(30) + "AbCdEfGhIj")[:36]
    shop = project(**{".env": f"GITHUB_TOKEN={key}\n"})
    shop.replace(".dockerignore", "!server.py", "!server.py\n!.env")
    # Gone from the file system, but not from its layer.
    shop.replace("Dockerfile", "COPY server.py", "COPY .env ./\nRUN rm .env\nCOPY server.py")
    done = shop.run("publish", *ONLY[1:], SLIPWAY_SCAN_DATABASE=NOWHERE)
    assert done.code == 1, done.text
    assert done.rules("scan") == ["secret"]
    finding = next(f for f in done.stage("scan")["findings"] if f["rule"] == "secret")
    assert finding["file"] == "/app/.env"
    assert "add .env to .dockerignore" in finding["fix"]
    shop.nothing_out()
    record = (shop.root / ".slipway/latest").resolve()
    told = [p.name for p in record.rglob("*") if p.is_file() and key.encode() in p.read_bytes()]
    assert told == [], "the key itself stands in the run's folder"
    assert key not in done.text


def test_without_a_database_it_is_degraded_and_stays_on_this_machine(project: Callable[..., Project]) -> None:
    shop = project()
    done = shop.run("publish", *ONLY[1:], SLIPWAY_SCAN_DATABASE=NOWHERE)
    assert done.code == 0, done.text
    assert done.record["status"] == "degraded"
    assert done.stage("scan")["status"] == "degraded"
    assert "no vulnerability data here" in done.stage("scan")["reason"]
    assert "scan: degraded" in done.out
    assert shop.tags(), "a registry on this machine may have it"

    again = shop.run("publish", *ONLY[1:], SLIPWAY_SCAN_DATABASE=NOWHERE)
    assert again.stage("scan")["status"] == "degraded", "reused, it is no greener"
    on_runner = shop.run(*ONLY, SLIPWAY_SCAN_DATABASE=NOWHERE, GITHUB_ACTIONS="true", GITHUB_REPOSITORY="acme/shop")
    assert on_runner.code == 4, on_runner.text


def test_degraded_is_not_published_elsewhere(project: Callable[..., Project]) -> None:
    shop = project(**{"slipway.toml": '[image]\nname = "registry.invalid/acme/shop"\n'})
    done = shop.run("deploy", *ONLY[1:], SLIPWAY_SCAN_DATABASE=NOWHERE)
    assert done.code == 1, done.text
    assert "scan could not check everything: this image may only go to a registry on localhost" in done.out
    assert shop.services() == {}
    Project.remove_images("registry.invalid/*/*")


@pytest.mark.parametrize(
    ("hours", "words"),
    [(-72, "72 h old, the limit is 48 h"), (-24 * 900, "h old, the limit is 48 h"), (3, "is dated in the future")],
    ids=["stale", "years old", "future"],
)
def test_a_database_of_another_time(project: Callable[..., Project], tmp_path: Path, hours: int, words: str) -> None:
    when = datetime.now(UTC) + timedelta(hours=hours)
    database = trivydb.write(tmp_path / "database", updated=when)
    done = project().run(*ONLY, SLIPWAY_SCAN_DATABASE=str(database))
    assert done.code == 4, done.text
    assert done.stage("scan")["status"] == "broken"
    assert words in done.stage("scan")["reason"]


def test_a_database_that_is_garbage(project: Callable[..., Project], tmp_path: Path) -> None:
    database = trivydb.write(tmp_path / "database")
    (database / "db/trivy.db").write_bytes(secrets.token_bytes(20000))
    done = project().run(*ONLY, SLIPWAY_SCAN_DATABASE=str(database))
    assert done.code == 4, done.text
    assert done.stage("scan")["status"] == "broken"


@pytest.mark.parametrize("spoil", ["metadata.json", "trivy.db"])
def test_a_folder_that_is_no_database(project: Callable[..., Project], tmp_path: Path, spoil: str) -> None:
    database = trivydb.write(tmp_path / "database")
    (database / "db" / spoil).unlink()
    done = project().run(*ONLY, SLIPWAY_SCAN_DATABASE=str(database))
    assert done.code == 2, done.text
    assert "scan.database: " in done.out


def test_two_databases_by_their_files_do_not_meet(project: Callable[..., Project], tmp_path: Path) -> None:
    """A folder that holds the two files themselves is linked into Trivy's shape: each into one of its own."""
    knowing = trivydb.write(tmp_path / "knowing") / "db"
    empty = trivydb.write(tmp_path / "empty", only=()) / "db"
    shop = with_gunicorn(project, "20.1.0")
    assert shop.run(*ONLY, SLIPWAY_SCAN_DATABASE=str(empty)).code == 0
    assert shop.run(*ONLY, SLIPWAY_SCAN_DATABASE=str(knowing)).code == 1
    linked = [p.resolve() for p in provision.cache_folder().glob("trivy-linked*/db/trivy.db")]
    assert {knowing / "trivy.db", empty / "trivy.db"} <= set(linked)
    for link in provision.cache_folder().glob("trivy-linked*"):
        if tmp_path in (link / "db/trivy.db").resolve().parents:
            shutil.rmtree(link)


VERSION = provision.pins()["trivy"]["version"]
REPORT = {"SchemaVersion": 2, "Trivy": {"Version": VERSION}, "Metadata": {}, "Results": []}
OTHER = REPORT | {"Trivy": {"Version": "0.69.4"}}


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("kill -SEGV $$", "which is no verdict"),
        ("echo 'panic: runtime error' >&2; exit 2", "panic: runtime error"),
        ("exit 0", "left no report"),
        ("echo '{}' > \"$out\"", "not of the kind that Slipway reads"),
        (f"echo '{json.dumps(REPORT)}' > \"$out\"", "is about another image"),
        (f"echo '{json.dumps(OTHER)}' > \"$out\"", "was written by Trivy 0.69.4"),
        ('echo not json > "$out"; exit 10', "left no report"),
    ],
    ids=["crash", "panic", "silence", "empty", "another image", "another scanner", "garbage"],
)
def test_a_scanner_that_crashes_or_lies(
    project: Callable[..., Project], tmp_path: Path, script: str, words: str
) -> None:
    home = tmp_path / "cache/tools" / f"trivy-{VERSION}"
    home.mkdir(parents=True)
    find = 'while [ $# -gt 0 ]; do [ "$1" = --output ] && out=$2; shift; done\n'
    (home / "trivy").write_text(f"#!/bin/sh\n{find}{script}\n")
    (home / "trivy").chmod(0o755)
    shop = project()
    done = shop.run("publish", *ONLY[1:], SLIPWAY_CACHE=str(tmp_path / "cache"))
    assert done.code == 4, done.text
    assert done.stage("scan")["status"] == "broken"
    assert words in done.stage("scan")["reason"]
    assert "scan: broken" in done.out
    shop.nothing_out()


def test_a_scanner_that_leaves_the_packages_out(project: Callable[..., Project], tmp_path: Path) -> None:
    """It names the right image and layers, and recognised nothing in them."""
    real = json.dumps(str(provision.cache_folder() / "tools" / f"trivy-{VERSION}/trivy"))
    home = tmp_path / "cache/tools" / f"trivy-{VERSION}"
    home.mkdir(parents=True)
    strip = (
        "#!/usr/bin/env python3\nimport json, pathlib, subprocess, sys\n"
        f"code = subprocess.call([{real}, *sys.argv[1:]])\n"
        "if '--output' in sys.argv:\n"
        "    path = pathlib.Path(sys.argv[sys.argv.index('--output') + 1])\n"
        "    report = json.loads(path.read_text())\n    report['Results'] = []\n"
        "    path.write_text(json.dumps(report))\n"
        "sys.exit(0)\n"
    )
    (home / "trivy").write_text(strip)
    (home / "trivy").chmod(0o755)
    done = project().run(*ONLY, SLIPWAY_CACHE=str(tmp_path / "cache"))
    assert done.code == 4, done.text
    assert "recognised no package in the image" in done.stage("scan")["reason"]


def test_it_takes_too_long(project: Callable[..., Project], tmp_path: Path) -> None:
    home = tmp_path / "cache/tools" / f"trivy-{VERSION}"
    home.mkdir(parents=True)
    (home / "trivy").write_text("#!/bin/sh\nexec sleep 614\n")
    (home / "trivy").chmod(0o755)
    done = project().run(*ONLY, SLIPWAY_CACHE=str(tmp_path / "cache"), SLIPWAY_SCAN_TIMEOUT="1s")
    assert done.code == 4, done.text
    assert "longer than [scan] timeout" in done.stage("scan")["reason"]


def test_a_swapped_layer_is_noticed_and_built_again(project: Callable[..., Project]) -> None:
    """BuildKit, `docker load` and Trivy all believe the name of a blob."""
    shop = project()
    first = shop.run(*ONLY)
    assert first.code == 0, first.text
    digest = first.record["image"]["digest"]
    layout = shop.root / ".slipway/layout"
    layer = first.stage("build")["facts"]["layers"][-1][0]
    blob = layout / "blobs/sha256" / layer.removeprefix("sha256:")
    good = blob.read_bytes()
    blob.chmod(0o644)
    blob.write_bytes(good[:-8] + b"\0" * 8)
    again = shop.run(*ONLY)
    assert again.code == 0, again.text
    assert again.stage("build")["status"] == "passed", "not reused"
    assert again.record["image"]["digest"] == digest
    assert blob.read_bytes() == good


def test_what_the_scanner_kept_of_layers_is_damaged(project: Callable[..., Project]) -> None:
    shop = with_gunicorn(project, "20.1.0")
    assert shop.run(*ONLY).rules("scan") == ["CVE-2024-1135"]
    (kept,) = (shop.root / ".slipway/analyses").glob("*.db")
    assert kept.stat().st_size
    kept.write_bytes(secrets.token_bytes(40000))
    done = shop.run(*ONLY, "--fresh")
    assert done.code == 1, done.text
    assert done.rules("scan") == ["CVE-2024-1135"]
    assert kept.stat().st_size > 40000, "made anew"


def test_a_runner_keeps_nothing_of_layers(project: Callable[..., Project]) -> None:
    shop = with_gunicorn(project, "20.1.0")
    assert shop.run(*ONLY, CI="true").rules("scan") == ["CVE-2024-1135"]
    assert not (shop.root / ".slipway/analyses").exists()
