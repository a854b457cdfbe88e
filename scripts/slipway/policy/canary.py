"""Old vulnerabilities that every database knows: one that is not found says that the scanner finds nothing.

A database without its buckets, or with a page lost, ends a scan green and without a word. So a list of packages with
advisories of many years' standing is examined by the same binary with the same data, for each ecosystem of the image.
One advisory of an ecosystem is enough: a single one may be withdrawn one day.

Sources: GitHub Advisory Database (GHSA-w3h3-4rj7-4ph4, GHSA-562c-5r94-xh97); Debian's and Ubuntu's security trackers,
which list these as affected in every release and will not fix them; Alpine's secdb, which keeps what was fixed before.
"""

from collections.abc import Mapping
from typing import Any

Known = Mapping[tuple[str, str], str]  # (package, version) → the advisory that must be found

# By the ecosystem, an operating system as Trivy names its family; each with the type of its packages' URLs.
PYTHON = "python"
KNOWN: Mapping[str, tuple[str, Known]] = {
    PYTHON: ("pypi", {("gunicorn", "20.1.0"): "CVE-2024-1135", ("flask", "0.12.2"): "CVE-2018-1000656"}),
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
    results = report.get("Results") or []
    used = [PYTHON] if any(r.get("Type") == "python-pkg" and r.get("Packages") for r in results) else []
    return tuple(name for name in (*used, _system(report)[0]) if name in KNOWN)


def unproven(report: Mapping[str, Any]) -> str:
    """The operating system for which nothing is known that every database must find; empty: there is a canary."""
    family, _ = _system(report)
    return family if family not in KNOWN else ""


def document(report: Mapping[str, Any]) -> dict[str, Any]:
    """A CycloneDX document of the packages that must be found, on the very operating system of the image."""
    components: list[dict[str, Any]] = []
    for ecosystem in ecosystems(report):
        kind, known = KNOWN[ecosystem]
        space = distro = ""
        if ecosystem != PYTHON:
            _, release = _system(report)
            components.append({"bom-ref": "os", "type": "operating-system", "name": ecosystem, "version": release})
            space, distro = f"{ecosystem}/", f"?distro={ecosystem}-{release}"
        for name, version in known:
            purl = f"pkg:{kind}/{space}{name}@{version.replace('+', '%2B')}{distro}"
            components.append({"bom-ref": name, "type": "library", "name": name, "version": version, "purl": purl})
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components}


def silent(report: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    """The ecosystems of a report of which the canary's own report says nothing."""
    results = answer.get("Results") or []
    found = {v.get("VulnerabilityID") for result in results for v in result.get("Vulnerabilities") or []}
    return [name for name in ecosystems(report) if not found & set(KNOWN[name][1].values())]


def _system(report: Mapping[str, Any]) -> tuple[str, str]:
    """The operating system's family and release; empty where the image has none."""
    named = (report.get("Metadata") or {}).get("OS") or {}
    return str(named.get("Family") or ""), str(named.get("Name") or "")
