"""Whether a scanner's report can be believed: held against what is known of the image without it."""

from collections.abc import Mapping
from typing import Any

from slipway.errors import Broken


def believe(
    report: Mapping[str, Any], config_digest: str, config: Mapping[str, Any], version: str, system_packages: int
) -> None:
    """Compare a report with the image that it should be about.

    Args:
        config_digest: digest of the image's configuration, which Trivy calls ImageID.
        config: that configuration.
        version: of the scanner that was started.
        system_packages: the fewest that an operating system has. A list of them that was cut gives no warning.

    Raises:
        Broken: it is about something else, by another scanner, or has seen less than there is.
    """
    said = (report.get("Trivy") or {}).get("Version")
    if said != version:
        raise Broken(f"the report was written by Trivy {said}, and {version} was started. Run again with --fresh.")
    metadata = report.get("Metadata") or {}
    if metadata.get("ImageID") != config_digest:
        raise Broken("the scanner's report is about another image. Run again with --fresh.")
    if metadata.get("DiffIDs") != config.get("rootfs", {}).get("diff_ids"):
        raise Broken("the scanner's report names other layers than the image has. Run again with --fresh.")
    read = metadata.get("ImageConfig") or {}
    for name in ("os", "architecture"):
        if read.get(name) != config.get(name):
            raise Broken(f"the scanner read an image for {read.get(name)}, this one is for {config.get(name)}.")
    _saw_packages(report, metadata.get("OS") or {}, system_packages)


def _saw_packages(report: Mapping[str, Any], system: Mapping[str, Any], least: int) -> None:
    results = report.get("Results") or []
    if not any(r.get("Packages") for r in results):
        raise Broken(
            "the scanner recognised no package in the image, so it proves nothing. Is this the image you meant?"
        )
    seen = sum(len(r.get("Packages") or []) for r in results if r.get("Class") == "os-pkgs")
    if system and seen < least:
        raise Broken(
            f"the scanner found {system.get('Family')} in the image but {seen or 'none'} of its packages: "
            "their list is gone, or cut. Leave the package manager's own files (/var/lib/dpkg, /lib/apk) in the image; "
            "if it has no more, say so: [scan] system-packages."
        )
