"""Old vulnerabilities that every database knows: one that is not found says that the scanner finds nothing.

A database without its buckets, or with a page lost, ends a scan green and without a word. So a list of packages with
advisories of many years' standing is examined by the same binary with the same data, for each ecosystem of the image.
One advisory of an ecosystem is enough: a single one may be withdrawn one day.

Sources: GitHub Advisory Database (GHSA-w3h3-4rj7-4ph4, GHSA-562c-5r94-xh97); Debian's and Ubuntu's security trackers,
which list these as affected in every release and will not fix them; Alpine's secdb, which keeps what was fixed before.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Known = Mapping[tuple[str, str], str]  # (package, version) → the advisory that must be found

PYTHON: Known = {("gunicorn", "20.1.0"): "CVE-2024-1135", ("flask", "0.12.2"): "CVE-2018-1000656"}
# By the family that Trivy names; each with the type of its packages' URLs.
SYSTEMS: Mapping[str, tuple[str, Known]] = {
    "debian": (
        "deb",
        {
            ("tar", "1.35+dfsg-3.1"): "CVE-2005-2541",
            ("apt", "3.0.3"): "CVE-2011-3374",
            ("util-linux", "2.41-5"): "CVE-2022-0563",
        },
    ),
    "ubuntu": (
        "deb",
        {("coreutils", "8.32-4.1ubuntu1"): "CVE-2016-2781", ("glibc", "2.35-0ubuntu3"): "CVE-2016-20013"},
    ),
    "alpine": ("apk", {("zlib", "1.2.11-r3"): "CVE-2022-37434", ("busybox", "1.33.1-r5"): "CVE-2021-42378"}),
}


def ecosystems(report: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of a report's packages that a canary is known for: "python", and the family of the operating system."""
    results = [r for r in report.get("Results") or [] if r.get("Packages")]
    python = ["python"] if any(r.get("Type") == "python-pkg" for r in results) else []
    return (*python, *(f for f in [_family(report)] if f in SYSTEMS))


def unproven(report: Mapping[str, Any]) -> str:
    """The operating system for which nothing is known that every database must find; empty: there is a canary."""
    family = _family(report)
    return family if family not in SYSTEMS else ""


def document(report: Mapping[str, Any]) -> dict[str, Any]:
    """A CycloneDX document of the packages that must be found, on the very operating system of the image."""
    found = ecosystems(report)
    components: list[dict[str, Any]] = []
    for ecosystem in found:
        kind, known = ("pypi", PYTHON) if ecosystem == "python" else SYSTEMS[ecosystem]
        release = "" if ecosystem == "python" else str(report["Metadata"]["OS"].get("Name") or "")
        if release:
            components.append({"bom-ref": "os", "type": "operating-system", "name": ecosystem, "version": release})
        for name, version in known:
            space, distro = ("", "") if ecosystem == "python" else (f"{ecosystem}/", f"?distro={ecosystem}-{release}")
            purl = f"pkg:{kind}/{space}{name}@{version.replace('+', '%2B')}{distro}"
            components.append({"bom-ref": name, "type": "library", "name": name, "version": version, "purl": purl})
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components}


def silent(report: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    """The ecosystems of a report of which the canary's own report says nothing."""
    ids = {v.get("VulnerabilityID") for v in _each(answer, "Vulnerabilities")}
    known = {name: PYTHON if name == "python" else SYSTEMS[name][1] for name in ecosystems(report)}
    return [name for name, wanted in known.items() if not ids & set(wanted.values())]


def _family(report: Mapping[str, Any]) -> str:
    return str(((report.get("Metadata") or {}).get("OS") or {}).get("Family") or "")


def _each(report: Mapping[str, Any], key: str) -> Iterable[Mapping[str, Any]]:
    return (one for result in report.get("Results") or [] for one in result.get(key) or [])
