"""The table of all that guards: who may do what, with which secret, how long, started by what. Read from the YAML.

golden.md is this table as it was last looked at; a difference is a change of what the workflows promise.
"""

import re
from pathlib import Path
from typing import Any

import yaml
from workflows.harness import places, plan, yaml_text

COLUMNS = (
    "job",
    "if",
    "needs",
    "permissions",
    "secrets",
    "cache-mode",
    "environment",
    "timeout",
    "concurrency",
    "runs-on or calls",
)
GUARDS = ("digest-mismatch", "if-no-files-found", "retention-days", "include-hidden-files")
# Only GitHub runs them, so no execution here sees what they hand over: the table holds all of it.
ONLY_ON_GITHUB = ("selftest", "selftest-broken", "selftest-platform")
SECRET = re.compile(r"(?<![\w-])secrets(?:\.([\w-]+)|\[|\b)|github\.token")


def table(root: Path = places.REPOSITORY) -> str:
    """The table of every workflow, in Markdown."""
    parts = ["# What guards each job\n", "Made from the YAML by `harness/golden.py`; compared by `test_golden.py`.\n"]
    for file in places.workflow_files(root):
        document = yaml_text.read(file)
        parts.append(
            f"\n## {file.name}\n\nTop: permissions {_flat(document.get('permissions', 'DEFAULT'))}" + _top(document)
        )
        parts += [f"- on {line}" for line in triggers(document)]
        parts += ["", "| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
        parts += ["| " + " | ".join(row) + " |" for row in (_row(i, j) for i, j in document["jobs"].items())]
        parts += [f"- {line}" for job, body in document["jobs"].items() for line in _steps(job, body)]
        if file.stem in ONLY_ON_GITHUB:
            parts += [f"- {line}" for line in _whole(document)]
    for file in places.action_files(root):
        document = yaml_text.read(file)
        parts.append(f"\n## {file.parent.name} (action)\n")
        parts += [f"- input {name}{_contract(one)}" for name, one in (document.get("inputs") or {}).items()]
        parts += [f"- {line}" for line in _steps("action", document["runs"])]
        # act hands an inner step's outputs on, declared or not: an execution does not show a lost id.
        parts += [f"- output {name} = `{one['value']}`" for name, one in (document.get("outputs") or {}).items()]
        parts.append("- steps " + ", ".join(plan.step_names(document["runs"]["steps"])))
    return "\n".join(parts) + "\n"


def triggers(document: Any) -> list[str]:
    """The events with their filters, and what a call or a dispatch takes and gives."""
    on = document["on"]
    if not isinstance(on, dict):
        return sorted([on] if isinstance(on, str) else on)
    lines = []
    for event, body in on.items():
        body = body or {}
        filters = (
            {k: v for k, v in body.items() if k not in ("inputs", "secrets", "outputs")}
            if isinstance(body, dict)
            else body
        )
        lines.append(f"{event}: {_flat(filters)}" if filters else event)
        for kind in ("inputs", "secrets", "outputs"):
            entries = (body.get(kind) or {}) if isinstance(body, dict) else {}
            lines += [f"{event} {kind.removesuffix('s')} {name}{_contract(one)}" for name, one in entries.items()]
    return lines


def _contract(one: Any) -> str:
    """Type, whether it is required, and the default; an output's value is proven by executions."""
    one = one or {}
    said = [one["type"]] if "type" in one else []
    said += ["required"] if one.get("required") == "true" else []
    said += ["optional"] if one.get("required") == "false" else []
    said += [f"default {one['default']!r}"] if "default" in one else []
    return ": " + ", ".join(said) if said else ""


def _top(document: Any) -> str:
    said = [f"{key} {_flat(document[key])}" for key in ("concurrency", "env", "defaults") if key in document]
    return "".join(f"; {text}" for text in said)


def _row(name: str, job: Any) -> tuple[str, ...]:
    called = job.get("uses", "")
    held = sorted(
        {"github.token" if "token" in m[0].lower() and not m[1] else m[1] or m[0] for m in SECRET.finditer(str(job))}
    )
    return (
        name,
        _flat(job.get("if", "")),
        _flat(job.get("needs", "")),
        _flat(job.get("permissions", "NONE STATED")),
        ", ".join(held),
        job.get("cache-mode", ""),
        _flat(job.get("environment", "")),
        "" if called else job.get("timeout-minutes", "NONE"),
        _flat(job.get("concurrency", "")),
        called or _flat(job["runs-on"]),
    )


def _steps(job: str, body: Any) -> list[str]:
    """What guards inside a job: conditions, errors forgiven, time limits, credentials kept by checkout."""
    lines = []
    if body.get("continue-on-error"):
        lines.append(f"{job}: continue-on-error {body['continue-on-error']}")
    for number, step in enumerate(body.get("steps", [])):
        name = step.get("id", step.get("name", str(number)))
        given = step.get("with", {})
        if "checkout@" in step.get("uses", ""):
            credentials = given.get("persist-credentials", "TRUE BY DEFAULT")
            lines.append(f"{job}/{name}: checkout, persist-credentials {credentials}")
        # Some say what is the default today: no execution shows that they are gone, and a later default may be weaker.
        lines += [f"{job}/{name}: {key} {given[key]}" for key in GUARDS if key in given]
        lines += [f"{job}/{name}: {k} `{step[k]}`" for k in ("if", "continue-on-error", "timeout-minutes") if k in step]
    return lines


def _whole(document: Any) -> list[str]:
    """All that a workflow hands over: to a called one, to an action, to a command."""
    lines = [f"run-name `{document['run-name']}`"] if "run-name" in document else []
    for job, body in document["jobs"].items():
        lines += [f"{job}: {key} `{_flat(body[key])}`" for key in ("strategy", "with", "env", "outputs") if key in body]
        for number, step in enumerate(body.get("steps", [])):
            said = [f"{key} `{_flat(step[key])}`" for key in ("uses", "run", "with", "env") if key in step]
            lines.append(f"{job}/{number}: {', '.join(said)}")
    return lines


def _flat(value: Any) -> str:
    """A value on one line, safe in a table."""
    if isinstance(value, dict):
        text = ", ".join(f"{key}: {_flat(inner)}" if inner else str(key) for key, inner in value.items()) or "none"
    elif isinstance(value, list):
        text = ", ".join(map(str, value))
    else:
        text = str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def promised_permissions(root: Path = places.REPOSITORY) -> dict[str, dict[str, str]]:
    """What a caller must grant to each workflow that is called: the most that any of its jobs asks for."""
    found = {}
    for file in places.workflow_files(root):
        document = yaml_text.read(file)
        if yaml_text.is_called(document):
            found[file.name] = {
                k: v for j in document["jobs"].values() for k, v in yaml_text.permissions(document, j).items()
            }
    return found


def documented_permissions(root: Path = places.REPOSITORY) -> list[tuple[str, str, dict[str, str]]]:
    """Every block in README and docs/ that calls one of our workflows: (place, workflow, permissions)."""
    found = []
    for file in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        for block in re.findall(r"^```ya?ml\n(.*?)^```", file.read_text(encoding="utf-8"), re.M | re.S):
            try:
                document = yaml_text.load(block)
            except yaml.YAMLError:
                continue
            for path, key, value in yaml_text.walk(document):
                called = (
                    re.search(r"\.github/workflows/([\w-]+\.ya?ml)(@|$)", value)
                    if key == "uses" and isinstance(value, str)
                    else None
                )
                if called:
                    job = document
                    for word in path:
                        job = job[int(word)] if isinstance(job, list) else job[word]
                    found.append((str(file.relative_to(root)), called[1], dict(job.get("permissions") or {})))
    return found
