"""Does the real work of GitHub's own actions with folders instead of services: python3 standin.py ACTION.

The inputs come as JSON, the state lies in $STANDIN_STATE. What an action would refuse is refused; what is not modelled
here is an error too, never ignored. Nothing is signed and nothing leaves the machine.
"""

import json
import os
import sys
from pathlib import Path

import tokens

INPUTS: dict[str, str] = {k: "" if v is None else str(v) for k, v in json.loads(os.environ["STANDIN_INPUTS"]).items()}
STATE = Path(os.environ["STANDIN_STATE"])
WORKSPACE = Path(os.environ["GITHUB_WORKSPACE"])


class Refused(Exception):
    """What the action would end red for."""


def value(name: str) -> str:
    """An input without the blanks around it."""
    return INPUTS.get(name, "").strip()


def flag(name: str) -> bool:
    """A boolean input, by YAML 1.2's words, as the toolkit reads them."""
    word = value(name)
    if word not in ("true", "True", "TRUE", "false", "False", "FALSE"):
        raise Refused(f"input {name}: {word!r} is no boolean")
    return word.lower() == "true"


def choice(name: str, *words: str) -> str:
    """An input that is one of a few words."""
    if value(name) not in words:
        raise Refused(f"input {name}: {value(name)!r} is none of {', '.join(words)}")
    return value(name)


def unsupported(*names: str) -> None:
    """Ends red for inputs that are set and not modelled."""
    if used := [name for name in names if value(name)]:
        raise Refused(f"this stand-in does not model the inputs {', '.join(used)}")


def inside(path: str) -> Path:
    """A folder under the workspace."""
    found = (WORKSPACE / path).resolve()
    if not found.is_relative_to(WORKSPACE.resolve()):
        raise Refused(f"Repository path {path!r} is not under {WORKSPACE}")
    return found


def need(token: str, scope: str, level: str) -> None:
    """Refuses, as GitHub's API would, what the job's token does not grant."""
    if not tokens.allows(token, scope, level):
        raise Refused(f"HTTP 403: Resource not accessible by integration (the job's token lacks {scope}: {level})")


def output(name: str, text: str) -> None:
    """Sets an output of the action."""
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.write(f"{name}={text}\n")


def record(file: str, entry: dict) -> None:
    """Appends a line to a log of the state folder, for the test to read."""
    path = STATE / file
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as log:
        log.write(json.dumps({"job": os.environ.get("GITHUB_JOB", ""), **entry}) + "\n")


def main() -> int:
    """Runs one action."""
    import artifacts
    import cache
    import checkout
    import github

    actions = {
        "actions/checkout": checkout.checkout,
        "actions/upload-artifact": artifacts.upload,
        "actions/download-artifact": artifacts.download,
        "actions/cache": cache.both,
        "actions/cache/restore": cache.restore,
        "actions/cache/save": cache.save,
        "actions/attest": github.attest,
        "actions/setup-python": github.setup_python,
        "github/codeql-action/upload-sarif": github.upload_sarif,
    }
    shown = {name: "<token>" if text.startswith(tokens.PREFIX) else text for name, text in INPUTS.items()}
    record("trace.jsonl", {"call": sys.argv[1], "with": shown})
    try:
        actions[sys.argv[1]]()
    except Refused as refused:
        print(f"::error::{sys.argv[1]}: {refused}")
        return 1
    return 0


if __name__ == "__main__":
    sys.modules["standin"] = sys.modules["__main__"]
    sys.exit(main())
