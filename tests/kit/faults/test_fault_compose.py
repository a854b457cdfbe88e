"""Compose files that are invalid, or that would make `up --wait` lie: red at lint, before anything is started."""

from collections.abc import Callable

import pytest
from support import STACK, Project

pytestmark = pytest.mark.engine
ONCE = "    depends_on: {once: {condition: service_completed_successfully}}\n  once:\n    image: x\n"
TEST, DEPLOY = "docker-compose.test.yml", "docker-compose.yml"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("services:\n  web:\n    portz: []\n", ["services.web", "portz", "not allowed"]),
        ("services:\n  web:\n    image: x\n    depends_on: [nope]\n", ['depends on undefined service "nope"']),
        ("services:\n web:\n    image: x\n  db:\n    image: y\n", ["did not find expected key"]),
        (
            "services:\n  web:\n    image: ${SLIPWAY_IMAGE}\n    environment: {A: '${NOT_SET_ANYWHERE}'}\n",
            ["NOT_SET_ANYWHERE"],
        ),
        ("services:\n  web:\n    image: ${NOT_SET_EITHER:?say what to run}\n", ["say what to run"]),
        ("services:\n  web:\n    image: x\n    healthcheck: {interval: banana}\n", ["banana"]),
    ],
    ids=["unknown key", "undefined service", "not YAML", "unset variable", "required variable", "bad duration"],
)
def test_invalid(project: Callable[..., Project], text: str, words: list[str]) -> None:
    shop = project(**{TEST: text})
    done = shop.run()
    assert done.code == 1, done.text
    assert done.stage("lint")["status"] == "failed"
    finding = done.stage("lint")["findings"][0]
    assert (finding["rule"], finding["file"]) == ("compose-config", TEST)
    assert all(word in finding["message"] for word in words), finding
    shop.nothing_out()


def worker(extra: str) -> str:
    return STACK + f"  worker:\n    image: x\n    healthcheck: {{test: [CMD, 'true']}}\n{extra}"


@pytest.mark.parametrize(
    ("file", "text", "rules"),
    [
        (TEST, STACK, []),
        (TEST, STACK + "  worker:\n    image: x\n", ["compose-health"]),
        (TEST, STACK + "  worker:\n    image: x\n    healthcheck: {disable: true}\n", ["compose-health"]),
        (TEST, STACK + "  worker:\n    image: x\n    healthcheck: {test: [NONE]}\n", ["compose-health"]),
        (TEST, STACK + ONCE, []),
        (TEST, STACK + "  debug:\n    image: x\n    profiles: [debug]\n", []),
        (TEST, worker("    container_name: worker\n"), ["compose-name"]),
        (TEST, worker("    build: .\n"), ["compose-build"]),
        (TEST, worker("    ports: ['127.0.0.1:9999:80']\n"), ["compose-port"]),
        (TEST, worker("    ports: ['127.0.0.1::80']\n"), []),
        (TEST, STACK.replace("    pull_policy: never\n", ""), ["compose-pull"]),
        (TEST, STACK.replace("${SLIPWAY_IMAGE:?the image to test}", "shop"), ["compose-health", "compose-image"]),
        (DEPLOY, "services:\n  web:\n    image: ${SLIPWAY_IMAGE}\n    ports: ['127.0.0.1:9999:8000']\n", []),
        (DEPLOY, "services:\n  web:\n    image: ${SLIPWAY_IMAGE}\n    container_name: web\n", ["compose-name"]),
        (DEPLOY, "services:\n  web:\n    image: ${SLIPWAY_IMAGE}\n  db:\n    image: x\n", ["compose-health"]),
    ],
)  # fmt: skip
def test_rules(project: Callable[..., Project], file: str, text: str, rules: list[str]) -> None:
    done = project(**{file: text}).run("lint")
    assert sorted(done.rules("lint")) == rules, done.text
    assert done.code == (1 if rules else 0)
    assert not rules or all(f["fix"] and f["file"] == file for f in done.stage("lint")["findings"])


def test_an_image_without_a_health_check_does_not_lend_one(project: Callable[..., Project]) -> None:
    shop = project().with_integration()
    text = (shop.root / "Dockerfile").read_text()
    shop.write("Dockerfile", "\n".join(line for line in text.splitlines() if "HEALTHCHECK" not in line) + "\n")
    done = shop.run("lint")
    assert (done.code, done.rules("lint")) == (1, ["compose-health"]), done.text
