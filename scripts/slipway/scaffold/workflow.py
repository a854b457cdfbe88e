"""The workflow that calls the kit's: verify, publish and, where a target is named, deploy."""

import json
import re
from pathlib import Path

from slipway.image.reference import slug
from slipway.scaffold import kit, templates
from slipway.scaffold.kit import Kit
from slipway.workflows import default_files

FOLDER = ".github/workflows"
# target → the deploy action's input and the repository's secret that holds the platform's token
SECRETS = {"render": ("render-api-key", "RENDER_API_KEY"), "railway": ("railway-token", "RAILWAY_TOKEN")}


def path(inside: str) -> str:
    """Where the caller of a project lies in its repository.

    Args:
        inside: the project's folder in the repository; empty: it is the repository.
    """
    return f"{FOLDER}/deliver{'-' + slug(inside) if inside else ''}.yml"


def present(top: Path, inside: str) -> str:
    """A workflow that verifies the project already, whatever it is called; empty without one."""
    for path in default_files(top):
        text = path.read_text(encoding="utf-8", errors="replace")
        called = re.search(r"(?m)^\s*uses:\s*[\"']?\S+/\.github/workflows/verify\.yml\b", text)
        folders = re.findall(r"(?m)^\s*working-directory:\s*[\"']?(.+?)[\"']?\s*$", text)
        if called and (inside in folders if inside else not folders):
            return path.relative_to(top).as_posix()
    return ""


def write(mode: str, target: str, from_: Kit, inside: str, branch: str) -> str:
    """The caller.

    Args:
        mode: reference or copy.
        target: render, railway, compose, or empty: nothing is deployed by it.
        branch: what is published from.
    """
    named = "$" if mode == "copy" else kit.owner(from_)
    at = "" if mode == "copy" else f"@{from_.commit} # v{from_.version}"
    name = slug(inside.rpartition("/")[2]) if inside else ""
    image = f"image: ghcr.io/${{{{ github.repository }}}}/{name}"
    folder = f"working-directory: {_quoted(inside)}"
    deployed = f" and deployed to {target}" if target else ""
    return (
        templates.fill(
            "deliver.yml",
            name=f"Deliver {name}".strip(),
            branch=branch,
            deployed=f" to GHCR{deployed}",
            kit=named,
            at=at,
            verify=f"    with:\n      {folder}\n      {image}\n" if inside else "",
            publish=f"      {image}\n" if inside else "",
            deploy=_deploy(target, named, at, folder if inside else "", inside).rstrip("\n"),
        ).rstrip("\n")
        + "\n"
    )


def _quoted(text: str) -> str:
    """Text as a YAML value."""
    return json.dumps(text, ensure_ascii=False) if re.search(r"[^\w./-]", text) else text


def _deploy(target: str, named: str, at: str, folder: str, inside: str) -> str:
    if not target:
        return ""
    # A job of the caller's own: it alone has the environment's secrets, and may run on the caller's own machines,
    # which a called workflow of another owner cannot reach.
    runner = "self-hosted # a runner on the machine that serves" if target == "compose" else "ubuntu-26.04"
    group = _quoted(f"slipway-deploy-{inside}/production" if inside else "slipway-deploy-production")  # as deploy.yml's
    given = [folder] if folder else []
    if target in SECRETS:
        action, secret = SECRETS[target]
        given.insert(0, f"{action}: ${{{{ secrets.{secret} }}}}")
    text = templates.fill("deploy", kit=named, at=at, group=group, runner=runner)
    return text + "".join(f"          {line}\n" for line in given)
