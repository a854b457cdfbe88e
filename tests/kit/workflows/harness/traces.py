"""Executes scenarios and writes down what each workflow handed over, step by step.

That is kept in traces/ and compared. So a value that no longer arrives is seen, whatever line of YAML lost it.
"""

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workflows.harness import events, places, standins, yaml_text
from workflows.harness.runner import Run, Shop, commit
from workflows.harness.scenarios import ANSWERS, Scenario, source
from workflows.harness.service import Service
from workflows.harness.yaml_text import is_called, permissions

DEPLOYS = {"contents": "read", "packages": "read", "attestations": "read"}  # what a job that uses the action grants


def caller(scenario: Scenario, document: Any) -> str:
    """A workflow that calls the scenario's with typed inputs, and a job that reads all results of the call."""
    declared = document["on"]["workflow_call"].get("inputs") or {}
    numbers = {name for name, one in declared.items() if one["type"] in ("number", "boolean")}
    given = {n: json.loads(v) if n in numbers else v for n, v in scenario.inputs.items()}
    secrets = {name: f"${{{{ secrets.{name.upper().replace('-', '_')} }}}}" for name in scenario.secrets}
    call = {"uses": f"$/.github/workflows/{scenario.workflow}.yml", "with": given, "secrets": secrets}
    tell = 'echo "needs=$(echo $N)" >> "$GITHUB_OUTPUT"'
    step = {"id": "needs", "env": {"N": "${{ toJSON(needs) }}"}, "run": tell}
    probe = {"needs": "call", "if": "always()", "runs-on": "ubuntu-26.04", "steps": [step]}
    # The reference stands on a line of its own, which is what the dialect rewrites.
    head = "name: Caller\non: [push, pull_request, merge_group, schedule, workflow_dispatch]\npermissions: {}\njobs:\n"
    return head + _block(call, probe)


def user(scenario: Scenario) -> str:
    """A workflow with a job of its own that uses one of our actions, and reads all its outputs."""
    lines = [
        "name: User\non: [push]\npermissions: {}\njobs:\n  own:\n    runs-on: ubuntu-26.04\n    steps:",
        f"      - uses: actions/checkout@{standins.pins()['actions/checkout'][0]}",
        f"      - id: used\n        uses: $/.github/{scenario.workflow}\n        with: {json.dumps(scenario.inputs)}",
        "      - id: needs\n        if: always()\n        env: {N: '${{ toJSON(steps.used) }}'}",
        '        run: echo "needs=$(echo $N)" >> "$GITHUB_OUTPUT"',
    ]
    return "\n".join([*lines, ""])


def _block(call: dict[str, Any], probe: dict[str, Any]) -> str:
    lines = ["  call:", f"    uses: {call['uses']}"]
    lines += [f"    {key}: {json.dumps(call[key])}" for key in ("with", "secrets") if call[key]]
    return "\n".join([*lines, f"  probe: {json.dumps(probe)}", ""])


def execute(scenario: Scenario, folder: Path, root: Path = places.REPOSITORY, *, clients: bool = False) -> Run:
    """Runs a scenario on the workflows of `root`, with the recorder in the place of `slipway`.

    `clients`: GitHub's own keep and take artifacts and caches, not their stand-ins.
    """
    shop = Shop(folder, kit=root)
    shop.service = Service(shop.state) if clients else None
    shop.place_kit(scripts=False)
    _place_recorder(folder / "kit")
    shop.path.append(str(folder / "gh"))
    _place_program(folder / "gh", "gh")
    file = source(scenario, root)
    document = yaml_text.read(file)
    if "runs" in document:  # an action: the job is its user's
        granted_to_it = DEPLOYS if scenario.workflow == "actions/deploy" else {"contents": "read"}
        document = {"on": {"push": ""}, "jobs": {"own": {"permissions": granted_to_it}}}
    files = {"slipway.toml": "", "services/shop/slipway.toml": ""}
    if scenario.no_submodule:
        files[".gitmodules"] = '[submodule "lib"]\n\tpath = lib\n\turl = https://github.com/acme/private.git\n'
        (shop.state / "private.json").write_text('{"acme/private": "another token"}')
    first = shop.repository_from(files)
    sha = commit(shop.state / "repos" / shop.repository, message="two") if scenario.event == "pull_request" else first
    answers = {**ANSWERS, **scenario.answers}
    (shop.state / "answers.json").write_text(json.dumps(answers))
    for number, (name, files) in enumerate(scenario.artifacts.items(), 1001):
        standins.put_artifact(shop.state, shop.run_id, number, name, files, swapped=name == "swapped")
    if scenario.storage_is_full:
        (shop.state / "storage-is-full").touch()
    called = is_called(document)
    if scenario.workflow.startswith("actions/"):
        text = user(scenario)
    else:
        text = caller(scenario, document) if called else file.read_text(encoding="utf-8")
    granted: dict[str, str] = {}
    for job in document["jobs"].values():
        granted |= permissions(document, job)
    if scenario.fork:
        granted = {scope: "read" if level == "write" else level for scope, level in granted.items()}
    if called and len(document["jobs"]) == 1:
        (job,) = document["jobs"].values()
        shop.environment["ACTIONS_CACHE_MODE"] = job.get("cache-mode", "")
    payload: dict[str, Any] = {
        "push": lambda: events.push(sha, scenario.ref),
        "pull_request": lambda: events.pull_request(first, fork=scenario.fork),
        # act does not start without knowing the default branch; GitHub's event has no repository.
        "schedule": lambda: {**events.schedule(), "repository": {"default_branch": "main"}},
        "merge_group": lambda: events.merge_group(sha),
        "workflow_dispatch": lambda: events.dispatch(scenario.ref, **({} if called else scenario.inputs)),
    }[scenario.event]()
    named = {name.upper().replace("-", "_"): value for name, value in scenario.secrets.items()}
    run = shop.run(
        shop.caller(text),
        scenario.event,
        payload,
        sha,
        permissions=granted,
        secrets=named,
        variables=scenario.variables,
        timeout=180 if clients else 90,
    )
    if shop.service:
        shop.service.end()
    shutil.rmtree(folder / "kit")
    return run


