"""The workflow that calls the kit's: verify, publish and, where a target is named, deploy."""

from slipway.image.reference import slug
from slipway.scaffold import kit, templates
from slipway.scaffold.kit import Kit

FOLDER = ".github/workflows"
# target → the deploy action's input and the repository's secret that holds the platform's token
SECRETS = {"render": ("render-api-key", "RENDER_API_KEY"), "railway": ("railway-token", "RAILWAY_TOKEN")}


def path(inside: str) -> str:
    """Where the caller of a project lies in its repository.

    Args:
        inside: the project's folder in the repository; empty: it is the repository.
    """
    return f"{FOLDER}/deliver{'-' + slug(inside) if inside else ''}.yml"


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
    folder = f"working-directory: {inside}"
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
            deploy=_deploy(target, named, at, folder if inside else "", name).rstrip("\n"),
        ).rstrip("\n")
        + "\n"
    )


def _deploy(target: str, named: str, at: str, folder: str, name: str) -> str:
    if not target:
        return ""
    if target == "compose":
        text = templates.fill("deploy-compose", kit=named, at=at)
        return text + (f"      {folder}\n" if folder else "")
    action, secret = SECRETS[target]
    group = f"slipway-deploy-{name}-production" if name else "slipway-deploy-production"
    text = templates.fill(
        "deploy-platform", kit=named, at=at, group=group, secret=f"{action}: ${{{{ secrets.{secret} }}}}"
    )
    return text + (f"          {folder}\n" if folder else "")
