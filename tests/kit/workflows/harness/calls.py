"""How the script of a step starts slipway.

GitHub's runner signals the one process that it started: the shell, unless the shell has become slipway by `exec`. A
shell that waits for slipway dies of the second signal, and slipway never hears of either.
"""

import re
import shlex
from typing import Any

from workflows.harness import yaml_text

# Words before a command that run it as their child, or as a part of the shell's own syntax.
BEFORE = {"!", "command", "do", "else", "env", "if", "nice", "nohup", "python", "python3", "sudo", "then", "time",
          "timeout", "until", "uv", "uvx", "while", "{"}  # fmt: skip
REDIRECTION = re.compile(r"\d*[<>]+&?\s*\S+")
INSIDE = re.compile(r"(\$\(|`)\s*slipway\b")


def scripts(document: Any) -> list[str]:
    """Every `run:` of a workflow, an action, or a part of one."""
    return [value for _, key, value in yaml_text.walk(document) if key == "run" and isinstance(value, str)]


def faults(script: str) -> list[str]:
    """The lines that start slipway otherwise than by an `exec` that is all of the script's last line."""
    lines = [line for line in script.replace("\\\n", " ").splitlines() if line.strip() and line.strip()[0] != "#"]
    return [line.strip() for line in lines if _is_fault(line, last=line is lines[-1])]


def _is_fault(line: str, *, last: bool) -> bool:
    words = shlex.shlex(REDIRECTION.sub("", line), posix=True, punctuation_chars=";&|()")
    words.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set(";&|()"):
            commands.append([])
        elif commands[-1] or not re.match(r"\w+=", word):
            commands[-1].append(word)
    alone = len(commands) == 1 and commands[0][0] == "exec" and last
    return bool(INSIDE.search(line)) or (any(map(_starts, commands)) and not alone)


def _starts(command: list[str]) -> bool:
    first, *rest = command or [""]
    return first.rpartition("/")[2] == "slipway" or (first in (*BEFORE, "exec") and "slipway" in rest)
