"""What can go wrong with a scan, each thing made for real: an image, a database or a scanner, and what must come out.

`make scan-cases` prints the table of docs/reference/scan-cases.md.

The outcome is never "clean": `broken`, `refused` (a setting that cannot be), or the finding by name.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import database_faults
import layouts
import trivydb
from layouts import GONE, app, layout
from stages import scan_faults as make
from stages.scan_faults import GOOD, HIGH

DPKG = "var/lib/dpkg/status"
SITE = "usr/lib/python3.13/site-packages"


@dataclass(frozen=True)
class Case:
    """One thing that goes wrong."""

    group: str
    name: str
    outcome: str  # "broken: words of the reason", "refused: words", or "found: rule"
    image: Callable[[Path], object] = lambda folder: layout(folder, app())
    database: Callable[[Path], object] = trivydb.write
    scanner: str = ""  # a shell script in its place; empty: the real one
    environment: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, object], ...] = ()
    files: tuple[tuple[str, str], ...] = ()  # of the project


SIGNALS = {"KILL": -9, "TERM": -15, "HUP": -1, "SEGV": -11}
LOSSES = [
    Case("silent losses", "a database without any bucket", "broken: oldest advisories for python and debian",
         database=make.tables(lambda t: t.clear())),
    Case("silent losses", "a database of empty buckets", "broken: oldest advisories for python and debian",
         database=make.tables(make.empty)),
    Case("silent losses", "no advisories for the operating system", "broken: oldest advisories for debian",
         database=lambda f: trivydb.write(f, without=(trivydb.DEBIAN,))),
    Case("silent losses", "no advisories for Python", "broken: oldest advisories for python",
         database=lambda f: trivydb.write(f, without=(trivydb.PYTHON,))),
    Case("silent losses", "the database's last commit is lost", "broken: oldest advisories for python and debian",
         database=make.data(make.lost_meta)),
    Case("silent losses", "an image of one file, from nothing", "broken: recognised no package",
         image=make.layers({"app": "x"})),
    Case("silent losses", "an image of nothing", "broken: recognised no package", image=make.layers({})),
    Case("silent losses", "the list of system packages is not there", "broken: No OS package is detected",
         image=make.layers(make.without(DPKG, GOOD))),
    Case("silent losses", "the list of system packages was deleted later", "broken: No OS package is detected",
         image=make.layers(GOOD, {f"var/lib/dpkg/{GONE}status": ""})),
    Case("silent losses", "the list of system packages is garbage", "broken: No OS package is detected",
         image=make.layers(GOOD | {DPKG: "garbage"})),
    Case("silent losses", "the list of system packages was cut", "broken: 3 of its packages",
         image=make.layers(GOOD | {DPKG: "".join(map(layouts.DPKG.format, layouts.SYSTEM[:3]))})),
    Case("silent losses", "a release of which nothing is known", "broken: not on the EOL list",
         image=make.layers(GOOD | make.release("99"))),
    Case("silent losses", "a package's metadata were deleted later", "broken: requirements.txt puts gunicorn 20.1.0",
         image=make.layers(app(), {f"{SITE}/{GONE}gunicorn-20.1.0.dist-info": ""}),
         files=(("requirements.txt", "gunicorn==20.1.0\n"),)),
    Case("silent losses", "another version than the lock file's", "broken: requirements.txt puts gunicorn 22.0.0",
         files=(("requirements.txt", "gunicorn==22.0.0\n"),)),
    Case("silent losses", "a layer swapped for another sound one", "broken: holds other content",
         image=make.spoiled("layer0", lambda _: layouts.packed(GOOD))),
    Case("silent losses", "another platform's image first in the layout", "broken: lists 2 images",
         image=make.two_images),
    Case("silent losses", "`.trivyignore` in the project", f"found: {HIGH}", files=((".trivyignore", f"{HIGH}\n"),)),
    Case("silent losses", "`.trivyignore.yaml` in the project", f"found: {HIGH}",
         files=((".trivyignore.yaml", f"vulnerabilities: [{{id: {HIGH}}}]\n"),)),
    Case("silent losses", "`trivy.yaml` in the project", f"found: {HIGH}",
         files=(("trivy.yaml", "severity: [LOW]\nscan: {skip-dirs: [usr, var, etc]}\n"),)),
    Case("silent losses", "an ignore policy in the project", f"found: {HIGH}",
         files=(("trivy.yaml", "ignore-policy: p.rego\n"), ("p.rego", "package trivy\ndefault ignore := true\n"))),
    Case("silent losses", "a VEX document in the project", f"found: {HIGH}",
         files=(("trivy.yaml", "vulnerability: {vex: [vex.json]}\n"), ("vex.json", "{}"))),
    *(Case("silent losses", f"the variable {name}", f"found: {HIGH}", environment=((name, value),)) for name, value in {
        "TRIVY_SEVERITY": "LOW", "TRIVY_IGNORE_UNFIXED": "true", "TRIVY_IGNORE_STATUS": "fixed",
        "TRIVY_PKG_TYPES": "os", "TRIVY_SKIP_DIRS": "/usr,/var", "TRIVY_SKIP_FILES": "**",
        "TRIVY_DISTRO": "alpine/3.20", "TRIVY_SERVER": "http://127.0.0.1:1",
        "TRIVY_COMPLIANCE": "docker-cis-1.6.0", "TRIVY_OUTPUT": "/dev/null",
        "TRIVY_LIST_ALL_PKGS": "false", "TRIVY_EXIT_CODE": "0", "TRIVY_SCANNERS": "license", "TRIVY_VEX": "repo",
        "TRIVY_CONFIG": "/nowhere", "TRIVY_IGNOREFILE": "/nowhere", "TRIVY_CACHE_DIR": "/nowhere",
    }.items()),
    Case("silent losses", "an advisory that nobody has rated", f"found: {HIGH}", database=make.tables(make.unknown)),
    Case("silent losses", "an exit code of 256", "broken: its report says 10",
         scanner='"$REAL" "$@"; exit 0'),
    Case("silent losses", "a version that cannot be read", "broken: Version matching error",
         image=make.layers(app("twenty-one"))),
]  # fmt: skip
DATABASES = [
    *(Case("databases", f"metadata.json: {what}", "refused: is not a database that Trivy can use",
           database=make.data(change, "db/metadata.json"))
      for what, change in {
          "empty": lambda _: b"", "garbage": make.garbage, "no object": lambda _: b"[]",
          "nothing in it": lambda _: b"{}",
          "version 1": lambda raw: raw.replace(b'"Version": 2', b'"Version": 1'),
          "version 3": lambda raw: raw.replace(b'"Version": 2', b'"Version": 3'),
      }.items()),
    Case("databases", "data of 2019", "broken: h old, the limit is 48 h", database=make.dated("2019-01-01T00:00:00Z")),
    Case("databases", "data without a date", "broken: h old, the limit is 48 h",
         database=make.dated("0001-01-01T00:00:00Z")),
    Case("databases", "data of 2099", "broken: dated in the future", database=make.dated("2099-01-01T00:00:00Z")),
    *(Case("databases", f"trivy.db is {what}", "broken: which is no verdict", database=make.data(change))
      for what, change in {
          "empty": lambda _: b"", "random": make.garbage, "zeros": lambda raw: bytes(len(raw)),
          "a web page": lambda _: b"<html>not found</html>" * 1000, "a quarter": lambda raw: raw[: len(raw) // 4],
      }.items()),
    Case("databases", "trivy.db is a folder", "refused: holds no trivy.db", database=make.folder),
    *(Case("databases", f"64 bits flipped in trivy.db, seed {seed}", f"broken or found: {HIGH}",
           database=make.data(make.flipped(seed))) for seed in range(6)),
    Case("databases", "a page in use is zeroed", "broken: which is no verdict", database=make.data(make.page(3, b""))),
    Case("databases", "the details of all advisories are lost", "broken: Trivy ended with 2",
         database=make.tables(lambda t: t.pop("vulnerability"))),
    Case("databases", "where the advisories come from is lost", f"found: {HIGH}",
         database=make.tables(lambda t: t.pop("data-source"))),
]  # fmt: skip
IMAGES = [
    Case("images", "an empty folder", "broken: is damaged", image=lambda folder: folder.mkdir()),
    Case("images", "no index", "broken: is damaged", image=make.index(None)),
    Case("images", "an empty index", "broken: is damaged", image=make.index("")),
    Case("images", "an index of garbage", "broken: is damaged", image=make.index("garbage")),
    Case("images", "an index of nothing", "broken: lists 0 images", image=make.index('{"manifests": []}')),
    Case("images", "an index that names a path", "broken: is damaged",
         image=make.index('{"manifests": [{"digest": "sha256:../../../etc/passwd"}]}')),
    *(Case("images", f"the {what} is missing", "broken: is damaged", image=make.spoiled(blob, lambda _: None))
      for what, blob in (("manifest", "manifest"), ("configuration", "config"), ("layer", "layer0"))),
    Case("images", "a layer is cut", "broken: holds other content",
         image=make.spoiled("layer0", lambda raw: raw[:-100])),
    Case("images", "a layer is damaged", "broken: holds other content",
         image=make.spoiled("layer0", lambda raw: raw[:100] + bytes(200) + raw[300:])),
    Case("images", "the configuration is another sound one", "broken: holds other content",
         image=make.spoiled("config", lambda raw: raw.replace(b"amd64", b"arm64"))),
    Case("images", "the manifest names a layer fewer", "broken: holds other content",
         image=make.spoiled("manifest", make.fewer_layers, GOOD, app())),
    Case("images", "a layer that holds other files than its diffID says", "broken: other files than",
         image=make.other_diff),
    Case("images", "an operating system nobody knows", "broken: ",
         image=make.layers(GOOD | {"etc/os-release": "ID=mine\n", "etc/debian_version": ""})),
    Case("images", "the operating system's name was deleted later", f"found: {HIGH}",
         image=make.layers(app(), {f"etc/{GONE}os-release": "", f"etc/{GONE}debian_version": ""})),
    Case("images", "a second operating system was put on top", "broken: ",
         image=make.layers(GOOD, {"etc/alpine-release": "3.20.1\n"})),
    Case("images", "a release without security updates", "found: end-of-life",
         image=make.layers(GOOD | make.release("9")),
         database=make.tables(lambda t: t.__setitem__("debian 9", t[trivydb.DEBIAN]))),
    Case("images", "packages listed as distroless images do", f"found: {HIGH}",
         image=make.layers(
             make.without(DPKG, app()) | {f"{DPKG}.d/{n}": layouts.DPKG.format(n) for n in layouts.SYSTEM})),
]  # fmt: skip
SCANNERS = [
    *(Case("scanners", f"ended by SIG{name}", f"broken: Trivy ended with {code}", scanner=f"kill -{name} $$; sleep 9")
      for name, code in SIGNALS.items()),
    Case("scanners", "a panic", "broken: panic: out of range", scanner="echo 'panic: out of range' >&2; exit 2"),
    Case("scanners", "an error", "broken: which is no verdict", scanner="exit 1"),
    Case("scanners", "an unknown exit code", "broken: which is no verdict", scanner="exit 44"),
    Case("scanners", "no report", "broken: left no report", scanner="exit 0"),
    Case("scanners", "a report that was cut", "broken: left no report",
         scanner='"$REAL" "$@"; truncate -s 500 "$OUT"; exit 10'),
    Case("scanners", "the report of another image", "broken: about another image",
         scanner='"$REAL" "$@"; c=$?; sed -i s/sha256:....../sha256:abcdef/ "$OUT"; exit $c'),
    Case("scanners", "another version of the scanner", "broken: was written by Trivy 0.69.4",
         scanner='"$REAL" "$@"; c=$?; sed -i "/Version/s/0[.]74[.]0/0.69.4/" "$OUT"; exit $c'),
    Case("scanners", "findings taken out of the report", "broken: its report says",
         scanner='"$REAL" "$@"; c=$?; sed -i s/Vulnerabilities/Vulnerable/ "$OUT"; exit $c'),
    Case("scanners", "hangs", "broken: longer than [scan] timeout", scanner="exec sleep 600",
         settings=(("timeout", "1s"),)),
    Case("scanners", "hangs, and will not be told", "broken: longer than [scan] timeout",
         scanner="trap '' TERM INT; while :; do sleep 0.1; done", settings=(("timeout", "1s"),)),
]  # fmt: skip
CASES = [*LOSSES, *DATABASES, *IMAGES, *SCANNERS]


def table() -> str:
    """All cases and outcomes as Markdown."""
    total = len(CASES) + len(database_faults.CASES)
    lines = [f"{total} cases, each made for real in the tests; none of them is clean.", ""]
    for group in dict.fromkeys(case.group for case in CASES):
        lines += [f"## {group.capitalize()}", "", "| what | outcome |", "|---|---|"]
        lines += [f"| {case.name} | {case.outcome} |" for case in CASES if case.group == group]
        lines.append("")
    lines += ["## Downloads", "", "A registry that fails is left for the next one; what follows is the last one's.", ""]
    lines += ["| what | outcome |", "|---|---|"]
    lines += [f"| {case.name}: {case.does} | {case.alone}: {case.words} |" for case in database_faults.CASES]
    return "# What can go wrong with a scan\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
