"""Concurrency that loses no deployment: the callers that we write, and tell to write, played by GitHub's rule."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from workflows.harness import places, provision, queueing, yaml_text
from workflows.harness.queueing import Event, Simulation

from slipway.scaffold import workflow
from slipway.scaffold.kit import Kit
from slipway.workflows import evaluate

SERVICES = ("shop", "billing", "orders", "search", "mail")
SEEDS = range(40)
MERGES = [Event(at, commit) for commit, at in enumerate((0.0, 20.0, 40.0), 1)]
FROM = Kit("https://github.com/acme/slipway", "0" * 40, "1.0.0")
# The groups as they were before this test was written (7978dfa), by workflow of the kit.
BEFORE = {
    "publish": "slipway-publish-${{ inputs.image || github.repository }}-${{ github.ref }}",
    "deploy": "slipway-deploy-${{ github.repository }}-${{ inputs.environment }}",
}
Callers = dict[str, str]


def written(target: str) -> Callers:
    """What `slipway init` writes for each of five services."""
    return {
        workflow.path(f"services/{name}"): workflow.write("reference", target, FROM, f"services/{name}", "main")
        for name in SERVICES
    }


def told(page: str) -> str:
    """The workflow that a page tells to write."""
    text = (places.REPOSITORY / page).read_text(encoding="utf-8")
    found = [block for block in re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S) if "deploy" in block]
    (block,) = (one for one in found if {"on", "jobs"} <= set(yaml_text.load(one)))
    return str(block)


def for_each(text: str) -> Callers:
    """The workflow of the service `shop`, for all five."""
    return {f"{name}.yml": re.sub(r"\bshop\b", name, text) for name in SERVICES}


def where(*environments: str) -> set[str]:
    return {f"services/{name} {one}" for name in SERVICES for one in environments}


FIVE: dict[str, tuple[Callers, set[str]]] = {
    "init, Render": (written("render"), where("production")),
    "init, Railway": (written("railway"), where("production")),
    "init, compose": (written("compose"), where("production")),
    "the page on monorepos": (for_each(told("docs/how-to/monorepo.md")), where("staging", "production")),
}


def faults(callers: Callers, expected: set[str], **options: Any) -> list[str]:
    """What goes wrong in any of the plays."""
    found: dict[str, None] = {}
    for seed in SEEDS:
        found |= dict.fromkeys(Simulation(callers, MERGES, seed, **options).faults(len(MERGES), expected))
    return list(found)


@pytest.mark.parametrize("name", FIVE)
def test_five_services_and_three_merges(name: str) -> None:
    callers, expected = FIVE[name]
    assert len(callers) == len(SERVICES)
    assert faults(callers, expected) == []


@pytest.mark.parametrize("name", FIVE)
def test_an_older_commit_is_left_out_by_us_not_by_the_queue(name: str) -> None:
    """The queue is by arrival: without `superseded` the last word is that of whoever tested longest."""
    assert any(re.search(r" runs commit [12], not 3$", one) for one in faults(*FIVE[name], supersede=False))


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("publish", r"^ghcr.io/acme/shop/\w+ has no sha-2$"),
        ("deploy", r"^services/\w+ staging runs commit [012], not 3$"),
    ],
)
def test_with_the_groups_of_before_something_is_lost(monkeypatch: pytest.MonkeyPatch, file: str, says: str) -> None:
    regroup(monkeypatch, file, {"group": BEFORE[file], "cancel-in-progress": "false"})
    found = faults(*FIVE["the page on monorepos"])
    assert any(re.search(says, one) for one in found) and any(one.startswith("cancelled: ") for one in found)


@pytest.mark.parametrize("file", ["publish", "deploy"])
def test_without_a_queue_something_is_lost(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    """The folder alone is not enough: an older commit that arrives late cancels the newest, which waits."""
    (job,) = queueing.KIT[file]["jobs"].values()
    regroup(monkeypatch, file, {key: value for key, value in job["concurrency"].items() if key != "queue"})
    lost = {"publish": r"has no sha-[12]$", "deploy": r"staging runs commit [12], not 3$"}[file]
    assert any(re.search(lost, one) for one in faults(*FIVE["the page on monorepos"]))


def test_jobs_of_the_callers_own_need_the_queue_too() -> None:
    callers, expected = FIVE["init, Render"]
    single = {file: text.replace("      queue: max\n", "") for file, text in callers.items()}
    assert single != callers
    assert any("production runs commit" in one for one in faults(single, expected))
    shared = {
        file: re.sub(r"group: slipway-deploy-\S+", "group: deploy-production", text) for file, text in single.items()
    }
    assert any(one.endswith("production runs commit 0, not 3") for one in faults(shared, expected))


def regroup(monkeypatch: pytest.MonkeyPatch, file: str, concurrency: dict[str, str]) -> None:
    document = queueing.KIT[file]
    (name,), (job,) = document["jobs"], document["jobs"].values()
    monkeypatch.setitem(queueing.KIT, file, document | {"jobs": {name: job | {"concurrency": concurrency}}})


PROMOTIONS = [
    Event(400.0 + commit, commit, "workflow_dispatch", {"image": f"ghcr.io/acme/shop@{commit}"}) for commit in (1, 2, 3)
]
ONE = {
    "the page on push to deploy": (told("docs/how-to/push-to-deploy.md"), {". staging", ". production"}),
    "ci.yml": ((places.REPOSITORY / ".github/workflows/ci.yml").read_text(encoding="utf-8"), None),
}


@pytest.mark.parametrize("name", ONE)
def test_merges_and_promotions_of_one_project(name: str) -> None:
    """A promotion waits for what deploys to its environment, whether that is a call or a job of the caller's own."""
    text, expected = ONE[name]
    jobs = yaml_text.load(text)["jobs"].values()
    named = {str(value["environment"]) for job in jobs for value in givens(job) if "environment" in value}
    expected = expected or {f". {one}" for one in named}
    for seed in SEEDS:
        played = Simulation({"ci.yml": text}, MERGES + PROMOTIONS, seed)
        assert played.faults(3, expected) == []