def _place_recorder(kit: Path) -> None:
    """The mapped set-up puts the recorder on PATH; the shipped set-up is executed by the tests on the real engine."""
    setup = kit / ".github" / "actions" / "setup"
    _place_program(setup / "bin", "slipway")
    (setup / "setup.py").write_text(
        "import json, os, pathlib, shutil\n"
        "with open(os.path.join(os.environ['STANDIN_STATE'], 'set-ups.jsonl'), 'a') as log:\n"
        "    print(json.dumps([os.environ['GITHUB_JOB'], os.environ.get('ENGINE')]), file=log)\n"
        "bin = pathlib.Path(os.environ['RUNNER_TEMP']) / 'recorder'\n"
        "shutil.copytree(pathlib.Path(__file__).parent / 'bin', bin, dirs_exist_ok=True)\n"
        "open(os.environ['GITHUB_PATH'], 'a').write(f'{bin}\\n')\n"
        "given = {'ENGINE': os.environ.get('ENGINE', '')}\n"
        "entry = {'job': os.environ['GITHUB_JOB'], 'call': 'setup.py', 'with': given}\n"
        "trace = pathlib.Path(os.environ['STANDIN_STATE']) / 'trace.jsonl'\n"
        "trace.open('a').write(json.dumps(entry) + '\\n')\n"
    )


def _place_program(folder: Path, name: str) -> None:
    here = Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(here / "recorder.py", folder / name)
    (folder / name).chmod(0o755)
    shutil.copy(here / "tokens.py", folder)


def trace(run: Run) -> str:
    """What happened, as text: each call in order with all that it was given, then every job and step."""
    lines: list[str] = []
    for entry in run.records("trace.jsonl"):
        where = f" in {entry['cwd']}" if entry.get("cwd", ".") != "." else ""
        lines.append(_stable(f"{entry['job']}: {entry['call']}{where}", run))
        lines += [f"    {key} = {_stable(value, run)!r}" for key, value in _given(entry)]
    for key, outcome in sorted(run.jobs.items()):
        known = {step for job in run.plan.jobs for step in job.steps}
        steps = " ".join(f"{name}:{result}" for name, result in outcome.steps.items() if name in known)
        lines.append(f"{key} {outcome.result} | {steps}".rstrip(" |"))
        errors = [a.message.partition("\n")[0].split(": ", 1)[-1] for a in outcome.annotations if a.level == "error"]
        lines += [f"    ! {_stable(message[:100], run)}" for message in errors]
        needs = outcome.outputs.get("needs", {}).get("needs")
        if needs:
            lines.append("    needs " + json.dumps(json.loads(_stable(needs, run)), sort_keys=True))
    return "\n".join(lines) + "\n"


def _given(entry: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """What the workflow gave: of an action's inputs those that are not the default's."""
    reference, given = entry["call"], {name: value for name, value in entry["with"].items() if value}
    if not reference.startswith(("slipway ", "gh ", "setup.py")):
        commit_of = standins.pins()["/".join(reference.split("/")[:2])][0]
        known = standins.metadata(f"{reference}@{commit_of}") or {}
        defaults = {name.lower(): one.get("default", "") for name, one in known["inputs"].items()}
        given = {n: v for n, v in given.items() if v != defaults[n.lower()] and "${{" not in defaults[n.lower()]}
    return sorted(given.items())


def _stable(text: str, run: Run) -> str:
    """Without what differs from run to run: folders and commits."""
    text = re.sub(rf"{re.escape(str(run.folder))}/cache/[^/\s'\"]+/hostexecutor", "$WORKSPACE", str(text))
    text = re.sub(rf"{re.escape(str(run.folder))}/cache/[^/\s'\"]+/tmp", "$RUNNER_TEMP", text)
    text = re.sub(r"\b(?!7{64})[0-9a-f]{64}\b", "<sha256>", text)
    return re.sub(r"\b[0-9a-f]{40}\b", "<commit>", text)
