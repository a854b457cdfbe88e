"""The tables of what GitHub offers, read from github.toml: they age, so they stand in one file with their sources."""

import tomllib
from pathlib import Path
from typing import Any

TABLES: dict[str, Any] = tomllib.loads((Path(__file__).parent / "github.toml").read_text(encoding="utf-8"))

CHECKED: str = TABLES["checked"].isoformat()
SCOPES: list[str] = TABLES["permissions"]["scopes"]
NEWER_SCOPES: list[str] = TABLES["permissions"]["newer"]
SETTING: str = TABLES["permissions"]["setting"]
STATUS = frozenset(TABLES["contexts"]["status"])
GROUP: str = TABLES["steps"]["group"]
WAITING: list[str] = TABLES["steps"]["named"]

TEXT_PROPERTIES = frozenset(TABLES["values"]["strings"])
TEXT_FUNCTIONS = frozenset(TABLES["values"]["functions"])
DANGEROUS: list[str] = TABLES["events"]["dangerous"]
PULL_REQUESTS: list[str] = TABLES["events"]["pull-requests"]

SELF_HOSTED: str = TABLES["runners"]["own"]
EPHEMERAL: str = TABLES["runners"]["ephemeral"]
WITHOUT_STORE = frozenset(TABLES["runners"]["without-store"])
RUNS_PROJECT_CODE: dict[str, list[str]] = TABLES["kit"]["runs-project-code"]

NEWER_STEPS: list[str] = TABLES["steps"]["kinds"]
ACTIONLINT_KINDS: list[str] = TABLES["actionlint"]["kinds"]
UNREADABLE: str = TABLES["actionlint"]["unreadable"]
NO_FAULTS: list[str] = [*TABLES["actionlint"]["newer"], *TABLES["actionlint"]["harmless"]]


def contexts(part: str) -> dict[str, frozenset[str]]:
    """What expressions may use in each place of a workflow, a job, a step or an action."""
    return {key: frozenset(names) for key, names in TABLES["contexts"][part].items()}


def words(scope: str) -> list[str]:
    """The levels that a scope has."""
    never = [level for level in ("read", "write") if scope in TABLES["permissions"][f"never-{level}"]]
    return [level for level in ("none", "read", "write") if level not in never]


def composite(workflow: str) -> str:
    """Return the composite action of the kit that does in any job what a called workflow does."""
    known = {**RUNS_PROJECT_CODE, **TABLES["kit"]["deploys"]}
    return next((action for action, workflows in known.items() if workflow in workflows), "")