def givens(job: Any) -> list[dict[str, str]]:
    return [job.get("with", {}), *(step.get("with", {}) for step in job.get("steps", []))]


def test_a_promotion_with_a_group_of_its_own_meets_another_deploy() -> None:
    text = ONE["the page on push to deploy"][0].replace("environment: staging", "environment: production")
    mine = text.replace("group: slipway-deploy-production", "group: deploy-production")
    assert mine != text
    events = [Event(0.0, 1), *(Event(at, 1, "workflow_dispatch", {"image": "x@1"}) for at in range(10, 400, 5))]
    assert any(Simulation({"ci.yml": mine}, events, seed).at_once for seed in SEEDS)
    assert not any(Simulation({"ci.yml": text}, events, seed).at_once for seed in SEEDS)


def test_the_hundred_and_first_is_cancelled() -> None:
    """GitHub's limit: 100 wait behind the one that runs."""
    text = ONE["the page on push to deploy"][0]
    events = [Event(0.0, 1, "workflow_dispatch", {"image": "x@1"}) for _ in range(102)]
    assert Simulation({"ci.yml": text}, events[:101], 1).cancelled == []
    assert len(Simulation({"ci.yml": text}, events, 1).cancelled) == 1


KNOWN: dict[tuple[str, ...], Any] = {
    ("github", "repository"): "Acme/shop", ("github", "event_name"): "push", ("github", "ref"): "refs/heads/main",
    ("github", "ref_type"): "branch", ("inputs", "working-directory"): "services/shop", ("inputs", "image"): "",
    ("inputs", "environment"): "Production", ("inputs", "n"): 3.0, ("inputs", "on"): True, ("inputs", "half"): 0.5,
}  # fmt: skip
EXPRESSIONS = [
    "inputs.working-directory != '.' && format('{0}/', inputs.working-directory) || ''",
    "inputs.image || format('ghcr.io/{0}', github.repository)", "github.event.number", "'it''s'",
    "inputs['environment']",
    "inputs.environment == 'PRODUCTION'", "!inputs.image", "!(inputs.on && inputs.image)", "inputs.n == '3'",
    "inputs.n", "inputs.half", "inputs.on", "null == 0", "'' == 0", "'x' == 0", "true == 1",
    "false || 'b'", "'a' && ''",
    "startsWith(github.ref, 'REFS/heads/')", "endsWith(github.ref, 'main')", "contains(github.ref, 'heads')",
    "format('{1}-{0}', 'a', inputs.n)", "github.event_name == 'push' && github.ref == 'refs/heads/main'", "inputs.none",
    "github.event_name != 'workflow_dispatch' && github.ref_type != 'tag'", "1 == 1 == true", "a.b || 'c' && 'd'",
]  # fmt: skip


def test_expressions_are_computed_as_github_computes_them() -> None:
    """By GitHub's own evaluator, on the groups and conditions of the kit, and on what its rules are about."""
    shipped = [
        body
        for document in queueing.KIT.values()
        for job in document["jobs"].values()
        for text in (job.get("concurrency", {}).get("group", ""), f"${{{{ {job['if']} }}}}" if "if" in job else "")
        for body in re.findall(r"\$\{\{(.*?)\}\}", text)
        if "always" not in body
    ]
    asked = [one.strip() for one in [*EXPRESSIONS, *shipped]]
    assert len(shipped) > 8
    folder = provision.need(provision.workflow_parser)
    contexts: dict[str, dict[str, Any]] = {name: {} for name in ("github", "inputs", "a", "needs", "vars", "matrix")}
    for (context, name), value in KNOWN.items():
        contexts[context][name] = value
    done = subprocess.run(
        [provision.node(), str(Path(folder) / "evaluate.mjs")], text=True, timeout=60, check=True, capture_output=True,
        input=json.dumps({"contexts": contexts, "expressions": asked}),
    )  # fmt: skip
    ours = [evaluate.filled(f"${{{{ {one} }}}}", lambda path: KNOWN.get(path)) for one in asked]
    assert dict(zip(asked, ours, strict=True)) == dict(zip(asked, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("text", ["${{ hashFiles('a') }}", "${{ a.* }}", "${{ 1 < 2 }}", "${{ (1 }}", "${{ 'a' 'b' }}"])
def test_what_is_not_computed_is_not_guessed(text: str) -> None:
    with pytest.raises(evaluate.Unknown):
        evaluate.filled(text, lambda path: "x")
