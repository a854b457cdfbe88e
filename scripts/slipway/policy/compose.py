"""What a compose file must say, so that `up --wait` tells the truth and two runs do not collide.

The reasons were found by running compose: a service without a health check counts as ready while it crash-loops; a
container_name or a fixed host port makes a second run fail; a test file that builds tests another image.
"""

from typing import Any

from slipway.policy.finding import Finding

# rule → what is wrong, and the fix
RULES = {
    "compose-health": ("runs without a health check, so nothing can wait for it", "give {} a healthcheck"),
    "compose-name": ("has a fixed container_name: a second run collides", "remove container_name from {}"),
    "compose-build": ("is built here, so another image than the shipped one is tested", "remove build from {}"),
    "compose-port": (
        "has a fixed host port: two runs collide",
        'publish {} as "127.0.0.1::<container port>"',
    ),
    "compose-pull": ("could pull another image than the built one", "give {} pull_policy: never"),
}
PLACEHOLDER = "slipway.invalid/image:pending"  # what SLIPWAY_IMAGE says while there is no image yet


def check(model: dict[str, Any], file: str, *, test: bool, image_checked: bool) -> list[Finding]:
    """Findings on a compose model as `docker compose config --format json` prints it.

    Args:
        test: the file is the one of the integration tests, which must use the built image and nothing else.
        image_checked: the Dockerfile has a HEALTHCHECK, which services of the built image inherit.
    """
    services: dict[str, dict[str, Any]] = model.get("services") or {}
    one_shots = {
        name
        for service in services.values()
        for name, condition in (service.get("depends_on") or {}).items()
        if condition.get("condition") == "service_completed_successfully"
    }
    found: list[Finding] = []

    def add(rule: str, service: str) -> None:
        message, fix = RULES[rule]
        found.append(Finding(rule, "HIGH", f"service {service}: {message}", file, fix=fix.format(service)))

    for name, service in services.items():
        health = service.get("healthcheck")
        image = str(service.get("image", ""))
        if service.get("profiles"):
            continue
        if name not in one_shots and not _checked(health, inherited=image_checked and _ours(image)):
            add("compose-health", name)
        if "container_name" in service:
            add("compose-name", name)
        if test and "build" in service:
            add("compose-build", name)
        if test and any(port.get("published") not in (None, "", "0") for port in service.get("ports") or []):
            add("compose-port", name)
        if test and _ours(image) and service.get("pull_policy") != "never":
            add("compose-pull", name)
    if test and not any(_ours(str(s.get("image", ""))) for s in services.values()):
        fix = "write image: ${SLIPWAY_IMAGE:?}"
        found.append(Finding("compose-image", "HIGH", "no service uses the built image", file, fix=fix))
    return found


def _ours(image: str) -> bool:
    return image == PLACEHOLDER


def _checked(health: dict[str, Any] | None, *, inherited: bool) -> bool:
    health = health or {}
    if health.get("disable") or health.get("test") == ["NONE"]:
        return False
    return bool(health.get("test")) or inherited
