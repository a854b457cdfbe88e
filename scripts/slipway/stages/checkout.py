"""A build context from which the checkout left something out: red before anything is built of it."""

import os

from slipway import github
from slipway.policy.finding import Finding
from slipway.stages.base import Context, Outcome, failed

SHOWN = 20  # files, of each kind


def refuse(context: Context) -> Outcome:
    """Return the red outcome, with the command that fetches what is missing, or the workflow's input on a runner."""
    pointers = [one for one in context.unfetched if one.kind == "pointer"]
    empty = [one for one in context.unfetched if one.kind == "submodule"]
    deep = any(one.nested for one in empty)
    lfs, modules = "git lfs pull", f"git submodule update --init{' --recursive' * deep}"
    if github.on_runner():
        lfs = "pass `lfs: true` to the workflow"
        word = "recursive" if deep else "true"
        modules = f"pass `submodules: {word}` to the workflow; for a private one see docs/how-to/checkout.md"
    findings = []
    for one in pointers[:SHOWN]:
        name = os.path.relpath(one.path, context.root)
        findings.append(Finding("git-lfs-pointer", "HIGH", f"{name} is a Git LFS pointer, not the file", name, fix=lfs))
    for one in empty[:SHOWN]:
        name = os.path.relpath(one.path, context.root)
        message = f"{name} is empty: it is a submodule of {one.url or 'an unknown repository'}"
        findings.append(Finding("empty-submodule", "HIGH", message, name, fix=modules))
    said = [f"{len(pointers)} Git LFS pointer{'s' * (len(pointers) != 1)}"] * bool(pointers)
    said += [f"{len(empty)} empty submodule{'s' * (len(empty) != 1)}"] * bool(empty)
    fixes = [lfs] * bool(pointers) + [modules] * bool(empty)
    return failed(f"the build context holds {' and '.join(said)}", *findings, fix="; ".join(fixes))
