#!/usr/bin/env -S python3 -BES
"""Stands where `slipway` (and `gh`) would: writes down how a workflow called it, and answers as the test said.

So an execution takes half a second, and shows every value that the YAML hands over. Standard library only.
"""

import json
import os
import sys
from pathlib import Path

STATE = Path(os.environ["STANDIN_STATE"])
# What act, the runner and the harness set; all else that a step sees was put there by the workflow.
GIVEN = ("GITHUB_", "RUNNER_", "ACTIONS_", "STANDIN_", "INPUT_", "ACT", "XDG_", "SLIPWAY_ACT_", "PIP_", "SSL_", "NODE_")
ALSO = {
    "CI", "HOME", "SHA_REF", "PATH", "PWD", "OLDPWD", "SHLVL", "LANG", "TMPDIR", "_", "ImageOS", "DOCKER_HOST", "TERM",
    "AGENT_TOOLSDIRECTORY", "RUN_TOOL_CACHE", "DEBIAN_FRONTEND", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "LC_CTYPE",
}  # fmt: skip


def main() -> int:
    """Records one call."""
    import tokens

    program = Path(sys.argv[0]).name
    line = " ".join(sys.argv[1:])
    seen = {
        k: v for k, v in os.environ.items() if not k.startswith(GIVEN) and k not in ALSO and "proxy" not in k.lower()
    }
    workspace = Path(os.environ["GITHUB_WORKSPACE"])
    where = os.path.relpath(Path.cwd(), workspace)
    entry = {"job": os.environ["GITHUB_JOB"], "call": f"{program} {line}", "cwd": where}
    shown = {k: "<token>" if v.startswith(tokens.PREFIX) else v for k, v in seen.items()}
    with (STATE / "trace.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({**entry, "with": shown}) + "\n")
    for value in seen.values():
        if value.startswith(tokens.PREFIX):
            (STATE / "token").write_text(value)  # what `ci login` would leave for the later steps
    answers = json.loads((STATE / "answers.json").read_text())
    line = line if program == "slipway" else f"{program} {line}"
    line = f"{line} {os.environ['STAGE']}" if line == "ci run" else line
    answer = next((answers[key] for key in sorted(answers, key=len, reverse=True) if line.startswith(key)), {})
    token = (STATE / "token").read_text() if (STATE / "token").exists() else ""
    for scope, level in answer.get("needs", {}).items():
        if not tokens.allows(token, scope, level):
            print(f"::error::denied: the job's token lacks {scope}: {level}")
            return 1
    for name, text in answer.get("files", {}).items():
        file = Path.cwd() / name.replace("$RUNNER_TEMP", os.environ["RUNNER_TEMP"])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        for name, text in answer.get("outputs", {}).items():
            text = text.replace("$RUNNER_TEMP", os.environ["RUNNER_TEMP"])
            outputs.write(f"{name}<<END_OF_VALUE\n{text}\nEND_OF_VALUE\n")
    return int(answer.get("exit", 0))


if __name__ == "__main__":
    sys.exit(main())
