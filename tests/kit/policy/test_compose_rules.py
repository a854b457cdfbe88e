"""The rules on compose files: each fires on the smallest file that breaks it, and on nothing else."""

from typing import Any

import pytest

from slipway.policy.compose import PLACEHOLDER, RULES, check

HEALTHY = {"image": "docker.io/library/redis:8", "healthcheck": {"test": ["CMD", "true"]}}
OURS = {"image": PLACEHOLDER, "pull_policy": "never", "healthcheck": {"test": ["CMD", "true"]}}


def rules(*, test: bool = True, image_checked: bool = False, **services: dict[str, Any]) -> list[str]:
    """The rules that a file with these services breaks."""
    found = check({"services": services}, "f.yml", test=test, image_checked=image_checked)
    assert all(f.stops and f.severity == "HIGH" and f.fix and f.file == "f.yml" for f in found)
    return [f.rule for f in found]


def test_a_file_as_it_should_be_breaks_none() -> None:
    once = {"image": PLACEHOLDER, "pull_policy": "never"}
    web = OURS | {
        "depends_on": {"migrate": {"condition": "service_completed_successfully"}},
        "ports": [{"target": 8000, "published": ""}],
    }
    assert rules(web=web, migrate=once, cache=HEALTHY) == []


BROKEN: dict[str, dict[str, Any]] = {
    "compose-health": {"web": OURS, "cache": {"image": "redis"}},
    "compose-name": {"web": OURS | {"container_name": "web"}},
    "compose-build": {"web": OURS | {"build": {"context": "."}}},
    "compose-port": {"web": OURS | {"ports": [{"target": 8000, "published": "8000"}]}},
    "compose-pull": {"web": {k: v for k, v in OURS.items() if k != "pull_policy"}},
    "compose-image": {"cache": HEALTHY},
}


@pytest.mark.parametrize("rule", BROKEN)
def test_each_rule_fires(rule: str) -> None:
    assert rules(**BROKEN[rule]) == [rule]


def test_every_rule_is_tried() -> None:
    assert set(BROKEN) == {*RULES, "compose-image"}


@pytest.mark.parametrize("rule", ["compose-build", "compose-port", "compose-pull", "compose-image"])
def test_what_only_the_test_file_must_not_do(rule: str) -> None:
    assert rules(test=False, **BROKEN[rule]) == []


@pytest.mark.parametrize(
    ("health", "inherited", "red"),
    [
        (None, False, True), (None, True, False), ({"disable": True}, True, True), ({"test": ["NONE"]}, True, True),
        ({"interval": "1s"}, True, False), ({"interval": "1s"}, False, True), ({"test": ["CMD", "true"]}, False, False),
    ],
)  # fmt: skip
def test_health_checks_inherited_and_switched_off(health: Any, inherited: bool, red: bool) -> None:
    web = {"image": PLACEHOLDER, "pull_policy": "never"} | ({"healthcheck": health} if health is not None else {})
    assert rules(image_checked=inherited, web=web) == ["compose-health"] * red


def test_a_health_check_of_our_image_is_not_inherited_by_others() -> None:
    assert rules(image_checked=True, web=OURS, cache={"image": "redis"}) == ["compose-health"]


def test_services_behind_a_profile_do_not_run_and_do_not_count() -> None:
    assert rules(web=OURS, debug={"image": "x", "container_name": "x", "profiles": ["debug"]}) == []


@pytest.mark.parametrize("model", [{}, {"services": None}, {"services": {}}])
def test_a_file_without_services(model: dict[str, Any]) -> None:
    assert [f.rule for f in check(model, "f.yml", test=True, image_checked=False)] == ["compose-image"]
