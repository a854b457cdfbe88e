"""What a lock file puts into the image, held against the packages that the scanner saw there.

A package whose metadata were deleted, or a layer that was never read, leaves no trace in a report: only somebody who
knows what must be there can tell.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

# `packaging` is imported where it is used: a run that reuses its scan needs none of it, and it is a tenth of the start.
Required = dict[str, set[str]]  # canonical name → versions, any of which will do; none: any version
Markers = Callable[[str], bool]  # whether a marker holds in the image

# A file says what is in the image where the Dockerfile installs by it; in the order in which one is looked for.
INSTALLS = {
    "uv.lock": r"\buv\.lock\b|\buv sync\b",
    "poetry.lock": r"\bpoetry\.lock\b|\bpoetry (install|sync)\b",
    "pdm.lock": r"\bpdm\.lock\b|\bpdm (install|sync)\b",
    "Pipfile.lock": r"\bPipfile\.lock\b|\bpipenv (install|sync)\b",
    "pylock.toml": r"\bpylock\.toml\b",
    "requirements.txt": r"\brequirements\.txt\b",
    "pyproject.toml": r"\bpip3? install\b.*\s\.(\s|\[|$)",
}
ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}


def chosen(dockerfile: str, present: Iterable[str]) -> str:
    """The file by which a Dockerfile installs, of those that are present; empty: none that can be told."""
    there = set(present)
    return next((n for n, pattern in INSTALLS.items() if n in there and re.search(pattern, dockerfile, re.M)), "")


def environment(config: Mapping[str, Any]) -> dict[str, str]:
    """The variables of markers in an image, from its configuration (official Python images name their version)."""
    said = dict(v.partition("=")[::2] for v in (config.get("config") or {}).get("Env") or [])
    full = said.get("PYTHON_VERSION", "")
    known = {"python_full_version": full, "python_version": ".".join(full.split(".")[:2])} if full else {}
    architecture = str(config.get("architecture"))
    return known | {
        "sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "implementation_name": "cpython",
        "platform_python_implementation": "CPython", "extra": "",
        "platform_machine": ARCHITECTURES.get(architecture, architecture),
    }  # fmt: skip


def required(name: str, text: str, variables: Mapping[str, str]) -> Required:
    """The packages that a lock file (or, without one, a list of requirements) puts into an image.

    Raises:
        ValueError: the text is not what such a file holds.
    """
    from packaging.markers import InvalidMarker, Marker
    from packaging.requirements import InvalidRequirement

    def holds(marker: str) -> bool:
        # What cannot be told is not demanded: a marker on Python's version, where the image does not say it.
        if "python_version" not in variables and "python_" in marker.replace("platform_python", ""):
            return False
        return not marker or Marker(marker).evaluate(dict(variables))

    try:
        if name == "requirements.txt":
            return _requirements(text, holds)
        content = json.loads(text) if name == "Pipfile.lock" else tomllib.loads(text)
        reader = {
            "uv.lock": _uv, "poetry.lock": _poetry, "pdm.lock": _pdm, "Pipfile.lock": _pipfile, "pylock.toml": _pylock,
            "pyproject.toml": _project,
        }[name]  # fmt: skip
        return reader(content, holds)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidMarker, InvalidRequirement) as error:
        raise ValueError(f"{name} cannot be read: {type(error).__name__} {error}") from error


def missing(wanted: Required, packages: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is wanted and not among the packages of a report, as `name version`."""
    from packaging.utils import canonicalize_name, canonicalize_version

    seen: Required = {}
    for package in packages:
        seen.setdefault(canonicalize_name(str(package.get("Name"))), set()).add(
            canonicalize_version(str(package.get("Version")))
        )
    return [
        f"{name} {' or '.join(sorted(versions))}".rstrip()
        for name, versions in sorted(wanted.items())
        if name not in seen or (versions and not seen[name] & {canonicalize_version(v) for v in versions})
    ]


def _add(found: Required, name: str, version: Any = None) -> None:
    from packaging.utils import canonicalize_name

    found.setdefault(canonicalize_name(name), set()).update([str(version)] if version else [])


def _uv(lock: dict[str, Any], holds: Markers) -> Required:
    """What the project itself needs, without its groups and extras, and what that needs."""
    packages = lock["package"]
    roots = [p for p in packages if "." in (p["source"].get("virtual"), p["source"].get("editable"))]
    found: Required = {}
    seen: set[tuple[str, str, str]] = set()
    todo = [dependency for root in roots for dependency in root.get("dependencies", [])]
    while todo:
        dependency = todo.pop()
        if not holds(dependency.get("marker", "")):
            continue
        same = [p for p in packages if p["name"] == dependency["name"]]
        for package in [p for p in same if p.get("version") == dependency.get("version", p.get("version"))]:
            needs = {"": package.get("dependencies", []), **package.get("optional-dependencies", {})}
            for extra in ("", *dependency.get("extra", [])):
                if (step := (package["name"], package.get("version", ""), extra)) not in seen:
                    seen.add(step)
                    todo += needs.get(extra, [])
            _add(found, package["name"], package.get("version") if "registry" in package["source"] else None)
    return found


def _poetry(lock: dict[str, Any], holds: Markers) -> Required:
    found: Required = {}
    for package in lock["package"]:
        marker = package.get("markers", "")
        marker = marker.get("main", "") if isinstance(marker, dict) else marker
        # Locks of Poetry 1 say nothing of groups: then nothing is demanded.
        if "main" in package.get("groups", []) and not package.get("optional") and holds(marker):
            _add(found, package["name"], None if "source" in package else package["version"])
    return found


def _pdm(lock: dict[str, Any], holds: Markers) -> Required:
    found: Required = {}
    for package in lock["package"]:
        if "default" in package.get("groups", []) and holds(package.get("marker", "")):
            _add(found, package["name"], package.get("version"))
    return found


def _pipfile(lock: dict[str, Any], holds: Markers) -> Required:
    found: Required = {}
    for name, package in lock["default"].items():
        if holds(package.get("markers", "")):
            _add(found, name, package.get("version", "").removeprefix("=="))
    return found


def _pylock(lock: dict[str, Any], holds: Markers) -> Required:
    found: Required = {}
    for package in lock["packages"]:
        marker = package.get("marker", "")
        if "extras" not in marker and "dependency_groups" not in marker and holds(marker):
            _add(found, package["name"], package.get("version"))
    return found


def _project(content: dict[str, Any], holds: Markers) -> Required:
    return _requirements("\n".join(content.get("project", {}).get("dependencies", [])), holds)


def _requirements(text: str, holds: Markers) -> Required:
    from packaging.requirements import Requirement

    found: Required = {}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        words = re.sub(r"(^|\s)#.*| --.*", "", line).strip()
        if not words or words.startswith("-") or re.match(r"[./]|\w+:", words):
            continue  # options, and what is named by its place
        one = Requirement(words)
        exact = [s.version for s in one.specifier if s.operator in ("==", "===") and "*" not in s.version]
        if holds(str(one.marker or "")):
            _add(found, one.name, exact[0] if len(exact) == 1 else None)
    return found
