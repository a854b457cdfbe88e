"""The reference of the workflows, made from the YAML itself: `python -m slipway.report.workflow_reference`."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
HEAD = """# The workflows

Made from `.github/workflows` by `python -m slipway.report.workflow_reference`. Call each by a commit:
`uses: OWNER/slipway/.github/workflows/verify.yml@<40 hex digits>`, and grant the permissions that its job asks for:
what is not granted stops the run before it starts.
"""


def page(root: Path = ROOT) -> str:
    """The whole page, in Markdown: every workflow that can be called."""
    parts = [HEAD]
    for path in sorted((root / ".github" / "workflows").glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        # GitHub reads YAML 1.2, where `on` is a word; PyYAML reads 1.1, where it is true.
        model: dict[Any, Any] = yaml.safe_load(text)
        triggers = model.get("on", model.get(True)) or {}
        if "workflow_call" in triggers:
            parts.append(_workflow(path.name, text, model, triggers["workflow_call"] or {}))
    return "\n".join(parts)


def _workflow(name: str, text: str, model: dict[Any, Any], call: dict[str, Any]) -> str:
    about = " ".join(line.lstrip("# ") for line in re.findall(r"(?m)^#.*$", text.split("\non:")[0]))
    (job,) = model["jobs"].values()
    parts = [f"## {name}\n", f"{about}\n"]
    parts.append(_table("inputs", ("type", "default", ""), _inputs(call.get("inputs") or {})))
    parts.append(_table("secrets", ("",), [(n, s["description"]) for n, s in (call.get("secrets") or {}).items()]))
    parts.append(_table("outputs", ("",), [(n, o["description"]) for n, o in (call.get("outputs") or {}).items()]))
    reasons = dict(re.findall(r"(?m)^\s+([a-z-]+): (?:read|write) # (.*)$", text))
    grants = [(n, level, reasons[n]) for n, level in job["permissions"].items()]
    parts.append(_table("permissions", ("level", "why"), grants))
    return "\n".join(part for part in parts if part)


def _inputs(inputs: dict[str, Any]) -> list[tuple[str, ...]]:
    return [(name, i["type"], _default(i), i["description"]) for name, i in inputs.items()]


def _default(entry: dict[str, Any]) -> str:
    if entry.get("required"):
        return "required"
    return f"`{entry['default']}`" if entry.get("default") else ""


def _table(what: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [f"| {what} | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    lines += [f"| `{name}` | {' | '.join(str(cell) for cell in cells)} |" for name, *cells in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
